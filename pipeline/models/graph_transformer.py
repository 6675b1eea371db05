"""Graph-Transformer, a baseline of the paper (section 4): ST-GCN over the joints, then a transformer that writes a log-spectrogram.

The ST-GCN convolves over the graph of the joints and over time (Yan, Xiong and Lin 2018, arXiv 1801.07455).

Shapes: B windows, T steps, F frequency bins, W width, C channels, M frames of movement, S of them in the memory, V joints. Step t
sees the frames before t; step 0 sees the mean frame in their place. It is a regression: its output is the expected frame, so the
same movement always gives the same spectrogram. In some steps of the training the frames before are its own, as in generation
(scheduled sampling: Bengio et al. 2015, arXiv 1506.03099).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.standard import Standard
from pipeline.models.transformer import Cache, KeysValues, Transformer

KERNEL = 9  # movement frames that a temporal convolution sees (Yan et al., section 3.5)


def adjacency(joints: int, edges: Sequence[Sequence[int]]) -> Tensor:
    """The weights of spatial configuration partitioning (Yan et al., section 3.3), with the root as centre of gravity.

    Args:
        edges: (parent, child) pairs of a tree: the parent is the one nearer to the root.

    Returns:
        float32 (3, V, V): [k, i, j] is the weight of joint j in the sum at joint i, for k = 0 the joint itself,
        1 its neighbour towards the root (centripetal), 2 its neighbours away from it (centrifugal).
        The weights of a row are equal and sum to 1, so that each partition is a mean; without such a neighbour they are 0.
    """
    inward = torch.zeros(joints, joints)
    for parent, child in edges:
        inward[child, parent] = 1.0
    linked = torch.stack([torch.eye(joints), inward, inward.T])
    return linked / linked.sum(2, keepdim=True).clamp(min=1)


class STGCNBlock(nn.Module):
    """Convolution over the graph, ReLU, convolution over time, ReLU. All blocks but the first are residual."""

    adjacency: Tensor

    def __init__(self, inputs: int, channels: int, adjacency: Tensor, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.importance = nn.Parameter(torch.ones_like(adjacency))  # of each edge, learned
        self.spatial = nn.Conv2d(inputs, channels, kernel_size=(1, 3), stride=(1, 3), bias=False)
        self.spatial_norm = nn.BatchNorm2d(channels)
        self.temporal = nn.Conv2d(
            channels,
            channels,
            kernel_size=(KERNEL, 1),
            stride=(2 if first else 1, 1),
            padding=(KERNEL // 2, 0),
            bias=False,
        )
        self.temporal_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, M, V) -> (B, C, M, V); from the first block M / 2, rounded up
        # One matrix product for all three partitions, side by side for each joint. A kernel with stride 3 gives each its own
        # weights and adds them. That needs no permutation, which on a CPU would take as long as the products.
        weights = (self.adjacency * self.importance).permute(2, 1, 0).flatten(1)  # (3, V, V) -> (V, V * 3)
        y = F.relu(self.spatial_norm(self.spatial(x @ weights)))  # (B, inputs, M, V * 3) -> (B, C, M, V)
        y = self.temporal_norm(self.temporal(y))
        return F.relu(y if self.first else x + y)


class STGCN(nn.Module):
    """Batch normalisation of the joints, then the blocks. The first has no residual, as in the authors' code.

    The first block also halves the frame rate. The authors have more blocks and halve it later; here, a step at the full rate
    would take twice as long.

    Args:
        edges: as in `adjacency`.
    """

    def __init__(self, *, joints: int, edges: Sequence[Sequence[int]], channels: int, layers: int) -> None:
        super().__init__()
        linked = adjacency(joints, edges)
        self.norm = nn.BatchNorm1d(2 * joints)
        self.blocks = nn.ModuleList(
            STGCNBlock(channels if i else 2, channels, linked, first=i == 0) for i in range(layers)
        )

    def forward(self, motion: Tensor) -> Tensor:  # (B, M, V, 2) -> (B, C, M / 2 rounded up, V)
        x = self.norm(motion.flatten(2).transpose(1, 2))  # (B, V * 2, M)
        x = x.unflatten(1, (-1, 2)).permute(0, 2, 3, 1)  # (B, V, 2, M) -> (B, 2, M, V)
        for block in self.blocks:
            x = block(x)
        return x


class GraphTransformer(nn.Module):
    """Causal self-attention over the frames before, cross-attention to the movement.

    Args:
        bins: F.
        edges: (parent, child) pairs of joints, the parent nearer to the neck.
        body_hidden: half the channels of the ST-GCN, so that the body's state is as long as that of the other models.
        body_layers: blocks of the ST-GCN.
        own_past: share of the training steps in which the frames before are the model's own, not recorded ones.
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
        own_past: float,
    ) -> None:
        super().__init__()
        self.own_past = own_past
        self.standard = Standard(bins)
        channels = 2 * body_hidden
        self.body = STGCN(joints=joints, edges=edges, channels=channels, layers=body_layers)
        self.memory = nn.Linear(channels, width)
        self.embedding = nn.Linear(bins, width)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=layers, dropout=dropout, cross=True)
        self.head = nn.Linear(width, bins)

    def body_state(self, motion: Tensor) -> Tensor:
        """The mean of the ST-GCN's output over time and joints, of movements (B, M, joints, 2): (B, 2 * body_hidden)."""
        return self.body(motion).mean((2, 3))

    def memories(self, motion: Tensor, frames: int) -> list[KeysValues]:
        """What each block attends to, of movements (B, M, joints, 2) that last as long as `frames` of the spectrogram."""
        memory = self.memory(self.body(motion).mean(3).transpose(1, 2))  # (B, C, S, joints) -> (B, S, W)
        # Movement and sound share one time axis, so that a head can attend to the movement that makes the sound.
        position = torch.arange(memory.shape[1], device=memory.device) * (frames / memory.shape[1])
        return self.transformer.memories(memory, position)

    def decode(
        self, before: Tensor, memories: list[KeysValues], first: int = 0, caches: list[Cache] | None = None
    ) -> Tensor:
        """The expected frames; input and output are standardised.

        Args:
            before: (B, T, F) the frame before each step, zeros (the mean frame) before step 0.
            memories: made by `self.memories`.
            first: the position of the first step.
            caches: hold the steps before `first`; then T = 1.

        Returns:
            (B, T, F)
        """
        x = self.drop(self.embedding(before))  # (B, T, W)
        return self.head(self.transformer(x, first, memories, caches))

    def error(self, spectrogram: Tensor, motion: Tensor, own_past: bool = False) -> Tensor:
        """Mean squared error of each frame, given the frames before it.

        Args:
            spectrogram: log-spectrograms (B, T, F); motion: movements (B, M, joints, 2).
            own_past: the frames before are those that the model makes, not the recorded ones. No gradient goes through them.

        Returns:
            (B, T)
        """
        frames = self.standard(spectrogram)
        memories = self.memories(motion, frames.shape[1])
        past = self.continued(memories, *frames.shape[:2]) if own_past else frames
        expected = self.decode(F.pad(past[:, :-1], (0, 0, 1, 0)), memories)
        return self.standard.squared_error(expected, frames).mean(-1) * self.standard.std.square()

    def forward(self, spectrogram: Tensor, motion: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` is the mean of `error`, divided by the variance of training windows."""
        own_past = self.training and bool(torch.rand(()) < self.own_past)
        return {"loss": self.error(spectrogram, motion, own_past).mean() / self.standard.std.square()}

    @torch.no_grad()
    def continued(self, memories: list[KeysValues], windows: int, frames: int) -> Tensor:
        """Standardised frames (windows, frames, F) for the memories of some movements, each from those made before it."""
        training = self.training
        self.eval()  # dropout belongs to training, and here the model is used
        caches = self.transformer.empty_caches(windows, frames)
        parts = [torch.zeros_like(self.standard.mean).expand(windows, 1, -1)]
        for step in range(frames):
            parts.append(self.standard.cut(self.decode(parts[-1], memories, step, caches)))
        self.train(training)
        return torch.cat(parts[1:], dim=1)

    @torch.no_grad()
    def generate(self, motion: Tensor, frames: int) -> Tensor:
        """A log-spectrogram (B, frames, F) for movements (B, M, joints, 2), each frame from the frames generated before."""
        assert not self.training, "dropout belongs to training"
        return self.standard.restore(self.continued(self.memories(motion, frames), len(motion), frames))
