"""What the transformers are made of: attention with rotary positions, a cache for sampling, and a stack of blocks.

Shapes: B windows, T steps, S steps of the source that is attended to, W width, H heads. Positions are rotary (Su et al. 2021), so
attention depends on distances alone: a window may lie anywhere in a longer piece, and rotated keys can be cached.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KeysValues = tuple[Tensor, Tensor]  # each (B, H, S, W / H), the keys rotated
Angles = tuple[Tensor, Tensor]  # cosine and sine of the angle of each pair of dimensions, (T, W / H / 2)


@dataclass
class Cache:
    """Keys and values of the last `context` steps of one layer, each (B, H, context, W / H): a ring that is overwritten."""

    keys: Tensor
    values: Tensor

    def write(self, first: int, k: Tensor, v: Tensor) -> KeysValues:
        """Add one step at position `first`, or several to an empty cache; return all that the cache holds."""
        context, steps = self.keys.shape[2], k.shape[2]
        assert steps == 1 or (first == 0 and steps <= context), "only an empty cache takes several steps"
        here = slice(first % context, first % context + steps)
        self.keys[:, :, here], self.values[:, :, here] = k, v
        # The order of the keys does not matter to attention: their positions are rotated into them.
        filled = min(first + steps, context)
        return self.keys[:, :, :filled], self.values[:, :, :filled]


def rotary_angles(position: Tensor, size: int) -> Angles:
    """The angles that rotate heads of `size` dimensions at positions (T,); they are proportional to the position."""
    half = size // 2
    frequency = 10000 ** (-torch.arange(half, device=position.device) / half)  # (half,)
    angle = position[:, None] * frequency  # (T, half)
    return angle.cos(), angle.sin()


def apply_rotary(x: Tensor, angles: Angles) -> Tensor:
    """Rotate each pair of dimensions of x (B, H, T, W / H)."""
    half = x.shape[-1] // 2
    cos, sin = angles[0].to(x.dtype), angles[1].to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head attention from x to a source, which may be x itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)

    def keys_values(self, source: Tensor, angles: Angles) -> KeysValues:
        """Keys and values of a source (B, S, W), with the rotary angles of its steps."""
        batch, steps, width = source.shape
        k, v = self.kv(source).view(batch, steps, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return apply_rotary(k, angles), v

    def forward(self, x: Tensor, angles: Angles, source: KeysValues, causal: bool = False) -> Tensor:
        batch, steps, width = x.shape
        q = self.q(x).view(batch, steps, self.heads, width // self.heads).transpose(1, 2)  # (B, H, T, W / H)
        # No dropout inside attention: it would write out the T x S weights, and a step would take half as long again.
        y = F.scaled_dot_product_attention(apply_rotary(q, angles), *source, is_causal=causal)
        return self.mix(y.transpose(1, 2).reshape(batch, steps, width))  # (B, H, T, W / H) -> (B, T, W)


class Block(nn.Module):
    """Self-attention, attention to a memory if there is one, and the feed-forward max(0, xW1 + b1)W2 + b2 (paper, section 3.2).

    Each is preceded by a layer norm and followed by a residual sum; the paper does not say where its norms are.
    """

    def __init__(self, width: int, heads: int, dropout: float, *, cross: bool) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width) if cross else nn.Identity()
        self.cross_attention = Attention(width, heads) if cross else None
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, angles: Angles, causal: bool, memory: KeysValues | None, cache: Cache | None, first: int
    ) -> Tensor:
        """(B, T, W) -> (B, T, W); the arguments are those of `Transformer.forward`."""
        normed = self.self_norm(x)
        source = self.self_attention.keys_values(normed, angles)
        if cache is not None:
            source = cache.write(first, *source)
        x = x + self.drop(self.self_attention(normed, angles, source, causal))
        if self.cross_attention is not None:
            assert memory is not None, "a block with cross-attention needs a memory"
            x = x + self.drop(self.cross_attention(self.cross_norm(x), angles, memory))
        return x + self.drop(self.feed(self.feed_norm(x)))


class Transformer(nn.Module):
    """A stack of blocks and a last layer norm.

    Args:
        causal: whether a step attends only to itself and to the steps before.
        cross: whether each block also attends to a memory.
    """

    blocks: nn.ModuleList

    def __init__(
        self, *, width: int, heads: int, layers: int, dropout: float, causal: bool = True, cross: bool = False
    ) -> None:
        super().__init__()
        self.width, self.heads, self.causal = width, heads, causal
        self.blocks = nn.ModuleList(Block(width, heads, dropout, cross=cross) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def memories(self, source: Tensor, position: Tensor) -> list[KeysValues]:
        """Keys and values for each block's cross-attention, of a source (B, S, W) at positions (S,) among the steps."""
        angles = rotary_angles(position, self.width // self.heads)
        made = [block.cross_attention.keys_values(source, angles) for block in self.blocks]  # type: ignore[union-attr, operator]
        # Contiguous, since sampling reads them at every step: attention to a view takes twice as long.
        return [(k.contiguous(), v.contiguous()) for k, v in made]

    def empty_caches(self, batch: int, context: int) -> list[Cache]:
        """One cache per block, for sampling: a step attends to the `context` steps up to and including itself."""
        shape, like = (batch, self.heads, context, self.width // self.heads), self.norm.weight
        return [Cache(like.new_zeros(shape), like.new_zeros(shape)) for _ in self.blocks]

    def forward(
        self,
        x: Tensor,
        first: int = 0,
        memories: list[KeysValues] | None = None,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """(B, T, W) -> (B, T, W).

        Args:
            first: the position of the first step.
            memories: made by `self.memories`.
            caches: hold the steps before `first`; then T = 1, unless `first` is 0.
        """
        steps = x.shape[1]
        position = torch.arange(first, first + steps, device=x.device)
        angles = rotary_angles(position, self.width // self.heads)
        causal = self.causal and (caches is None or steps > 1)
        for i, block in enumerate(self.blocks):
            memory = None if memories is None else memories[i]
            x = block(x, angles, causal, memory, None if caches is None else caches[i], first)
        return self.norm(x)
