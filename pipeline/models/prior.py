"""The prior: a causal transformer over codes, conditioned on the body and, with content, on notes (paper, 3.2 and 3.3).

Shapes: B windows, T steps, W width, K codes. Step t sees the codes before t; step 0 sees a start token in their place.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.body import BodyEncoder, BodySequence
from pipeline.models.content import ContentEncoder
from pipeline.models.transformer import Block, Cache, KeysValues, empty_caches, turns


@dataclass
class State:
    """What sampling carries from step to step."""

    body: Tensor  # (B, T, 2 * body_hidden), what the prior is told of the movement at every step
    memories: list[KeysValues | None]  # a layer each
    caches: list[Cache]
    guidance: float
    step: int = 0


class Prior(nn.Module):
    """Predicts each code from those before it, from movement, and from notes.

    Args:
        codes: K; `width` is that of the transformer, 2 * body_hidden of it tell of the movement.
        notes: number of note indices, the rest (0) included; 0: without content.
        body: last_state, one vector for the whole window (the paper's), or gru or convolutions, one for each step.
        velocities, body_layers: of the body encoder.
        body_at_head: whether the movement also reaches the scores directly, past the transformer.
        body_reach: each layer attends across to the movement so many steps before and after its own; 0: not at all.
        codes_hidden: mean share of the codes before that the start token replaces in training, so that the movement is needed.
        onset_weight: in training, of a second task: to tell from the movement alone how strongly a note starts at each step.
        onset_companding: k; a strength of s deviations is told as log(1 + k s), so that a soft note counts as well as a loud one.
        movement_hidden: share of the windows that are trained without movement, for guidance in sampling.
    """

    def __init__(
        self,
        *,
        codes: int,
        notes: int,
        joints: int,
        body: str,
        velocities: bool,
        body_hidden: int,
        body_layers: int,
        body_at_head: bool,
        body_reach: int,
        codes_hidden: float,
        movement_hidden: float,
        onset_weight: float,
        onset_companding: float,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.start = codes  # the start token
        self.reads_notes = bool(notes)
        self.heads = heads
        self.body_at_head, self.body_reach = body_at_head, body_reach
        self.codes_hidden, self.movement_hidden = codes_hidden, movement_hidden
        self.onset_weight, self.onset_companding = onset_weight, onset_companding
        state = 2 * body_hidden
        self.body: BodyEncoder | BodySequence = (
            BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
            if body == "last_state"
            else BodySequence(
                joints=joints, hidden=body_hidden, layers=body_layers, network=body, velocities=velocities
            )
        )
        self.content = (
            ContentEncoder(notes=notes, state=state, width=width, heads=heads, dropout=dropout) if notes else None
        )
        self.onset = nn.Linear(state, 1) if onset_weight else None
        self.body_memory = nn.Linear(state, width) if body_reach else None
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        cross = bool(notes or body_reach)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal=True, cross=cross) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width + state if body_at_head else width, codes)

    def memories(self, notes: Tensor | None, body: Tensor) -> list[KeysValues | None]:
        """What each layer attends to across: note indices (B, T), or the movement (B, T, S) itself."""
        if self.content is not None:
            assert notes is not None, "a prior with content needs notes"
            memory = self.content(notes, body)
        elif self.body_memory is not None:
            memory = self.body_memory(body)
        else:
            return [None] * len(self.blocks)
        by = turns(torch.arange(body.shape[1], device=body.device), memory.shape[2] // self.heads)
        made = [block.cross_attention.keys_values(memory, by) for block in self.blocks]  # type: ignore[union-attr,operator]
        # In one piece, since sampling reads them at every step: attention to a view takes twice as long.
        return [(k.contiguous(), v.contiguous()) for k, v in made]

    def logits(
        self,
        before: Tensor,
        body: Tensor,
        memories: list[KeysValues | None],
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores of the next code after each step.

        Args:
            before: (B, T) the code before each step, `self.start` before step 0.
            body: (B, T, 2 * body_hidden) what the prior is told of the movement at these steps.
            memories: of `self.memories`.
            first: the position of the first step given.
            caches: one a layer, from which the steps before `first` are taken; then T = 1, but at the beginning.

        Returns:
            (B, T, K)
        """
        x = torch.cat([self.embedding(before), body], dim=-1)  # (B, T, W)
        x = self.drop(x)
        position = torch.arange(first, first + before.shape[1], device=before.device)
        for i, block in enumerate(self.blocks):
            x = block(x, position, memories[i], None if caches is None else caches[i], self.body_reach)
        x = self.norm(x)
        return self.head(torch.cat([x, body], dim=-1) if self.body_at_head else x)

    def body_state(self, motion: Tensor) -> Tensor:
        """One vector for movements (B, frames, joints, 2): (B, 2 * body_hidden)."""
        return self.body(motion)

    def onsets_told(self, body: Tensor) -> Tensor | None:
        """How strongly a note starts at each step, companded, as the movement (B, T, S) alone tells it: (B, T).

        None of a prior that was trained without an onset weight.
        """
        return None if self.onset is None else self.onset(body)[..., 0].float()

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float = 1) -> State:
        """The state before the first of `steps` steps of sampling; `context` is how many steps back the prior looks.

        Guidance g scores a code by u + g (c - u), c its score with the movement and u without (Ho and Salimans 2022); 1 is c.
        A prior that was never trained without movement has no u: its guidance is 1.
        """
        guidance = guidance if self.movement_hidden else 1
        body = self.body.steps(motion, steps)
        if guidance != 1:
            body = torch.cat([body, torch.zeros_like(body)])
            notes = None if notes is None else torch.cat([notes, notes])
        width = self.norm.normalized_shape[0]
        caches = empty_caches(self.head.weight, len(self.blocks), len(body), self.heads, context, width)
        return State(body, self.memories(notes, body), caches, guidance)

    def next(self, before: Tensor, state: State) -> Tensor:
        """Scores (B, K) of the code after `before` (B, T), T = 1 but at the beginning; moves the state on by T steps."""
        if state.guidance != 1:
            before = torch.cat([before, before])
        body = state.body[:, state.step : state.step + before.shape[1]]
        logits = self.logits(before, body, state.memories, state.step, state.caches)[:, -1]
        state.step += before.shape[1]
        if state.guidance == 1:
            return logits
        told, untold = logits.chunk(2)
        return untold + state.guidance * (told - untold)

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code, in nats.

        Args:
            codes: (B, T); motion: (B, frames, joints, 2); notes: (B, T) indices, for a prior with content.

        Returns:
            (B, T)
        """
        return self._nll(codes, self.body.steps(motion, codes.shape[1]), notes)

    def _nll(self, codes: Tensor, body: Tensor, notes: Tensor | None) -> Tensor:
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        if self.training and self.codes_hidden:
            share = 2 * self.codes_hidden * torch.rand(len(codes), 1, device=codes.device)
            before = before.masked_fill(torch.rand(codes.shape, device=codes.device) < share, self.start)
        if self.training and self.movement_hidden:
            body = body * (torch.rand(len(codes), 1, 1, device=codes.device) >= self.movement_hidden)
        logits = self.logits(before, body, self.memories(notes, body))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(
        self, codes: Tensor, motion: Tensor, notes: Tensor | None = None, onset_strength: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`, and `onset_weight` times the squared error of the onsets.

        Args:
            onset_strength: (B, T) of the recorded sound, where `onset_weight` is more than 0.
        """
        body = self.body.steps(motion, codes.shape[1])
        nll = self._nll(codes, body, notes).mean()
        told = self.onsets_told(body)
        if told is None:
            return {"loss": nll, "nll": nll}
        assert onset_strength is not None, "a prior with an onset weight learns from the strength of onsets"
        strength = onset_strength / onset_strength.std().clamp(min=1e-6)
        error = F.mse_loss(told, torch.log1p(self.onset_companding * strength))
        return {"loss": nll + self.onset_weight * error, "nll": nll, "onset_error": error}
