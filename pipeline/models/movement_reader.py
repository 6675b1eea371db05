"""The movement reader: from a movement to what its music has to follow. The paper does not have it.

It tells two things from the joints: the onset strength at every step, and the posture, one vector for a window. It learns the
first from the sound's own onset strength, and the second by telling how often each code occurs in the sound, in any order. It is
small and trained by itself, so it can see many more players than a model over codes. `mi_net_sync` hears of the movement through
it alone.

Shapes: B windows, T steps, W width, P dimensions of the posture, K codes.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 5  # frames; in the last convolution, steps


class MovementReader(nn.Module):
    """Residual convolutions over joints and their velocities, which are standardised first.

    The last convolution runs at the rate of the steps, so that its output can change from one step to the next.

    Args:
        codes: K.
        layers: convolutions at the rate of the movement.
        posture: P.
        code_loss_weight: weight of the loss that teaches the posture, against that of the onset strength.
        onset_companding: k. The target for a strength s is log(1 + k s), so that a soft note counts as well as a loud one.
        onset_scale: standard deviation of the onset strength over the training tracks, the unit of s.
    """

    def __init__(
        self,
        *,
        codes: int,
        joints: int,
        width: int,
        layers: int,
        posture: int,
        dropout: float,
        code_loss_weight: float,
        onset_companding: float,
        onset_scale: float,
    ) -> None:
        super().__init__()
        self.code_loss_weight = code_loss_weight
        self.onset_companding, self.onset_scale = onset_companding, onset_scale
        self.norm = nn.BatchNorm1d(4 * joints, affine=False)
        sizes = [4 * joints, *layers * [width]]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2) for before, after in pairwise(sizes)
        )
        self.drop = nn.Dropout(dropout)
        self.at_steps = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
        self.onset = nn.Linear(width, 1)
        self.posture = nn.Linear(2 * width, posture)
        self.posture_norm = nn.BatchNorm1d(posture, affine=False)
        self.codes = nn.Linear(posture, codes)

    def read(self, motion: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Companded onset strength (B, T), and posture (B, P) of mean 0 and variance 1, of movements (B, frames, joints, 2).

        The movement starts with the first of `steps` steps and ends with the last.
        """
        x = self._encoded(motion)
        return self._onset_strength(x, steps), self._posture(x)

    def body_state(self, motion: Tensor) -> Tensor:
        """The posture (B, P) of movements (B, frames, joints, 2)."""
        return self._posture(self._encoded(motion))

    def forward(self, codes: Tensor, motion: Tensor, onset_strength: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` = `onset_error`, a mean squared error, + code_loss_weight * `code_nll`.

        Args:
            codes: (B, T) of the sound; motion: (B, frames, joints, 2); onset_strength: (B, T) of the sound.
        """
        told, posture = self.read(motion, codes.shape[1])
        target = torch.log1p(self.onset_companding * onset_strength / self.onset_scale)
        error = F.mse_loss(told, target)
        # The mean over the steps: the posture tells which codes occur, not when.
        nll = -self.codes(posture).float().log_softmax(-1).gather(1, codes).mean()
        return {"loss": error + self.code_loss_weight * nll, "onset_error": error, "code_nll": nll}

    def _encoded(self, motion: Tensor) -> Tensor:  # (B, frames, joints, 2) -> (B, W, frames)
        x = motion.flatten(2)  # (B, frames, joints * 2)
        velocity = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))
        x = self.norm(torch.cat([x, velocity], dim=-1).transpose(1, 2))  # (B, joints * 4, frames)
        for number, convolution in enumerate(self.convolutions):
            seen = self.drop(F.gelu(convolution(x)))
            x = x + seen if number else seen
        return x

    def _onset_strength(self, x: Tensor, steps: int) -> Tensor:  # (B, W, frames) -> (B, T)
        y = F.gelu(self.at_steps(at_steps(x, steps)))  # (B, W, T)
        return self.onset(y.transpose(1, 2))[..., 0].float()

    def _posture(self, x: Tensor) -> Tensor:  # (B, W, frames) -> (B, P)
        mean = x.mean(2)
        spread = (x - mean[:, :, None]).abs().mean(2)
        return self.posture_norm(self.posture(torch.cat([mean, spread], dim=1)))


def at_steps(x: Tensor, steps: int) -> Tensor:
    """Values at frames (B, W, frames), linearly interpolated at the time of each step: (B, W, T)."""
    frames = x.shape[-1]
    place = (torch.arange(steps, device=x.device) * (frames / steps)).clamp(max=frames - 1)
    # A matrix product, since the gradient of indexing takes longer than a convolution.
    share = 1 - (place - torch.arange(frames, device=x.device)[:, None]).abs()  # (frames, T)
    return x @ share.clamp(min=0).to(x.dtype)
