"""The body encoder: a window of movement becomes one vector (paper, section 3.2)."""

import torch
from torch import Tensor, nn

from pipeline.models.gru import GRU


class BodyEncoder(nn.Module):
    """Bidirectional GRU over the joints; h is the last layer's last hidden state of both directions.

    Each coordinate is standardised first, by running statistics: a finger moves less than an elbow, and says as much.
    """

    def __init__(self, *, joints: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * joints, affine=False)
        self.gru = GRU(2 * joints, hidden, layers, bidirectional=True)

    def forward(self, motion: Tensor) -> Tensor:  # (B, frames, joints, 2) -> (B, 2 * hidden)
        x = self.norm(motion.flatten(2).transpose(1, 2)).transpose(1, 2)  # (B, frames, joints * 2)
        _, last = self.gru(x)  # (layers * 2, B, hidden)
        return torch.cat([last[-2], last[-1]], dim=-1)
