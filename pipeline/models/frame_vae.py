"""A variational autoencoder of small pictures of players: the latent space that a film walks through.

The sizes of Bryan (2019), "Music viz with autoencoders", are a variant: two convolutions of 16 and 32 channels, 10 latents. That
one has a cross-entropy for the pixels. Here the pixels are Gaussian, and their variance is the best one for the batch (Rybkin et
al. 2021, arXiv 2006.13202), so that no weight has to be found anew for each size and each corpus.

With `principal`, the latents and the pictures are those of a principal component analysis, to which the convolutions add what it
leaves. It saves the steps in which a network would find the components.

Shapes: B pictures, S their height and width in px, L latents.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 4, 2, 1  # each convolution halves the size, and each of the decoder's doubles it
BEGIN = 0.1  # share of their usual size with which the layers begin that add to principal components
BEGIN_LOG_STD = -2.0  # with which the latents' standard deviation begins beside them
LEAST_DEVIATION = 1e-4  # of a component; of fewer pictures than components, the last have none


class FrameVAE(nn.Module):
    """Strided convolutions to the mean and the spread of L latents, and back.

    Args:
        size_px: S, a multiple of 2 for each convolution.
        latent: L.
        channels: of each convolution, from the picture inwards; mirrored in the decoder.
        beta: weight of the KL divergence (Higgins et al. 2017).
        moving_weight: how much more the error of a pixel weighs that moves as much as those of its picture do on average. Most of
            the variance of pictures is wall and clothes, and the film is about what moves.
        principal: whether it adds to principal components, which `fit` finds.
    """

    mean: Tensor
    components: Tensor

    def __init__(
        self, *, size_px: int, latent: int, channels: list[int], beta: float, moving_weight: float, principal: bool
    ) -> None:
        super().__init__()
        self.beta, self.moving_weight, self.latent, self.size_px = beta, moving_weight, latent, size_px
        self.inner = channels[-1], *(2 * [size_px // STRIDE ** len(channels)])
        assert self.inner[1] * STRIDE ** len(channels) == size_px, "a size that cannot be halved so often"
        down, up = pairwise([3, *channels]), pairwise([*reversed(channels), 3])
        self.encoder = nn.Sequential(
            *(
                layer
                for before, after in down
                for layer in (nn.Conv2d(before, after, KERNEL, STRIDE, PADDING), nn.LeakyReLU(0.1))
            )
        )
        self.to_latent = nn.Linear(math.prod(self.inner), 2 * latent)
        self.from_latent = nn.Linear(latent, math.prod(self.inner))
        self.decoder = nn.Sequential(
            *(
                layer
                for before, after in up
                for layer in (nn.LeakyReLU(0.1), nn.ConvTranspose2d(before, after, KERNEL, STRIDE, PADDING))
            )
        )
        self.principal = principal
        if principal:
            self.register_buffer("mean", torch.zeros(3 * size_px**2))
            # Each as long as the standard deviation along it.
            self.register_buffer("components", torch.zeros(latent, 3 * size_px**2))

    def fit(self, pictures: Tensor, seed: int) -> None:
        """Find the principal components of pictures (B, 3, S, S), and begin with them."""
        from sklearn.decomposition import PCA  # takes a second, and only a training needs it

        count = min(self.latent, len(pictures))
        found = PCA(count, svd_solver="randomized", random_state=seed).fit(pictures.flatten(1).numpy())
        deviations = np.maximum(np.sqrt(found.explained_variance_), LEAST_DEVIATION)
        self.mean.copy_(torch.from_numpy(found.mean_))
        self.components[:count] = torch.from_numpy(found.components_ * deviations[:, None])
        with torch.no_grad():
            for each in (*self.to_latent.parameters(), *self.decoder[-1].parameters()):
                each.mul_(BEGIN)
            self.to_latent.bias[self.latent :] = BEGIN_LOG_STD

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation of the latents, (B, L) each, of pictures (B, 3, S, S) from 0 to 1."""
        mean, log_std = self.to_latent(self.encoder(2 * pictures - 1).flatten(1)).float().chunk(2, dim=1)
        if self.principal:
            lengths = self.components.square().sum(1).clamp(min=LEAST_DEVIATION**2)
            mean = mean + (pictures.flatten(1) - self.mean) @ self.components.T / lengths
        return mean, log_std

    def decode(self, latent: Tensor) -> Tensor:
        """Pictures (B, 3, S, S), from 0 to 1, of latents (B, L)."""
        return self._decode(latent).clamp(0, 1)

    def _decode(self, latent: Tensor) -> Tensor:
        made = self.decoder(self.from_latent(latent).unflatten(1, self.inner)).float()
        if not self.principal:
            return made.sigmoid()
        return made + (self.mean + latent @ self.components).view_as(made)

    def forward(self, pictures: Tensor, moving: Tensor) -> dict[str, Tensor]:
        """The training objective, in nats a pixel and colour: `loss` = -log-likelihood of the pixels + beta * KL divergence.

        Args:
            pictures: (B, 3, S, S), from 0 to 1; moving: (B, S, S), how much each pixel moves in its video, of mean 1.
        """
        mean, log_std = self.encode(pictures)
        # The same standard deviation in the divergence and in the sample; in the seed's code they differ.
        made = self._decode(mean + log_std.exp() * torch.randn_like(mean))
        weight = (1 + self.moving_weight * moving) / (1 + self.moving_weight)
        square = (made - pictures).square()
        error = (weight[:, None] * square).mean()
        divergence = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
        loss = 0.5 * error.log() + self.beta * divergence / pictures[0].numel()
        return {"loss": loss, "error": square.mean(), "divergence": divergence}
