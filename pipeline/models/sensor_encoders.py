"""Five ways to read worn sensors, from a dense layer to spectra: what IMU2Music compares.

Each takes standardised readings (B, M, 3, 2), the channels of two forearms, and gives (B, M, C). The decoder is the same for all.
They are this project's own, after the five of IMU2Music: its decoder of the first was an LSTM too.

Source: kiototeko/IMU2Music, docs/index.md; the convolutions first of each sensor, then of all, are those of DeepSense (Yao et
al. 2017, arXiv 1611.01942).

Shapes: B windows, M frames, C channels.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

READ, SENSORS = 3, 2  # channels of a sensor, sensors
KERNEL = 5  # frames that a convolution sees
SPECTRUM = 16  # frames of a short spectrum: 0.64 s at 25 frames/s
HEADS = 4


class Dense(nn.Module):
    """A dense layer on each frame, and self-attention."""

    def __init__(self, *, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(READ * SENSORS, channels)
        self.attention = attention(channels, layers, dropout)

    def forward(self, readings: Tensor) -> Tensor:
        return attended(self.attention, self.dense(readings.flatten(2)))


class Convolutional(nn.Module):
    """Convolutions of each sensor, convolutions of both, and a dense layer (DeepSense)."""

    def __init__(self, *, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        each = [READ * SENSORS, *layers * [channels]]
        both = [channels] * (layers + 1)
        self.each = stack(each, groups=SENSORS)
        self.both = stack(both, groups=1)
        self.drop, self.dense = nn.Dropout(dropout), nn.Linear(channels, channels)

    def forward(self, readings: Tensor) -> Tensor:
        x = (
            readings.transpose(2, 3).flatten(2).transpose(1, 2)
        )  # (B, M, 3, 2) -> (B, 2 * 3, M), a sensor after the other
        return self.dense(self.drop(self.both(self.each(x))).transpose(1, 2))


class ConvolutionsAttention(nn.Module):
    """Convolutions of all channels, and self-attention."""

    def __init__(self, *, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = stack([READ * SENSORS, *layers * [channels]], groups=1)
        self.attention = attention(channels, layers, dropout)

    def forward(self, readings: Tensor) -> Tensor:
        return attended(self.attention, self.convolutions(readings.flatten(2).transpose(1, 2)).transpose(1, 2))


class Spectra(nn.Module):
    """Magnitudes of a short spectrum of each channel around each frame, a dense layer, and self-attention."""

    window: Tensor

    def __init__(self, *, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(SPECTRUM, periodic=False), persistent=False)
        self.dense = nn.Linear(READ * SENSORS * (SPECTRUM // 2 + 1), channels)
        self.attention = attention(channels, layers, dropout)

    def forward(self, readings: Tensor) -> Tensor:
        x = F.pad(readings.flatten(2).transpose(1, 2), (SPECTRUM // 2, SPECTRUM // 2 - 1))  # (B, 6, M + 15)
        spectra = torch.fft.rfft(x.unfold(2, SPECTRUM, 1) * self.window).abs()  # (B, 6, M, 9)
        return attended(self.attention, self.dense(spectra.log1p().transpose(1, 2).flatten(2)))


class Recurrent(nn.Module):
    """An LSTM in both directions."""

    def __init__(self, *, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(
            READ * SENSORS, channels // 2, layers, batch_first=True, dropout=between, bidirectional=True
        )

    def forward(self, readings: Tensor) -> Tensor:
        return self.lstm(readings.flatten(2))[0]


def stack(sizes: list[int], groups: int) -> nn.Sequential:
    """Convolutions from each size to the next, each with a GELU."""
    steps: list[nn.Module] = []
    for before, after in pairwise(sizes):
        steps += [nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2, groups=groups), nn.GELU()]
    return nn.Sequential(*steps)


def attention(channels: int, layers: int, dropout: float) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        channels, HEADS, 2 * channels, dropout, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(channels), enable_nested_tensor=False)


def attended(attention: nn.TransformerEncoder, x: Tensor) -> Tensor:
    """Self-attention over (B, M, C), with sinusoidal positions (Vaswani et al. 2017, section 3.5)."""
    frames, channels = x.shape[1:]
    rates = torch.exp(torch.arange(0, channels, 2, device=x.device) * (-math.log(1e4) / channels))
    angles = torch.arange(frames, device=x.device)[:, None] * rates  # (M, C / 2)
    return attention(x + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(x.dtype))


ENCODERS: dict[str, type[nn.Module]] = {
    "dense": Dense,
    "convolutional": Convolutional,
    "convolutions_attention": ConvolutionsAttention,
    "spectra": Spectra,
    "recurrent": Recurrent,
}
