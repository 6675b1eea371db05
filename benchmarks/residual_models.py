"""Two codes a frame: a VQ-VAE with residual quantisation, and a prior that writes both codes. For `benchmarks.residual_codes`.

The first codebook quantises a frame's embedding e to q1, the second what is left, e - q1, to q2; the decoder reads q1 + q2
(Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec", 2021, section III-C). Codes are kept as (B, T, 2).

Shapes: B windows, T steps or frames, F frequency bins, D dimensions of a code, K codes of each codebook, W width of the
transformer, S dimensions of what is told of the movement at a step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.protocols import Next
from pipeline.models.transformer import Cache
from pipeline.models.vqvae import VQVAE, Codebook

# Share of the training windows whose decoder reads q1 alone, so that the first code says by itself what it can. SoundStream draws
# the number of codebooks evenly; here both are read more often, since the prior writes both.
FIRST_ALONE = 1 / 3


class ResidualVQVAE(VQVAE):
    """A `VQVAE` with a second codebook, as large as the first. The arguments are those of `VQVAE`."""

    def __init__(self, *, codes: int, code_dim: int, ema_decay: float, revive_below: float, **others: Any) -> None:
        super().__init__(codes=codes, code_dim=code_dim, ema_decay=ema_decay, revive_below=revive_below, **others)
        self.second = Codebook(codes, code_dim, ema_decay, revive_below)

    def quantise(self, e: Tensor) -> Tensor:  # (N, D) -> (N, 2), codes
        first = self.codebook.nearest(e)
        return torch.stack([first, self.second.nearest(e - self.codebook.codes[first])], dim=-1)

    def quantised(self, codes: Tensor) -> Tensor:
        """q1 + q2 (..., D) of both codes (..., 2), or q1 of the first alone (..., 1)."""
        q = self.codebook.codes[codes[..., 0]]
        return q if codes.shape[-1] == 1 else q + self.second.codes[codes[..., 1]]

    def encode(self, spectrogram: Tensor) -> Tensor:  # (B, T, F) -> (B, T, 2), codes
        e = self.embed(self.standard(spectrogram))
        return self.quantise(e.flatten(0, 1)).unflatten(0, e.shape[:2])

    def decode(self, codes: Tensor) -> Tensor:
        """Log-spectrograms (B, T, F) of both codes (B, T, 2) or of the first alone (B, T, 1)."""
        return self.standard.restore(self.reconstruct(self.quantised(codes)))

    @torch.no_grad()
    def init_codebook(self, spectrogram: Tensor) -> None:
        """Place the codes by k-means on encoded training windows (B, T, F): the second codebook's on what the first leaves."""
        e = self.embed(self.standard(spectrogram)).flatten(0, 1).float()  # (B * T, D)
        self.codebook.init_kmeans(e)
        self.second.init_kmeans(e - self.codebook.codes[self.codebook.nearest(e)])

    def forward(self, spectrogram: Tensor) -> dict[str, Tensor]:
        """The training objective on log-spectrograms (B, T, F), as of `VQVAE`, with q what the decoder reads.

        In training mode that is q1 alone for some of the windows (quantiser dropout), and both codebooks are updated.
        """
        if not self.codebook.started:
            return super().forward(spectrogram)
        x = self.standard(spectrogram)
        e = self.embed(x)  # (B, T, D)
        with torch.autocast(e.device.type, enabled=False):  # as in VQVAE
            flat = e.detach().flatten(0, 1).float()  # (B * T, D)
            codes = self.quantise(flat)
            first, q = (self.quantised(read).view_as(e) for read in (codes[:, :1], codes))
            if self.training:
                left = flat - first.flatten(0, 1)
                self.codebook.ema_update(flat, codes[:, 0])
                self.second.ema_update(left, codes[:, 1])
                q = torch.where(torch.rand(len(e), 1, 1, device=e.device) < FIRST_ALONE, first, q)
        commitment = F.mse_loss(e, q)
        mse = self.standard.squared_error(self.reconstruct(e + (q - e).detach()), x).mean()
        return {"loss": mse + self.commitment * commitment, "mse": mse, "commitment": commitment}


class ResidualMINetSync(MINetSync):
    """A `MINetSync` without notes that writes two codes at each step.

    The transformer reads the sum of the embeddings of a step's two codes. The first code of a step is scored as in `MINetSync`, the
    second by a small network that reads the same and the first. `logits`, of one code a step, has no meaning here.

    Args:
        codes: K, of each codebook. The others are those of `MINetSync`.
    """

    def __init__(self, *, codes: int, width: int, body_hidden: int, **others: Any) -> None:
        super().__init__(codes=codes, width=width, body_hidden=body_hidden, **others)
        assert self.content is None, "this model reads no notes"
        self.second_embedding = nn.Embedding(codes + 1, width - 2 * body_hidden)
        self.second_head = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, codes))

    def read(self, before: Tensor, body: Tensor, first: int = 0, caches: list[Cache] | None = None) -> Tensor:
        """What both heads read, (B, T, W + S), of the codes before the steps (B, T, 2) and the movement at them (B, T, S).

        `first` and `caches` are those of `Transformer.forward`.
        """
        past = self.embedding(before[..., 0]) + self.second_embedding(before[..., 1])
        x = self.drop(torch.cat([past, body], dim=-1))  # (B, T, W)
        return torch.cat([self.transformer(x, first, None, caches), body], dim=-1)

    def second_logits(self, y: Tensor, first_code: Tensor) -> Tensor:  # (B, T, W + S), (B, T) -> (B, T, K)
        return self.second_head(torch.cat([y, self.embedding(first_code)], dim=-1))

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats: that of the first of a step, and of the second given the first.

        Args:
            codes: (B, T, 2); motion: (B, frames, joints, 2).

        Returns:
            (B, T, 2)
        """
        body = self.body(motion, codes.shape[1])
        before = F.pad(codes[:, :-1], (0, 0, 1, 0), value=self.start)
        if self.training:  # as in MINetSync; the two codes of a step are hidden together
            share = 2 * self.token_dropout * torch.rand(len(codes), 1, 1, device=codes.device)
            before = before.masked_fill(torch.rand_like(codes[..., :1], dtype=body.dtype) < share, self.start)
            body = body * (torch.rand(len(codes), 1, 1, device=codes.device) >= self.condition_dropout)
        y = self.read(before, body)
        logits = torch.stack([self.head(y), self.second_logits(y, codes[..., 0])], dim=2)  # (B, T, 2, K)
        return F.cross_entropy(logits.flatten(0, 2).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean over steps of the sum of both codes' `nll`."""
        first, second = self.nll(codes, motion).mean((0, 1))
        return {"loss": first + second, "nll_first": first, "nll_second": second}

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling, as `CodeModel.begin` says, one code a call: the first and the second of each step in turn.

        Args:
            steps: codes to draw, two for each step.
            context: steps that the transformer looks back. Guidance is that of `MINetSync`, for both codes.
        """
        assert not self.training, "dropout belongs to training"
        guided = guidance != 1 and self.condition_dropout > 0
        body = self.body(motion, steps // 2)
        if guided:
            body = torch.cat([body, torch.zeros_like(body)])  # (2 B, T, S): with the movement, and without
        caches = self.transformer.empty_caches(len(body), context)
        first_code = torch.full((len(body), 1), self.start, device=body.device)
        y = body
        done = 0  # codes

        def following(before: Tensor) -> Tensor:
            nonlocal done, first_code, y
            assert before.shape[1] == 1, "codes come one at a time"
            code = torch.cat([before, before]) if guided else before  # the last one drawn
            step = done // 2
            if done % 2 == 0:
                y = self.read(torch.stack([first_code, code], dim=-1), body[:, step : step + 1], step, caches)
                logits = self.head(y)[:, -1]
            else:
                first_code = code
                logits = self.second_logits(y, code)[:, -1]
            done += 1
            if not guided:
                return logits
            with_movement, without = logits.chunk(2)
            return without + guidance * (with_movement - without)

        return following
