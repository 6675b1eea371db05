"""A classifier of the instrument in a small picture. It is trained on recorded pictures alone, and judges those of a film.

It must not depend on what tells recorded pictures from decoded ones, so that pictures are blurred at random in training, and are
repainted, since there are few players and each has clothes and a wall of their own.

Shapes: B pictures, S their height and width in px.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 4, 2, 1  # each convolution halves the size
LAYERS = 4


class PictureClassifier(nn.Module):
    """Four strided convolutions and a linear layer over all places, since what is where tells the instrument.

    Args:
        size_px: S, a multiple of 16.
        instruments: names of the classes, in the order of the logits.
        channels: of the first convolution; doubled by each further one.
        dropout: share of the last activations that is dropped in training.
    """

    def __init__(self, *, size_px: int, instruments: list[str], channels: int, dropout: float) -> None:
        super().__init__()
        self.instruments = list(instruments)
        widths = [3, *(channels * 2**layer for layer in range(LAYERS))]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(before, after, KERNEL, STRIDE, PADDING), nn.GroupNorm(1, after), nn.ReLU())
                for before, after in pairwise(widths)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1] * (size_px // STRIDE**LAYERS) ** 2, len(self.instruments))

    def logits(self, pictures: Tensor) -> Tensor:
        """Scores (B, instruments) of pictures (B, 3, S, S) from 0 to 1."""
        return self.head(self.dropout(self.layers(2 * pictures - 1).flatten(1)))

    def forward(self, pictures: Tensor, instrument: Tensor) -> dict[str, Tensor]:
        """Cross-entropy `loss`, in nats, and `accuracy` on pictures (B, 3, S, S) of instruments int64 (B,)."""
        logits = self.logits(pictures)
        return {
            "loss": F.cross_entropy(logits.float(), instrument),
            "accuracy": (logits.argmax(1) == instrument).float().mean(),
        }
