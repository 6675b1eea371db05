"""ST-GCN: convolutions over the graph of the joints and over time (Yan, Xiong and Lin 2018, arXiv 1801.07455).

Shapes: B windows, C channels, M movement frames, V joints.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 9  # movement frames that a temporal convolution sees (Yan et al., section 3.5)


def adjacency(joints: int, edges: Sequence[Sequence[int]]) -> Tensor:
    """Who hears whom in the spatial configuration partitioning (Yan et al., section 3.3), the root as centre of gravity.

    Args:
        edges: (parent, child) pairs of a tree: the parent is the one nearer to the root.

    Returns:
        float32 (3, V, V): [k, i, j] is the weight of joint j in the sum at joint i, for k = 0 the joint itself,
        1 its neighbour towards the root (centripetal), 2 its neighbours away from it (centrifugal).
        A row's weights are even and sum to 1, so that each partition is a mean, or are all 0 where a joint has no such neighbour.
    """
    inward = torch.zeros(joints, joints)
    for parent, child in edges:
        inward[child, parent] = 1.0
    linked = torch.stack([torch.eye(joints), inward, inward.T])
    return linked / linked.sum(2, keepdim=True).clamp(min=1)


class STGCNBlock(nn.Module):
    """Convolution over the graph, ReLU, convolution over time, ReLU; but for the first, a block adds its input before the last."""

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
        # One product for the three partitions, which lie side by side for each joint; a kernel that steps over the three gives
        # each its own weights and adds them. Nothing has to be permuted, which on a CPU takes as long as the products.
        weights = (self.adjacency * self.importance).permute(2, 1, 0).flatten(1)  # (3, V, V) -> (V, V * 3)
        y = F.relu(self.spatial_norm(self.spatial(x @ weights)))  # (B, inputs, M, V * 3) -> (B, C, M, V)
        y = self.temporal_norm(self.temporal(y))
        return F.relu(y if self.first else x + y)


class STGCN(nn.Module):
    """Joints standardised over the batch, then the blocks; the first has no residual, as in the authors' code.

    The first block also halves the frame rate. The authors, who have more blocks, do so further in; with few, at the full rate,
    a step takes twice as long.

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
