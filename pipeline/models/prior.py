"""The prior: a causal transformer over codes, conditioned on the body (paper, section 3.2).

Shapes: B windows, T steps, W width, H heads, K codes. Step t sees the codes before t; step 0 sees a start token in their place.
Positions are rotary (Su et al. 2021): they are relative, so a window may lie anywhere in a longer piece, and keys can be
cached once they are rotated.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.body import BodyEncoder


@dataclass
class Cache:
    """Keys and values of the last `context` steps of one layer, each (B, H, context, W / H), written round and round."""

    keys: Tensor
    values: Tensor

    def write(self, step: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        context = self.keys.shape[2]
        self.keys[:, :, step % context], self.values[:, :, step % context] = k[:, :, 0], v[:, :, 0]
        # Attention does not care for the order of its keys, whose positions are rotated into them.
        filled = min(step + 1, context)
        return self.keys[:, :, :filled], self.values[:, :, :filled]


def rotate(x: Tensor, position: Tensor) -> Tensor:
    """Turn each pair of dimensions of x (B, H, T, W / H) by an angle proportional to its position (T,)."""
    half = x.shape[-1] // 2
    frequency = 10000 ** (-torch.arange(half, device=x.device) / half)  # (half,)
    angle = position[:, None] * frequency  # (T, half)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Block(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor, cache: Cache | None = None) -> Tensor:  # (B, T, W) -> (B, T, W)
        batch, steps, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, steps, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, W / H)
        q, k = rotate(q, position), rotate(k, position)
        if cache is not None:
            assert steps == 1, "a cache is written one step at a time"
            k, v = cache.write(int(position[0]), k, v)
        # No dropout inside attention: it would write out the T x T weights, and half the step's time with them.
        y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        x = x + self.drop(self.mix(y.transpose(1, 2).reshape(batch, steps, width)))  # (B, H, T, W / H) -> (B, T, W)
        return x + self.drop(self.feed(self.feed_norm(x)))


class Prior(nn.Module):
    """Predicts each code from those before it and from the movement of the whole window.

    Args:
        codes: K; `width` is that of the transformer, 2 * body_hidden of it the body's state.
    """

    def __init__(
        self,
        *,
        codes: int,
        joints: int,
        body_hidden: int,
        body_layers: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.start = codes  # the start token
        self.heads = heads
        self.body = BodyEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.embedding = nn.Embedding(codes + 1, width - 2 * body_hidden)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, codes)

    def logits(self, before: Tensor, h: Tensor, first: int = 0, caches: list[Cache] | None = None) -> Tensor:
        """Scores of the next code after each step.

        Args:
            before: (B, T) the code before each step, `self.start` before step 0.
            h: (B, 2 * body_hidden) the body's state.
            first: the position of the first step given.
            caches: one a layer, from `caches()`; then T = 1 and the steps before `first` are taken from there.

        Returns:
            (B, T, K)
        """
        steps = before.shape[1]
        x = torch.cat([self.embedding(before), h[:, None].expand(-1, steps, -1)], dim=-1)  # (B, T, W)
        x = self.drop(x)
        position = torch.arange(first, first + steps, device=before.device)
        for i, block in enumerate(self.blocks):
            x = block(x, position, None if caches is None else caches[i])
        return self.head(self.norm(x))

    def caches(self, batch: int, context: int) -> list[Cache]:
        """An empty cache for each layer."""
        width = self.head.in_features
        empty = self.head.weight.new_zeros(batch, self.heads, context, width // self.heads)
        return [Cache(empty.clone(), empty.clone()) for _ in self.blocks]

    def nll(self, codes: Tensor, motion: Tensor) -> Tensor:
        """Negative log-likelihood of each code, in nats: (B, T) from codes (B, T) and motion (B, frames, joints, 2)."""
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        logits = self.logits(before, self.body(motion))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(self, codes: Tensor, motion: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `nll`."""
        return {"loss": self.nll(codes, motion).mean()}
