"""A classifier of instruments. It is trained on recorded windows and judges generated ones.

It must not depend on what distinguishes recordings from decoded codes. Decoded spectrograms are smoother, so bins and frames are
averaged in groups first. The level of a window is removed, since loudness does not identify an instrument.

Shapes: B windows, T frames, F frequency bins.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.standard import Standard

POOLED = (4, 8)  # frames and bins averaged before the network: 64 ms and 62.5 Hz at 62.5 frames/s and 7.8 Hz
HALVINGS = 3  # of both axes, one a layer


def pool(spectrogram: Tensor) -> Tensor:
    """Averages of groups of frames and bins: (B, T, F) -> (B, T / 4, F / 8), both rounded up."""
    return F.avg_pool2d(spectrogram[:, None], POOLED, ceil_mode=True)[:, 0]


class Classifier(nn.Module):
    """Three layers of two-dimensional convolution, the average over time, and a linear layer.

    Normalisation is within a window, never over a batch, so a window is judged by itself.

    Args:
        bins: frequency bins of a frame.
        instruments: names of the classes, in the order of the logits.
        channels: width of the last convolution. The others have a quarter and a half of it.
        dropout: share of the averaged activations that is dropped in training.
    """

    def __init__(self, *, bins: int, instruments: list[str], channels: int, dropout: float) -> None:
        super().__init__()
        self.instruments = list(instruments)
        self.standard = Standard(-(-bins // POOLED[1]))  # of the averages
        widths = [1, max(channels // 4, 1), max(channels // 2, 1), channels]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, kernel_size=3, padding=1),
                    nn.GroupNorm(1, after),
                    nn.ReLU(),
                    nn.MaxPool2d(2, ceil_mode=True),
                )
                for before, after in pairwise(widths)
            )
        )
        bands = -(-bins // (POOLED[1] * 2**HALVINGS))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels * bands, len(self.instruments))

    def logits(self, spectrogram: Tensor) -> Tensor:  # (B, T, F) -> (B, instruments)
        x = self.standard(pool(spectrogram))[:, None]  # (B, 1, T / 4, F / 8)
        x = x - x.mean((2, 3), keepdim=True)
        x = self.layers(x).mean(2)  # (B, channels, bands)
        return self.head(self.dropout(x.flatten(1)))

    def forward(self, spectrogram: Tensor, instrument: Tensor) -> dict[str, Tensor]:
        """Cross-entropy `loss`, in nats, and `accuracy` on log-spectrograms (B, T, F) of instruments int64 (B,)."""
        logits = self.logits(spectrogram)
        return {
            "loss": F.cross_entropy(logits.float(), instrument),
            "accuracy": (logits.argmax(1) == instrument).float().mean(),
        }
