"""Body encoders: what the prior is told of a window of movement.

Both give one vector a window, the body's state, for telling players apart, and one vector a step, for the prior. Movement
(B, frames, joints, 2) starts when the first step does and lasts as long as all steps together.
Shapes: B windows, T steps, S = 2 * hidden dimensions of the state.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.models.gru import GRU

KERNEL = 5  # frames that a convolution sees; three of them see 13, 0.52 s at 25 frames/s


class BodyEncoder(nn.Module):
    """Bidirectional GRU over the joints; h is the last layer's last hidden state of both directions (paper, section 3.2).

    Each coordinate is standardised first, by running statistics: a finger moves less than an elbow, and says as much.
    """

    def __init__(self, *, joints: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * joints, affine=False)
        self.gru = GRU(2 * joints, hidden, layers, bidirectional=True)

    def forward(self, motion: Tensor) -> Tensor:
        """h: (B, S)."""
        x = self.norm(motion.flatten(2).transpose(1, 2)).transpose(1, 2)  # (B, frames, joints * 2)
        _, last = self.gru(x)  # (layers * 2, B, hidden)
        return torch.cat([last[-2], last[-1]], dim=-1)

    def steps(self, motion: Tensor, steps: int) -> Tensor:
        """The same h at each step: (B, T, S)."""
        return self(motion)[:, None].expand(-1, steps, -1)


class BodySequence(nn.Module):
    """The movement step by step: a prior that reads it can follow the player in time.

    Args:
        network: gru, bidirectional as above, or convolutions, which see no farther than the music can. Each adds to what the one
            before has seen, so that where the joints are is not lost over how they move. The last convolution runs at
            the rate of the steps, so that what it says can change from one step to the next.
        velocities: whether it also reads how far each joint has moved since the frame before.
    """

    def __init__(self, *, joints: int, hidden: int, layers: int, network: str, velocities: bool) -> None:
        super().__init__()
        self.velocities = velocities
        size = (4 if velocities else 2) * joints
        self.norm = nn.BatchNorm1d(size, affine=False)
        self.gru = GRU(size, hidden, layers, bidirectional=True) if network == "gru" else None
        sizes = [size, *(layers - 1) * [4 * hidden], 2 * hidden] if network == "convolutions" else []
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2) for before, after in pairwise(sizes)
        )

    def forward(self, motion: Tensor) -> Tensor:
        """The mean over time: (B, S)."""
        return self.steps(motion, motion.shape[1]).mean(1)

    def steps(self, motion: Tensor, steps: int) -> Tensor:
        """What is seen at each step: (B, T, S)."""
        x = motion.flatten(2)  # (B, frames, joints * 2)
        if self.velocities:
            x = torch.cat([x, F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))], dim=-1)
        x = self.norm(x.transpose(1, 2))  # (B, size, frames)
        if self.gru is not None:
            return at_steps(self.gru(x.transpose(1, 2))[0].transpose(1, 2), steps).transpose(1, 2)
        *first, last = self.convolutions
        for number, convolution in enumerate(first):
            seen = F.gelu(convolution(x))
            x = x + seen if number else seen
        return last(at_steps(x, steps)).transpose(1, 2)


def at_steps(x: Tensor, steps: int) -> Tensor:
    """Values at frames (B, S, frames), at each step's place between its two frames: (B, S, T)."""
    frames = x.shape[-1]
    place = (torch.arange(steps, device=x.device) * (frames / steps)).clamp(max=frames - 1)
    # A product, since the gradient of picking frames by their numbers takes longer than a convolution.
    share = 1 - (place - torch.arange(frames, device=x.device)[:, None]).abs()  # (frames, T)
    return x @ share.clamp(min=0).to(x.dtype)
