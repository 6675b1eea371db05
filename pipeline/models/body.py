"""The body encoder: a window of movement becomes one vector (paper, section 3.2)."""

import torch
from torch import Tensor, nn

from pipeline.models.gru import GRU


class BodyEncoder(nn.Module):
    """Bidirectional GRU over the joints; h is the last layer's last hidden state of both directions."""

    def __init__(self, *, joints: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.gru = GRU(2 * joints, hidden, layers, bidirectional=True)

    def forward(self, motion: Tensor) -> Tensor:  # (B, frames, joints, 2) -> (B, 2 * hidden)
        _, last = self.gru(motion.flatten(2))  # (layers * 2, B, hidden)
        return torch.cat([last[-2], last[-1]], dim=-1)
