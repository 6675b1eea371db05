"""MI Net, the paper's model of music (sections 3.2 and 3.3): a causal transformer over codes.

It is conditioned on the player's movement and, with content, on notes.

    movement --> BodyEncoder ------> h --------+------------------------+
                                               v                        v
    notes (with content) ----> ContentEncoder (embedding, h)     (code before, h) at each step
                                               |                        v
                                               +--cross-attention--> Transformer --> scores of the next code

Shapes: B windows, T steps, W width, K codes, S = 2 * body_hidden dimensions of h.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.protocols import Next
from pipeline.models.transformer import Cache, KeysValues, Transformer


class GRU(nn.GRU):
    """nn.GRU with the batch first. It stays in float32 under autocast: on a CPU, bfloat16 takes up to twice as long."""

    def __init__(
        self, inputs: int, hidden: int, layers: int, *, dropout: float = 0.0, bidirectional: bool = False
    ) -> None:
        between = dropout if layers > 1 else 0.0
        super().__init__(inputs, hidden, layers, dropout=between, bidirectional=bidirectional, batch_first=True)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float(), None if hidden is None else hidden.float())


class BodyEncoder(nn.Module):
    """Bidirectional GRU over the joints; h is the last layer's last hidden state of both directions (paper, section 3.2).

    Running statistics standardise each coordinate first: a finger moves less than an elbow, and says as much.
    """

    def __init__(self, *, joints: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * joints, affine=False)
        self.gru = GRU(2 * joints, hidden, layers, bidirectional=True)

    def forward(self, motion: Tensor) -> Tensor:  # (B, frames, joints, 2) -> (B, S)
        x = self.norm(motion.flatten(2).transpose(1, 2)).transpose(1, 2)  # (B, frames, joints * 2)
        _, last = self.gru(x)  # (layers * 2, B, hidden)
        return torch.cat([last[-2], last[-1]], dim=-1)


class ContentEncoder(nn.Module):
    """The notes to be played, as a memory (paper, section 3.3).

    Each step joins note embedding and body state; two layers and a linear map follow.

    Args:
        notes: number of note indices, including the rest (0).
        state: dimensions of the body state at each step.
    """

    def __init__(self, *, notes: int, state: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(notes, width - state)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=2, dropout=dropout, causal=False)
        self.out = nn.Linear(width, width)

    def forward(self, notes: Tensor, body: Tensor) -> Tensor:  # (B, T), (B, T, S) -> (B, T, W)
        return self.out(self.transformer(self.drop(torch.cat([self.embedding(notes), body], dim=-1))))


class MINet(nn.Module):
    """Predicts each code from the codes before it, from h and, with content, from notes.

    Args:
        codes: K.
        notes: number of note indices, including the rest (0); 0 without content.
        width: W of the transformer; 2 * body_hidden of it hold h.
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
        self.start, self.reads_notes = codes, notes > 0
        state = 2 * body_hidden
        self.body = BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.content = (
            ContentEncoder(notes=notes, state=state, width=width, heads=heads, dropout=dropout) if notes else None
        )
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=layers, dropout=dropout, cross=notes > 0)
        self.head = nn.Linear(width, codes)

    def body_state(self, motion: Tensor) -> Tensor:
        """h of movements (B, frames, joints, 2): (B, S)."""
        return self.body(motion)

    def onset_strength(self, motion: Tensor, steps: int) -> None:
        """None: this model does not predict onsets from the movement."""

    def memories(self, notes: Tensor | None, h: Tensor) -> list[KeysValues] | None:
        """What each block attends to, of note indices (B, T); None without content."""
        if self.content is None:
            return None
        assert notes is not None, "a model with content needs notes"
        body = h[:, None].expand(-1, notes.shape[1], -1)  # (B, T, S)
        return self.transformer.memories(self.content(notes, body), torch.arange(notes.shape[1], device=h.device))

    def logits(
        self,
        before: Tensor,
        h: Tensor,
        memories: list[KeysValues] | None,
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores (B, T, K) of each code, from the codes before the T steps (B, T), `self.start` before step 0.

        `first`, `memories` and `caches` are those of `Transformer.forward`.
        """
        body = h[:, None].expand(-1, before.shape[1], -1)  # (B, T, S)
        x = self.drop(torch.cat([self.embedding(before), body], dim=-1))  # (B, T, W)
        return self.head(self.transformer(x, first, memories, caches))

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats, (B, T).

        Args:
            codes: (B, T); motion: (B, frames, joints, 2); notes: (B, T) indices, for a model with content.
        """
        h = self.body(motion)
        logits = self.logits(F.pad(codes[:, :-1], (1, 0), value=self.start), h, self.memories(notes, h))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`, which is also reported under that name."""
        nll = self.nll(codes, motion, notes).mean()
        return {"loss": nll, "nll": nll}

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling, as `CodeModel.begin` says. There is no guidance: the model is never trained without movement."""
        assert not self.training, "dropout belongs to training"
        h = self.body(motion)
        memories, caches = self.memories(notes, h), self.transformer.empty_caches(len(motion), context)
        done = 0

        def following(before: Tensor) -> Tensor:
            nonlocal done
            logits = self.logits(before, h, memories, done, caches)[:, -1]
            done += before.shape[1]
            return logits

        return following
