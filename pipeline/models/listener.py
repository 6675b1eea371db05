"""The listener: from a stretch of sound to where in the latent space the picture lies that is seen with it.

It tells a mean and a spread for each latent. Where the sound tells something, as which instrument plays, the spread is small;
where it cannot, as for the colour of the wall, it stays as wide as the latent's own. It is trained by the Gaussian likelihood of
the picture's latents, and by telling which sound belongs to which picture (InfoNCE, van den Oord et al. 2018, arXiv 1807.03748)
with this very likelihood as the score. So sounds and pictures lie in one space, the "joint representation" that Bryan (2019) asks
for.

Shapes: B windows, T frames of sound, F bands of frequency, L latents.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.standard import Standard

KERNEL, STRIDE = 5, 2  # frames; each convolution halves the number of frames
LOWEST, HIGHEST = -2.0, 1.0  # of the logarithm of the spread: without a bound, a few latents would be all that counts


class Listener(nn.Module):
    """Convolutions over time, which keep the order of what is heard, and two layers.

    Args:
        bands: F.
        frames: T.
        latent: L.
        channels: of the convolutions.
        layers: convolutions.
        dropout: share of the activations of the last layers that are dropped in training.
        contrast_weight: weight of the InfoNCE loss against the likelihood.
        vae, lowest_hz, fps, memory, lingers_s, travels_s, pulse: whose latents they are, the lowest band, the rate of the film, and
            its walk; the model only keeps them.
    """

    def __init__(
        self,
        *,
        bands: int,
        frames: int,
        latent: int,
        channels: int,
        layers: int,
        dropout: float,
        contrast_weight: float,
        vae: str,
        lowest_hz: float,
        fps: float,
        memory: float,
        lingers_s: float,
        travels_s: float,
        pulse: float,
    ) -> None:
        super().__init__()
        self.bands, self.frames, self.contrast_weight = bands, frames, contrast_weight
        self.vae, self.lowest_hz, self.fps = vae, lowest_hz, fps
        self.memory, self.lingers_s, self.travels_s, self.pulse = memory, lingers_s, travels_s, pulse
        self.standard = Standard(bands)
        sizes = [bands, *layers * [channels]]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, STRIDE, KERNEL // 2) for before, after in pairwise(sizes)
        )
        left = frames
        for _ in range(layers):
            left = -(-left // STRIDE)
        self.drop = nn.Dropout(dropout)
        self.middle = nn.Linear(left * channels, 2 * channels)
        self.head = nn.Linear(2 * channels, 2 * latent)

    def hear(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the spread of the latents, (B, L) each, of log-spectrograms in bands (B, T, F)."""
        x = self.standard(sound).transpose(1, 2)  # (B, F, T)
        for convolution in self.convolutions:
            x = F.gelu(convolution(x))
        x = F.gelu(self.middle(self.drop(x.flatten(1))))
        mean, log_spread = self.head(self.drop(x)).float().chunk(2, dim=1)
        return mean, log_spread.clamp(LOWEST, HIGHEST)

    def forward(self, sound: Tensor, latent: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` = `nll`, in nats a latent, + contrast_weight * `contrast`, in nats a window.

        Args:
            sound: (B, T, F); latent: (B, L), of the picture in the middle of each window.
        """
        score = log_likelihood(*self.hear(sound), latent)
        right = torch.arange(len(sound), device=sound.device)
        nll = -score.diagonal().mean() / latent.shape[1]
        contrast = (F.cross_entropy(score, right) + F.cross_entropy(score.T, right)) / 2
        return {"loss": nll + self.contrast_weight * contrast, "nll": nll, "contrast": contrast}


def log_likelihood(mean: Tensor, log_spread: Tensor, latent: Tensor) -> Tensor:
    """Log-likelihood in nats, up to a constant, of each picture's latents (P, L) by each sound's mean and spread (B, L): (B, P)."""
    away = (latent - mean[:, None]) * (-log_spread)[:, None].exp()  # (B, P, L)
    return -(0.5 * away.square() + log_spread[:, None]).sum(2)
