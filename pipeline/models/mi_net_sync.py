"""MI Net in time: it is told at every step what the movement asks for, so that the music follows the player.

The paper does not have it. It differs from `mi_net` in four ways: a movement reader, trained before and no more changed, tells
the onset strength at every step and the posture; both also reach the output layer; token dropout in training makes the model rely
on them; condition dropout in training allows classifier-free guidance in sampling. docs/findings.md says what each is worth.

Shapes: B windows, T steps, W width, K codes, S = 2 * body_hidden dimensions of what is told at a step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.mi_net import ContentEncoder
from pipeline.models.movement_reader import MovementReader
from pipeline.models.protocols import Next
from pipeline.models.transformer import Cache, KeysValues, Transformer

KERNEL = 15  # steps of onset strength that are told at a step, as many before it as after it


class MINetSync(nn.Module):
    """Predicts each code from the codes before it, from what the reader tells at every step and, with content, from notes.

    Args:
        codes, notes, width: as of `MINet`.
        reader: the arguments of its `MovementReader`.
        posture_noise: standard deviation of the noise that training adds to the posture, so that it does not learn the training
            players by heart.
        token_dropout: mean share of the previous codes that training replaces with the start token.
        condition_dropout: share of the windows that are trained without movement, for classifier-free guidance.
    """

    def __init__(
        self,
        *,
        codes: int,
        notes: int,
        reader: dict[str, Any],
        body_hidden: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
        posture_noise: float,
        token_dropout: float,
        condition_dropout: float,
    ) -> None:
        super().__init__()
        self.start, self.reads_notes = codes, notes > 0
        self.posture_noise = posture_noise
        self.token_dropout, self.condition_dropout = token_dropout, condition_dropout
        state = 2 * body_hidden
        self.reader = MovementReader(**reader).requires_grad_(False)
        self.onset = nn.Conv1d(1, body_hidden, KERNEL, padding=KERNEL // 2)
        self.posture = nn.Sequential(nn.Linear(reader["posture"], state), nn.GELU(), nn.Linear(state, body_hidden))
        self.content = (
            ContentEncoder(notes=notes, state=state, width=width, heads=heads, dropout=dropout) if notes else None
        )
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=layers, dropout=dropout, cross=notes > 0)
        self.head = nn.Linear(width + state, codes)

    def train(self, mode: bool = True) -> "MINetSync":
        """Training mode, but for the reader, which stays as it is."""
        super().train(mode)
        self.reader.eval()
        return self

    def body_state(self, motion: Tensor) -> Tensor:
        """The posture of movements (B, frames, joints, 2): (B, P)."""
        return self.reader.body_state(motion)

    def onset_strength(self, motion: Tensor, steps: int) -> Tensor:
        """Companded onset strength at each step, predicted from movements (B, frames, joints, 2) alone: (B, T)."""
        return self.reader.read(motion, steps)[0]

    def body(self, motion: Tensor, steps: int) -> Tensor:
        """What the model is told of movements (B, frames, joints, 2) at each step: (B, T, S)."""
        strength, posture = self.reader.read(motion, steps)
        if self.training:
            posture = posture + self.posture_noise * torch.randn_like(posture)
        told = self.onset(strength[:, None]).transpose(1, 2)  # (B, 1, T) -> (B, T, body_hidden)
        return torch.cat([told, self.posture(posture)[:, None].expand_as(told)], dim=-1)

    def memories(self, notes: Tensor | None, body: Tensor) -> list[KeysValues] | None:
        """What each block attends to, of note indices (B, T) and the movement (B, T, S); None without content."""
        if self.content is None:
            return None
        assert notes is not None, "a model with content needs notes"
        return self.transformer.memories(self.content(notes, body), torch.arange(notes.shape[1], device=body.device))

    def logits(
        self,
        before: Tensor,
        body: Tensor,
        memories: list[KeysValues] | None,
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores (B, T, K) of each code, from the codes before the T steps (B, T) and the movement at them (B, T, S).

        `first`, `memories` and `caches` are those of `Transformer.forward`.
        """
        x = self.drop(torch.cat([self.embedding(before), body], dim=-1))  # (B, T, W)
        return self.head(torch.cat([self.transformer(x, first, memories, caches), body], dim=-1))

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats, (B, T); arguments as of `MINet.nll`."""
        body = self.body(motion, codes.shape[1])
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        if self.training:
            share = 2 * self.token_dropout * torch.rand(len(codes), 1, device=codes.device)
            before = before.masked_fill(torch.rand(codes.shape, device=codes.device) < share, self.start)
            body = body * (torch.rand(len(codes), 1, 1, device=codes.device) >= self.condition_dropout)
        logits = self.logits(before, body, self.memories(notes, body))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`, which is also reported under that name."""
        nll = self.nll(codes, motion, notes).mean()
        return {"loss": nll, "nll": nll}

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling, as `CodeModel.begin` says.

        Classifier-free guidance g scores a code by u + g (c - u), c its score with the movement and u without (Ho and Salimans
        2022). A model that was trained without condition dropout has no u, and samples without guidance.
        """
        assert not self.training, "dropout belongs to training"
        guided = guidance != 1 and self.condition_dropout > 0
        body = self.body(motion, steps)
        if guided:
            body = torch.cat([body, torch.zeros_like(body)])  # (2 B, T, S): with the movement, and without
            notes = None if notes is None else torch.cat([notes, notes])
        memories, caches = self.memories(notes, body), self.transformer.empty_caches(len(body), context)
        done = 0

        def following(before: Tensor) -> Tensor:
            nonlocal done
            before = torch.cat([before, before]) if guided else before
            here = body[:, done : done + before.shape[1]]
            logits = self.logits(before, here, memories, done, caches)[:, -1]
            done += before.shape[1]
            if not guided:
                return logits
            with_movement, without = logits.chunk(2)
            return without + guidance * (with_movement - without)

        return following
