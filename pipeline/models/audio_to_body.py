"""From sound to the movement of the player: the inverse of this project.

After "Audio to Body Dynamics" (Shlizerman et al. 2018, arXiv 1712.09382): a single recurrent layer over features of the sound,
which hears a little ahead. It differs in that the state begins from a pose. A sound does not say in which direction a bow goes; the
pose before does, and the state remembers it.

Shapes: B windows, T frames of sound, F bands of frequency, M frames of movement, V joints.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.movement_reader import at_steps
from pipeline.models.standard import Standard

KERNEL = 5  # frames; in the first convolution, of sound
LAYERS = 3  # convolutions at the rate of the movement: 6 frames are heard ahead, 0.24 s at 25 frames/s


class AudioToBody(nn.Module):
    """Residual convolutions over the sound, a GRU at the rate of the movement, and the joints.

    Args:
        bands: F.
        joints: V.
        channels: of the convolutions.
        hidden: size of the GRU's state.
        dropout: share of the channels of the convolutions dropped in training.
        velocity_weight: weight of the error of the velocities against that of the positions, both in units of their own spread.
        begun: share of the training windows whose first pose is known; the others begin anywhere.
        lowest_hz, fps, repertoire_s, liveliest, chosen_by_s: the lowest band, the rate of the movement, how much music a player
            learns who is drawn, the largest factor of their movement, and how much sound says who it is; the model only keeps them.
    """

    mean: Tensor
    scale: Tensor
    speed: Tensor

    def __init__(
        self,
        *,
        bands: int,
        joints: int,
        channels: int,
        hidden: int,
        dropout: float,
        velocity_weight: float,
        begun: float,
        lowest_hz: float,
        fps: float,
        repertoire_s: float,
        liveliest: float,
        chosen_by_s: float,
    ) -> None:
        super().__init__()
        self.bands, self.joints, self.velocity_weight, self.begun = bands, joints, velocity_weight, begun
        self.lowest_hz, self.fps, self.repertoire_s = lowest_hz, fps, repertoire_s
        self.liveliest, self.chosen_by_s = liveliest, chosen_by_s
        self.standard = Standard(bands)
        self.register_buffer("mean", torch.zeros(2 * joints))  # of each coordinate
        self.register_buffer("scale", torch.ones(()))  # standard deviation about it, of all
        self.register_buffer("speed", torch.ones(()))  # of the change from frame to frame, in units of the scale
        self.first = nn.Conv1d(bands, channels, KERNEL, padding=KERNEL // 2)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2) for _ in range(LAYERS)
        )
        self.drop = nn.Dropout1d(
            dropout
        )  # whole channels: what is dropped at single frames would make the movement tremble
        self.anywhere = nn.Parameter(torch.zeros(hidden))
        self.begin = nn.Linear(4 * joints, hidden)
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.head = nn.Linear(hidden + channels, 2 * joints)

    @torch.no_grad()
    def fit(self, motion: Tensor) -> None:
        """Take the units from training movement (B, M, V, 2)."""
        x = motion.flatten(2)
        self.mean.copy_(x.mean((0, 1)))
        self.scale.copy_((x - self.mean).std())
        self.speed.copy_(((x[:, 1:] - x[:, :-1]) / self.scale).std())

    def state(self, motion: Tensor) -> Tensor:
        """The state (B, hidden) from which movement goes on after the two poses (B, 2, V, 2)."""
        x = (motion.flatten(2) - self.mean) / self.scale
        return self.begin(torch.cat([x[:, 1], (x[:, 1] - x[:, 0]) / self.speed], dim=1)).tanh()

    def heard(self, sound: Tensor, frames: int) -> Tensor:
        """What the movement is told at each of its frames, (B, M, channels), of log-spectrograms in bands (B, T, F)."""
        x = at_steps(F.gelu(self.first(self.standard(sound).transpose(1, 2))), frames)
        for convolution in self.convolutions:
            x = x + self.drop(F.gelu(convolution(x)))
        return x.transpose(1, 2)

    def move(self, heard: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Movement (B, M, V, 2) to what is heard (B, M, channels) from a state (B, hidden) on, and the state at its end."""
        states, last = self.gru(heard, state[None])
        made = self.head(torch.cat([states, heard], dim=2)).float()
        return (made * self.scale + self.mean).unflatten(2, (self.joints, 2)), last[0]

    def start(self, windows: int) -> Tensor:
        """The state (B, hidden) of movement that begins anywhere."""
        return self.anywhere.tanh().expand(windows, -1)

    def forward(self, sound: Tensor, motion: Tensor) -> dict[str, Tensor]:
        """The training objective: `loss` = `position` + velocity_weight * `velocity`, mean squared errors.

        Args:
            sound: (B, T, F); motion: (B, M, V, 2) at the same time.
        """
        known = torch.rand(len(motion), 1, device=motion.device) < self.begun
        state = torch.where(known, self.state(motion[:, :2]), self.start(len(motion)))
        made, _ = self.move(self.heard(sound, motion.shape[1]), state)
        away = (made - motion) / self.scale
        position = away.square().mean()
        velocity = ((away[:, 1:] - away[:, :-1]) / self.speed).square().mean()
        return {"loss": position + self.velocity_weight * velocity, "position": position, "velocity": velocity}
