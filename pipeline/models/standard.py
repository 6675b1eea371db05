"""Standardised log-spectrograms: each bin without its mean, all bins in units of one standard deviation."""

import torch
from torch import Tensor, nn

FLOOR = -1.0  # the lowest value of a log-spectrogram, at `audio.floor_db`


class Standard(nn.Module):
    """x = (S - mean) / std, with mean and std of training windows.

    Args:
        bins: F, frequency bins of a frame.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bins))  # of each bin
        self.register_buffer("std", torch.ones(()))  # of all values about it

    @torch.no_grad()
    def fit(self, spectrogram: Tensor) -> None:
        """Take the mean and the standard deviation from training windows (B, T, F)."""
        self.mean.copy_(spectrogram.mean((0, 1)))
        self.std.copy_((spectrogram - self.mean).std())

    def forward(self, spectrogram: Tensor) -> Tensor:  # (..., F) -> (..., F)
        return (spectrogram - self.mean) / self.std

    def cut(self, x: Tensor) -> Tensor:  # (..., F) -> (..., F), not below the floor
        return torch.maximum(x, self(torch.full_like(self.mean, FLOOR)))

    def restore(self, x: Tensor) -> Tensor:
        """The log-spectrogram (..., F) of a network's output x (..., F)."""
        return (x * self.std).add_(self.mean).clamp_(min=FLOOR)

    def squared_error(self, made: Tensor, x: Tensor) -> Tensor:
        """(made - x)^2, but 0 where x is at the floor and `made` below it, since `restore` clamps there: (..., F) -> (..., F)."""
        floor = self(torch.full_like(self.mean, FLOOR))
        # Where x is above the floor `made` is not clamped, or a bin that is too low would have no gradient.
        made = torch.maximum(made.float(), x.masked_fill(x > floor, -torch.inf))
        return (made - x).square()
