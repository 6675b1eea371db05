"""The prior: a causal transformer over codes, conditioned on the body and, with content, on notes (paper, 3.2 and 3.3).

Shapes: B windows, T steps, W width, K codes. Step t sees the codes before t; step 0 sees a start token in their place.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.body import BodyEncoder
from pipeline.models.content import ContentEncoder
from pipeline.models.transformer import Block, Cache, KeysValues, empty_caches


@dataclass
class State:
    """What sampling carries from step to step."""

    h: Tensor  # (B, 2 * body_hidden)
    memories: list[KeysValues | None]  # a layer each
    caches: list[Cache]
    step: int = 0


class Prior(nn.Module):
    """Predicts each code from those before it, from the movement of the whole window, and from notes.

    Args:
        codes: K; `width` is that of the transformer, 2 * body_hidden of it the body's state.
        notes: number of note indices, the rest (0) included; 0: without content.
    """

    def __init__(
        self,
        *,
        codes: int,
        notes: int,
        joints: int,
        body_hidden: int,
        body_layers: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.start = codes  # the start token
        self.heads = heads
        state = 2 * body_hidden
        self.body = BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.content = (
            ContentEncoder(notes=notes, state=state, width=width, heads=heads, dropout=dropout) if notes else None
        )
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal=True, cross=bool(notes)) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, codes)

    def memories(self, notes: Tensor | None, h: Tensor) -> list[KeysValues | None]:
        """What each layer attends to across, of note indices (B, S)."""
        if self.content is None:
            return [None] * len(self.blocks)
        assert notes is not None, "a prior with content needs notes"
        memory, position = self.content(notes, h), torch.arange(notes.shape[1], device=notes.device)
        made = [block.cross_attention.keys_values(memory, position) for block in self.blocks]  # type: ignore[union-attr,operator]
        # In one piece, since sampling reads them at every step: attention to a view takes twice as long.
        return [(k.contiguous(), v.contiguous()) for k, v in made]

    def logits(
        self,
        before: Tensor,
        h: Tensor,
        memories: list[KeysValues | None],
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores of the next code after each step.

        Args:
            before: (B, T) the code before each step, `self.start` before step 0.
            h: (B, 2 * body_hidden) the body's state.
            memories: of `self.memories`.
            first: the position of the first step given.
            caches: one a layer; then T = 1 and the steps before `first` are taken from there.

        Returns:
            (B, T, K)
        """
        steps = before.shape[1]
        x = torch.cat([self.embedding(before), h[:, None].expand(-1, steps, -1)], dim=-1)  # (B, T, W)
        x = self.drop(x)
        position = torch.arange(first, first + steps, device=before.device)
        for i, block in enumerate(self.blocks):
            x = block(x, position, memories[i], None if caches is None else caches[i])
        return self.head(self.norm(x))

    def body_state(self, motion: Tensor) -> Tensor:
        """h of movements (B, frames, joints, 2): (B, 2 * body_hidden)."""
        return self.body(motion)

    def begin(self, motion: Tensor, notes: Tensor | None, context: int) -> State:
        """The state before the first step of sampling; `context` is how many steps back the prior looks."""
        h = self.body(motion)
        width = self.head.in_features
        caches = empty_caches(self.head.weight, len(self.blocks), len(motion), self.heads, context, width)
        return State(h, self.memories(notes, h), caches)

    def next(self, before: Tensor, state: State) -> Tensor:
        """Scores (B, K) of the code after `before` (B,); moves the state on by a step."""
        logits = self.logits(before[:, None], state.h, state.memories, state.step, state.caches)
        state.step += 1
        return logits[:, 0]

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code, in nats.

        Args:
            codes: (B, T); motion: (B, frames, joints, 2); notes: (B, T) indices, for a prior with content.

        Returns:
            (B, T)
        """
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        h = self.body(motion)
        logits = self.logits(before, h, self.memories(notes, h))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`."""
        return {"loss": self.nll(codes, motion, notes).mean()}
