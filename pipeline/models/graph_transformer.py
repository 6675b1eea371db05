"""Graph-Transformer, a baseline of the paper (section 4): ST-GCN over the joints, then a transformer that writes a log-spectrogram.

Shapes: B windows, T steps, F frequency bins, W width, M frames of movement, S of them in the memory. Step t sees the frames
before t; step 0 sees the mean frame in their place. It is a regression: it gives the frame that it expects, so the same movement
always gives the same spectrogram.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.st_gcn import STGCN
from pipeline.models.standard import Standard
from pipeline.models.transformer import Block, Cache, KeysValues, empty_caches, turns


class GraphTransformer(nn.Module):
    """Causal self-attention over the frames before, cross-attention to the movement.

    Args:
        bins: F.
        edges: (parent, child) pairs of joints, the parent nearer to the neck.
        body_hidden: half the channels of the ST-GCN, so that the body's state is as long as that of the other models.
        body_layers: blocks of the ST-GCN.
    """

    def __init__(
        self,
        *,
        bins: int,
        joints: int,
        edges: Sequence[Sequence[int]],
        body_hidden: int,
        body_layers: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.standard = Standard(bins)
        channels = 2 * body_hidden
        self.body = STGCN(joints=joints, edges=edges, channels=channels, layers=body_layers)
        self.memory = nn.Linear(channels, width)
        self.embedding = nn.Linear(bins, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal=True, cross=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, bins)

    def body_state(self, motion: Tensor) -> Tensor:
        """(B, 2 * body_hidden) of a movement (B, M, joints, 2): what the ST-GCN says, averaged over time and joints."""
        return self.body(motion).mean((2, 3))

    def memories(self, motion: Tensor, frames: int) -> list[KeysValues]:
        """What each layer attends to across, of a movement (B, M, joints, 2) that lasts as long as `frames` of the spectrogram."""
        memory = self.memory(self.body(motion).mean(3).transpose(1, 2))  # (B, C, S, joints) -> (B, S, W)
        # Both lie on one time axis, so that a head can look at the movement that makes the sound.
        position = torch.arange(memory.shape[1], device=memory.device) * (frames / memory.shape[1])
        by, made = turns(position, memory.shape[2] // self.heads), []
        for block in self.blocks:
            assert isinstance(block, Block) and block.cross_attention is not None
            made.append(block.cross_attention.keys_values(memory, by))
        return made

    def decode(
        self, before: Tensor, memories: list[KeysValues], first: int = 0, caches: list[Cache] | None = None
    ) -> Tensor:
        """The frames that are expected, all standardised.

        Args:
            before: (B, T, F) the frame before each step, zeros (the mean frame) before step 0.
            memories: of `self.memories`.
            first: the position of the first step given.
            caches: one a layer; then T = 1 and the steps before `first` are taken from there.

        Returns:
            (B, T, F)
        """
        x = self.drop(self.embedding(before))  # (B, T, W)
        position = torch.arange(first, first + before.shape[1], device=before.device)
        for i, block in enumerate(self.blocks):
            x = block(x, position, memories[i], None if caches is None else caches[i])
        return self.head(self.norm(x))

    def error(self, spectrogram: Tensor, motion: Tensor) -> Tensor:
        """Mean squared error of each frame, given the recorded ones before it, in units of std^2.

        Args:
            spectrogram: log-spectrograms (B, T, F); motion: movements (B, M, joints, 2).

        Returns:
            (B, T)
        """
        frames = self.standard(spectrogram)
        expected = self.decode(F.pad(frames[:, :-1], (0, 0, 1, 0)), self.memories(motion, frames.shape[1]))
        return self.standard.squared_error(expected, frames).mean(-1)

    def forward(self, spectrogram: Tensor, motion: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `error`."""
        return {"loss": self.error(spectrogram, motion).mean()}

    @torch.no_grad()
    def generate(self, motion: Tensor, frames: int) -> Tensor:
        """A log-spectrogram (B, frames, F) for movements (B, M, joints, 2), each frame from its own last ones."""
        assert not self.training, "dropout belongs to training"
        memories = self.memories(motion, frames)
        width = self.head.in_features
        caches = empty_caches(self.head.weight, len(self.blocks), len(motion), self.heads, frames, width)
        parts = [torch.zeros_like(self.standard.mean).expand(len(motion), 1, -1)]
        for step in range(frames):
            parts.append(self.standard.cut(self.decode(parts[-1], memories, step, caches)))
        return self.standard.restore(torch.cat(parts[1:], dim=1))
