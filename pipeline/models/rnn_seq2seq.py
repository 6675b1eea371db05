"""RNN Seq2Seq, a baseline of the paper (section 4): movement to log-spectrogram, frame by frame, without codes.

Shapes: B windows, T steps, F frequency bins, W width. Step t sees the frames before t; step 0 sees the mean frame in their place.
It is a regression: its output is the expected frame, so the same movement always gives the same spectrogram. Trained on recorded
frames alone, it runs out into silence, because its own frames are never as good. So in some steps of the training the frames before
are its own, as in generation (scheduled sampling: Bengio et al. 2015, arXiv 1506.03099).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.mi_net import GRU, BodyEncoder
from pipeline.models.standard import Standard


class RNNSeq2Seq(nn.Module):
    """A GRU over the joints gives h; a second GRU reads the embedded frame before and h.

    Args:
        bins: F.
        width: W of the decoder. 2 * body_hidden of its input hold the body's state h.
        own_past: share of the training steps in which the frames before are the model's own, not recorded ones.
    """

    def __init__(
        self,
        *,
        bins: int,
        joints: int,
        body_hidden: int,
        body_layers: int,
        layers: int,
        width: int,
        dropout: float,
        own_past: float,
    ) -> None:
        super().__init__()
        self.own_past = own_past
        self.standard = Standard(bins)
        self.body = BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.embedding = nn.Linear(bins, width - 2 * body_hidden)
        self.drop = nn.Dropout(dropout)
        self.decoder = GRU(width, width, layers, dropout=dropout)
        self.head = nn.Linear(width, bins)

    def body_state(self, motion: Tensor) -> Tensor:
        """h (B, 2 * body_hidden) of a movement (B, frames, joints, 2)."""
        return self.body(motion)

    def decode(self, before: Tensor, h: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The expected frames; input and output are standardised.

        Args:
            before: (B, T, F) the frame before each step, zeros (the mean frame) before step 0.
            h: (B, 2 * body_hidden) the body's state.
            hidden: (layers, B, W) the decoder's state after the steps before; None if there are none.

        Returns:
            (B, T, F), and the decoder's state after them.
        """
        x = torch.cat([self.drop(self.embedding(before)), h[:, None].expand(-1, before.shape[1], -1)], dim=-1)
        y, hidden = self.decoder(x, hidden)  # (B, T, W)
        # The whole frame, not its change: a model of changes fitted better, but its own output diverged.
        return self.head(self.drop(y)), hidden

    def error(self, spectrogram: Tensor, motion: Tensor, own_past: bool = False) -> Tensor:
        """Mean squared error of each frame, given the frames before it.

        Args:
            spectrogram: log-spectrograms (B, T, F); motion: movements (B, frames, joints, 2).
            own_past: the frames before are those that the model makes, not the recorded ones. No gradient goes through them.

        Returns:
            (B, T)
        """
        frames, h = self.standard(spectrogram), self.body_state(motion)
        past = self.continued(h, frames.shape[1]) if own_past else frames
        expected, _ = self.decode(F.pad(past[:, :-1], (0, 0, 1, 0)), h)
        return self.standard.squared_error(expected, frames).mean(-1) * self.standard.std.square()

    def forward(self, spectrogram: Tensor, motion: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `error`, divided by the variance of training windows."""
        own_past = self.training and bool(torch.rand(()) < self.own_past)
        return {"loss": self.error(spectrogram, motion, own_past).mean() / self.standard.std.square()}

    @torch.no_grad()
    def continued(self, h: Tensor, frames: int) -> Tensor:
        """Standardised frames (B, frames, F) for body states h (B, 2 * body_hidden), each from those made before it."""
        training = self.training
        self.eval()  # dropout belongs to training, and here the model is used
        hidden, parts = None, [torch.zeros_like(self.standard.mean).expand(len(h), 1, -1)]
        for _ in range(frames):
            frame, hidden = self.decode(parts[-1], h, hidden)
            parts.append(self.standard.cut(frame))
        self.train(training)
        return torch.cat(parts[1:], dim=1)

    @torch.no_grad()
    def generate(self, motion: Tensor, frames: int) -> Tensor:
        """Log-spectrograms (B, frames, F) for movements (B, M, joints, 2), each frame from the frames generated before it."""
        assert not self.training, "dropout belongs to training"
        return self.standard.restore(self.continued(self.body_state(motion), frames))
