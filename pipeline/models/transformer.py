"""What the transformers here are made of: attention with rotary positions, its cache, and a block.

Shapes: B windows, T steps, S steps of the source that is attended to, W width, H heads. Positions are rotary (Su et al. 2021):
they are relative, so a window may lie anywhere in a longer piece, and keys can be cached once they are rotated.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KeysValues = tuple[Tensor, Tensor]  # each (B, H, S, W / H), the keys rotated
Turns = tuple[Tensor, Tensor]  # cosine and sine of the angle of each pair of dimensions, (T, W / H / 2)


@dataclass
class Cache:
    """Keys and values of the last `context` steps of one layer, each (B, H, context, W / H), written round and round."""

    keys: Tensor
    values: Tensor

    def write(self, first: int, k: Tensor, v: Tensor) -> KeysValues:
        """Add one step, or all that come at the beginning; give all that is in the cache."""
        context, steps = self.keys.shape[2], k.shape[2]
        assert steps == 1 or (first == 0 and steps <= context), "only an empty cache takes several steps"
        here = slice(first % context, first % context + steps)
        self.keys[:, :, here], self.values[:, :, here] = k, v
        # Attention does not care for the order of its keys, whose positions are rotated into them.
        filled = min(first + steps, context)
        return self.keys[:, :, :filled], self.values[:, :, :filled]


def turns(position: Tensor, size: int) -> Turns:
    """Of the angles by which heads of `size` dimensions are turned at positions (T,), to which they are proportional."""
    half = size // 2
    frequency = 10000 ** (-torch.arange(half, device=position.device) / half)  # (half,)
    angle = position[:, None] * frequency  # (T, half)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, by: Turns) -> Tensor:
    """Turn each pair of dimensions of x (B, H, T, W / H)."""
    half = x.shape[-1] // 2
    cos, sin = by[0].to(x.dtype), by[1].to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head attention of x to a source, which may be x itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)

    def keys_values(self, source: Tensor, by: Turns) -> KeysValues:
        """Of a source (B, S, W) whose steps are turned so."""
        batch, steps, width = source.shape
        k, v = self.kv(source).view(batch, steps, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return rotate(k, by), v

    def forward(
        self, x: Tensor, by: Turns, source: KeysValues, causal: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        batch, steps, width = x.shape
        q = self.q(x).view(batch, steps, self.heads, width // self.heads).transpose(1, 2)  # (B, H, T, W / H)
        # No dropout inside attention: it would write out the T x S weights, and a step takes half as long again.
        y = F.scaled_dot_product_attention(rotate(q, by), *source, attn_mask=mask, is_causal=causal)
        return self.mix(y.transpose(1, 2).reshape(batch, steps, width))  # (B, H, T, W / H) -> (B, T, W)


class Block(nn.Module):
    """Pre-norm self-attention, with `cross` then attention to a memory, and feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float, *, causal: bool, cross: bool) -> None:
        super().__init__()
        self.causal = causal
        self.self_norm, self.self_attention = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width) if cross else None
        self.cross_attention = Attention(width, heads) if cross else None
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        memory: KeysValues | None = None,
        cache: Cache | None = None,
        reach: int = 0,
    ) -> Tensor:
        """(B, T, W) -> (B, T, W).

        Args:
            position: (T,) of the steps.
            memory: keys and values that `cross_attention.keys_values` made.
            cache: of the steps before; then T = 1, but at the beginning.
            reach: so many steps before and after its own are all that a step sees of the memory; 0: it sees all.
        """
        steps, width = x.shape[1:]
        by = turns(position, width // self.self_attention.heads)
        normed = self.self_norm(x)
        source = self.self_attention.keys_values(normed, by)
        if cache is not None:
            source = cache.write(int(position[0]), *source)
        x = x + self.drop(self.self_attention(normed, by, source, self.causal and (cache is None or steps > 1)))
        if self.cross_attention is not None and self.cross_norm is not None:
            assert memory is not None, "a block with cross-attention needs a memory"
            near = (
                (position[:, None] - torch.arange(memory[0].shape[2], device=x.device)).abs() <= reach
                if reach
                else None
            )
            x = x + self.drop(self.cross_attention(self.cross_norm(x), by, memory, mask=near))
        return x + self.drop(self.feed(self.feed_norm(x)))


def empty_caches(like: Tensor, layers: int, batch: int, heads: int, context: int, width: int) -> list[Cache]:
    """An empty cache a layer, with the dtype and on the device of `like`."""
    shape = (batch, heads, context, width // heads)
    return [Cache(like.new_zeros(shape), like.new_zeros(shape)) for _ in range(layers)]
