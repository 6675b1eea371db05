"""VQ-VAE over log-spectrogram frames with multi-band residual blocks (paper, section 3.1; van den Oord et al. 2017).

One code per frame: no layer changes the number of frames. Shapes: B windows, F frequency bins, C channels, D dimensions of a code,
K codes, T frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.standard import Standard


class MultiBandBlock(nn.Module):
    """x + Conv1d(ReLU(Conv1d(x))), with convolutions of its own for each band of channels (paper, section 3.1).

    One band is a plain block.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, kernel_size=3, padding=1, groups=bands)
        self.second = nn.Conv1d(channels, channels, kernel_size=3, padding=1, groups=bands)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T) -> (B, C, T)
        return x + self.second(F.relu(self.first(x)))


class Codebook(nn.Module):
    """K codes, updated by exponential moving averages of the encoded frames (van den Oord et al. 2017, appendix A.1).

    A code whose average use falls below `revive_below` frames per step is moved onto an encoded frame of the batch, and so
    are its averages: otherwise the next step would overwrite the code from its old averages.
    """

    codes: Tensor
    sums: Tensor
    uses: Tensor
    started: Tensor

    def __init__(self, codes: int, code_dim: int, ema_decay: float, revive_below: float) -> None:
        super().__init__()
        self.ema_decay, self.revive_below = ema_decay, revive_below
        self.register_buffer("codes", torch.zeros(codes, code_dim))
        self.register_buffer(
            "sums", torch.zeros(codes, code_dim)
        )  # moving average of the sum of the frames on each code
        self.register_buffer("uses", torch.zeros(codes))  # moving average of their number
        self.register_buffer("started", torch.tensor(False))

    def nearest(self, e: Tensor) -> Tensor:  # (N, D) -> (N,)
        # |e - c|^2 without |e|^2, which is the same for every code; never an N x K x D tensor.
        return (self.codes.square().sum(1) - 2 * e @ self.codes.T).argmin(1)

    @torch.no_grad()
    def init_kmeans(self, e: Tensor, iterations: int = 10) -> None:
        """Place the codes by k-means on encoded frames e (N, D). If N < K, some codes coincide until they are revived."""
        order = torch.randperm(len(e), device=e.device)
        self.codes.copy_(e[order.repeat(-(-len(self.codes) // len(e)))[: len(self.codes)]])
        for _ in range(iterations):
            counts, sums = self._assigned(e, self.nearest(e))
            self.codes.copy_(torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), self.codes))
        counts, sums = self._assigned(e, self.nearest(e))
        self.uses.copy_(counts.clamp(min=1))
        self.sums.copy_(self.codes * self.uses[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def ema_update(self, e: Tensor, index: Tensor) -> None:
        """Move the codes towards the encoded frames e (N, D) that `index` (N,) assigns to them, and revive dead codes."""
        counts, sums = self._assigned(e, index)
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        self.uses.lerp_(counts, 1 - self.ema_decay)
        self.sums.lerp_(sums, 1 - self.ema_decay)
        dead = (self.uses < self.revive_below)[:, None]  # (K, 1)
        strangers = e[torch.randint(len(e), (len(self.codes),), device=e.device)]  # (K, D)
        self.sums.copy_(torch.where(dead, strangers, self.sums))
        self.uses.copy_(torch.where(dead[:, 0], torch.ones_like(self.uses), self.uses))
        self.codes.copy_(self.sums / self.uses[:, None])

    def _assigned(self, e: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        # A matrix product, not a scatter: a scatter does not give the same bits in every run on a GPU.
        one_hot = F.one_hot(index, len(self.codes)).to(e.dtype)  # (N, K)
        return one_hot.sum(0), one_hot.T @ e  # (K,), (K, D)


class VQVAE(nn.Module):
    """Encoder, codebook and mirrored decoder.

    Args:
        bins: frequency bins of a frame.
        bands: groups of channels of each multi-band block of the encoder. The decoder has them in reverse.
        commitment: beta, the weight of the commitment loss.
    """

    def __init__(
        self,
        *,
        bins: int,
        channels: int,
        code_dim: int,
        codes: int,
        bands: list[int],
        commitment: float,
        ema_decay: float,
        revive_below: float,
    ) -> None:
        super().__init__()
        self.commitment = commitment
        self.standard = Standard(bins)
        # Frames on either side on which a code depends: two convolutions of kernel 3 in each block.
        self.receptive_field = 2 * (len(bands) + 2)
        self.encoder = nn.Sequential(
            nn.Conv1d(bins, channels, kernel_size=1),
            *(MultiBandBlock(channels, b) for b in bands),
            *(MultiBandBlock(channels, 1) for _ in range(2)),
            nn.Conv1d(channels, code_dim, kernel_size=1),
        )
        self.codebook = Codebook(codes, code_dim, ema_decay, revive_below)
        self.decoder = nn.Sequential(
            nn.Conv1d(code_dim, channels, kernel_size=1),
            *(MultiBandBlock(channels, 1) for _ in range(2)),
            *(MultiBandBlock(channels, b) for b in reversed(bands)),
            nn.Conv1d(channels, bins, kernel_size=1),
        )

    def embed(self, x: Tensor) -> Tensor:  # (B, T, F) standardised -> (B, T, D), before quantisation
        return self.encoder(x.transpose(1, 2)).transpose(1, 2)

    def reconstruct(self, q: Tensor) -> Tensor:  # (B, T, D) -> (B, T, F) standardised
        return self.decoder(q.transpose(1, 2)).transpose(1, 2)

    def encode(self, spectrogram: Tensor) -> Tensor:  # (B, T, F) -> (B, T), codes
        e = self.embed(self.standard(spectrogram))
        return self.codebook.nearest(e.flatten(0, 1)).view(e.shape[:2])

    def decode(self, codes: Tensor) -> Tensor:  # (B, T) -> (B, T, F)
        return self.standard.restore(self.reconstruct(self.codebook.codes[codes]))

    @torch.no_grad()
    def init_codebook(self, spectrogram: Tensor) -> None:
        """Place the codes by k-means on encoded training windows (B, T, F)."""
        self.codebook.init_kmeans(self.embed(self.standard(spectrogram)).flatten(0, 1).float())

    def forward(self, spectrogram: Tensor) -> dict[str, Tensor]:
        """The training objective on log-spectrograms (B, T, F): `loss`, and other scalars to log.

        loss = mean (S - D(q))^2 + beta * mean (E(S) - sg[q])^2, q the nearest codes (paper, equation 2), S standardised.
        Until the codebook is initialised, q is E(S) itself: an untrained encoder is not worth quantising. `perplexity` and `usage`
        (share of the codes that occur) are of the batch. In training mode the codebook is updated.
        """
        x = self.standard(spectrogram)
        e = self.embed(x)  # (B, T, D)
        if not self.codebook.started:
            mse = self.standard.squared_error(self.reconstruct(e), x).mean()
            return {"loss": mse, "mse": mse} | dict.fromkeys(
                ("commitment", "perplexity", "usage"), torch.zeros_like(mse)
            )
        # The codebook stays in float32 under autocast: bfloat16 would lose the small steps of its averages.
        with torch.autocast(e.device.type, enabled=False):
            flat = e.detach().flatten(0, 1).float()  # (B * T, D)
            index = self.codebook.nearest(flat)
            q = self.codebook.codes[index].view_as(e)
            if self.training:
                self.codebook.ema_update(flat, index)
        commitment = F.mse_loss(e, q)
        # Straight-through estimator: the decoder's gradient reaches the encoder as if nothing were quantised.
        passed = e + (q - e).detach()
        mse = self.standard.squared_error(self.reconstruct(passed), x).mean()
        share = torch.bincount(index, minlength=len(self.codebook.codes)) / len(index)
        perplexity = torch.exp(-(share * torch.log(share.clamp(min=1e-10))).sum())
        return {
            "loss": mse + self.commitment * commitment,
            "mse": mse,
            "commitment": commitment,
            "perplexity": perplexity,
            "usage": (share > 0).float().mean(),
        }
