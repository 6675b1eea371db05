"""GRU Seq2Seq with content (paper, Table 5): the encoder reads the notes, the decoder writes codes and attends to it.

Shapes: B windows, T steps, W width, K codes. It reads and predicts what MI Net with content does; attention is Luong's (2015).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.mi_net import GRU, BodyEncoder
from pipeline.models.protocols import Next


class GRUSeq2Seq(nn.Module):
    """A bidirectional GRU reads note embedding and h; a GRU that attends to it reads code embedding and h.

    Args:
        codes: K; notes: number of note indices, including the rest (0).
        width: W of the inputs, of the decoder, and of both directions of the encoder together.
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
        self.start, self.reads_notes = codes, True
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

    def onset_strength(self, motion: Tensor, steps: int) -> None:
        """None: this model does not predict onsets from the movement."""

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats, (B, T); arguments as of `MINet.nll`."""
        assert notes is not None, "the GRU Seq2Seq needs notes"
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        h = self.body(motion)
        logits, _ = self.decode(before, h, *self.encode(notes, h))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`, which is also reported under that name."""
        nll = self.nll(codes, motion, notes).mean()
        return {"loss": nll, "nll": nll}

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling, as `CodeModel.begin` says. A GRU has no context to limit, and this one no guidance."""
        assert not self.training, "dropout belongs to training"
        assert notes is not None, "the GRU Seq2Seq needs notes"
        h = self.body(motion)
        memory, hidden = self.encode(notes, h)

        def following(before: Tensor) -> Tensor:
            nonlocal hidden
            logits, hidden = self.decode(before, h, memory, hidden)
            return logits[:, -1]

        return following
