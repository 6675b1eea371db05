"""GRU Seq2Seq with content (paper, Table 5): the encoder reads the notes, the decoder writes codes and attends to it.

Shapes: B windows, T steps, W width, K codes. Same input and same output as the prior with content; attention is Luong's (2015).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.body import BodyEncoder
from pipeline.models.gru import GRU


@dataclass
class State:
    """What sampling carries from step to step."""

    h: Tensor  # (B, 2 * body_hidden)
    memory: Tensor  # (B, S, W), the encoder's outputs
    hidden: Tensor  # (layers, B, W), the decoder's


class GRUSeq2Seq(nn.Module):
    """Bidirectional GRU over embedded note ⊕ h, and a GRU over embedded code ⊕ h with attention to it.

    Args:
        codes: K; notes: number of note indices, the rest (0) included.
        width: of the decoder, of both directions of the encoder together, and of the inputs.
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
        dropout: float,
    ) -> None:
        super().__init__()
        self.start = codes  # the start token
        self.reads_notes = True
        state = 2 * body_hidden
        self.body = BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.note_embedding = nn.Embedding(notes, width - state)
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        self.encoder = GRU(width, width // 2, layers, dropout=dropout, bidirectional=True)
        self.decoder = GRU(width, width, layers, dropout=dropout)
        self.score = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, codes)

    def encode(self, notes: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Note indices (B, S) -> outputs (B, S, W), and the decoder's first hidden state (layers, B, W)."""
        x = torch.cat([self.note_embedding(notes), h[:, None].expand(-1, notes.shape[1], -1)], dim=-1)  # (B, S, W)
        memory, last = self.encoder(self.drop(x))  # last: (layers * 2, B, W / 2)
        both = last.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2)  # (layers, 2, B, W / 2) -> (layers, B, W)
        return memory, both.contiguous()

    def decode(self, before: Tensor, h: Tensor, memory: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The codes before T steps (B, T) -> scores (B, T, K) and the decoder's hidden state after them."""
        x = torch.cat([self.embedding(before), h[:, None].expand(-1, before.shape[1], -1)], dim=-1)  # (B, T, W)
        y, hidden = self.decoder(self.drop(x), hidden)
        weights = torch.softmax(self.score(y) @ memory.transpose(1, 2), dim=-1)  # (B, T, S)
        joined = torch.tanh(self.join(torch.cat([y, weights @ memory], dim=-1)))  # (B, T, W)
        return self.head(self.drop(joined)), hidden

    def body_state(self, motion: Tensor) -> Tensor:
        """h of movements (B, frames, joints, 2): (B, 2 * body_hidden)."""
        return self.body(motion)

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float = 1) -> State:
        """The state before the first step of sampling; what is said of context and guidance is for the prior alone."""
        assert notes is not None, "the GRU Seq2Seq needs notes"
        h = self.body(motion)
        return State(h, *self.encode(notes, h))

    def next(self, before: Tensor, state: State) -> Tensor:
        """Scores (B, K) of the code after `before` (B, T); moves the state on by T steps."""
        logits, state.hidden = self.decode(before, state.h, state.memory, state.hidden)
        return logits[:, -1]

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code (B, T) given movement (B, frames, joints, 2) and notes (B, T), in nats: (B, T)."""
        assert notes is not None, "the GRU Seq2Seq needs notes"
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        h = self.body(motion)
        logits, _ = self.decode(before, h, *self.encode(notes, h))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss`, the mean of `nll`, which is also what is watched under that name."""
        nll = self.nll(codes, motion, notes).mean()
        return {"loss": nll, "nll": nll}
