"""A GRU that stays in float32 under autocast."""

import torch
from torch import Tensor, nn


class GRU(nn.GRU):
    """nn.GRU with batches first. In bfloat16 its steps are too small to win anything: on a CPU it takes up to twice as long."""

    def __init__(
        self, inputs: int, hidden: int, layers: int, *, dropout: float = 0.0, bidirectional: bool = False
    ) -> None:
        between = dropout if layers > 1 else 0.0
        super().__init__(inputs, hidden, layers, dropout=between, bidirectional=bidirectional, batch_first=True)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float(), None if hidden is None else hidden.float())
