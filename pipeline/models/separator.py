"""Takes apart the sound of several players by watching them: PixelPlayer's and Music Gesture's idea on one softmax.

A U-Net turns the log-frequency spectrogram of the mixture into maps A_k(f, t). What is seen of a player gives a gate g_k(t) for
each map at every step, and the player's score is

    s(f, t) = Σ_k g_k(t) A_k(f, t).

Some of the maps are fixed bands of frequency, so that sight alone can tell how loud a player is, and where.

The masks are the softmax of the scores of all players and of a rest, whose gates are constants: what nobody is seen to play. So the
masks add up to one for any number of players, and players who change places change masks.

Sources: Zhao et al., "The Sound of Pixels" (ECCV 2018); Gan et al., "Music Gesture for Visual Sound Separation" (CVPR 2020), which
have sigmoids in place of the softmax. There the sight enters once for a window or deep in the network; here it is at the output, at
every step, or the network could leave it unheard.

Shapes: B mixtures, N players, S = N + 1 sources with the rest, T steps, F frequencies, J joints, P pictures of X x X px, K maps,
C = (X / 8)² cells of a picture.
"""

import math
from itertools import pairwise, permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.movement_reader import at_steps

KERNEL = 5  # frames of movement that a convolution sees
RANGE_DB = 80.0  # below the loudest bin of a window; what is softer is not heard
SMALLEST = 1e-10  # power, as that of the lowest bit of a 16 bit sample
LEAST_LOG = -30.0  # of a mask
SLOTS = 6  # players, at most, of the network that sees nothing


class Separator(nn.Module):
    """Masks for each player from the power of the mixture and what is seen.

    Args:
        bins: F, of `pipeline.audio.log_frequency.Scale`, from lowest_hz to highest_hz, with steps of `every` frames.
        steps: T, of the windows that it is trained on. A longer sound is cut into such windows.
        picture_fps: rate of the pictures. picture_px: X, their height and width; there are X / 8 rows and columns of cells.
        sees: nothing, movement, pixels or both. A network that sees nothing gives its players in any order.
        multiples: of a bin's frequency; the U-Net hears each bin together with those at its multiples (Bittner et al., "Deep
            salience representations", ISMIR 2017).
        channels: of the U-Net at half of the resolution; each of its `depth` levels has twice as many, up to 8 times.
        maps: of the U-Net; bands: fixed ones. K are both together.
        joints, width, layers: of the convolutions over the movement.
        picture_channels: of the first convolution over the pictures.
        loudness_weight: exponent of the power by which a bin weighs in the loss; 0: all alike.
        sharpness: factor of the scores after training. A network that learns by cross-entropy shares out what it is unsure of, so
            most of what is wrong is the other player's sound; sharper masks leave less of that.
    """

    bands: Tensor

    def __init__(
        self,
        *,
        bins: int,
        lowest_hz: float,
        highest_hz: float,
        every: int,
        steps: int,
        picture_fps: float,
        picture_px: int,
        sees: str,
        multiples: list[float],
        channels: int,
        depth: int,
        maps: int,
        bands: int,
        joints: int,
        width: int,
        layers: int,
        picture_channels: int,
        dropout: float,
        loudness_weight: float,
        sharpness: float,
    ) -> None:
        super().__init__()
        self.bins, self.lowest_hz, self.every, self.steps = bins, lowest_hz, every, steps
        self.picture_fps, self.picture_px = picture_fps, picture_px
        self.sees, self.loudness_weight, self.sharpness = sees, loudness_weight, sharpness
        per_octave = (bins - 1) / math.log2(highest_hz / lowest_hz)
        self.unet = UNet(
            bins, [round(math.log2(multiple) * per_octave) for multiple in multiples], channels, depth, maps
        )
        self.unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        at_bins = torch.linspace(0, bands - 1, bins)
        near = 1 - (at_bins - torch.arange(bands)[:, None]).abs()  # (bands, F), triangles that add up to 1
        self.register_buffer("bands", near.clamp(min=0), persistent=False)
        maps += bands
        self.movement = MovementSight(joints, width, layers, maps, dropout) if sees in ("movement", "both") else None
        self.pixels = PixelSight(picture_channels, maps, dropout) if sees in ("pixels", "both") else None
        self.rest = nn.Parameter(torch.zeros(maps))
        self.slots = nn.Parameter(torch.randn(SLOTS, maps)) if sees == "nothing" else None

    def gates(self, motion: Tensor | None, pictures: Tensor | None, players: int, steps: int) -> Tensor:
        """What is seen of each player at every step: (B, N, K, T), or (1, N, K, 1) of a network that sees nothing.

        Args:
            motion: (B, N, frames, J, 2), of which the first frame is at the first step and the last at the last.
            pictures: (B, N, P, 3, X, X) in 0..1, likewise. All 0 for a player without a picture.
        """
        if self.slots is not None:
            return self.slots[None, :players, :, None]
        seen = []
        if self.movement is not None:
            assert motion is not None
            seen.append(self.movement(motion.flatten(0, 1), steps).unflatten(0, motion.shape[:2]))
        if self.pixels is not None:
            assert pictures is not None
            flat = pictures.flatten(0, 1)  # (B * N, P, 3, X, X)
            there = (flat.flatten(1) > 0).any(1)
            of_pixels = flat.new_zeros(len(flat), len(self.rest), steps)
            if there.any():
                of_pixels[there] = self.pixels(flat[there], steps).to(of_pixels.dtype)
            seen.append(of_pixels.unflatten(0, pictures.shape[:2]))
        return torch.stack(seen).sum(0)

    def log_masks(self, power: Tensor, gates: Tensor, shown: Tensor | None = None) -> Tensor:
        """Logarithms of the masks of the players and the rest: (B, S, F, T).

        Args:
            power: (B, F, T) of the mixture.
            gates: (B, N, K, T).
            shown: bool (B, N), which of the players are there; the others get nothing.
        """
        maps = self.unet(power)  # (B, maps of the U-Net, F, T)
        return self._compare(self.scores(maps, gates), self._rest(maps), shown)

    def scores(
        self, maps: Tensor, gates: Tensor
    ) -> Tensor:  # (B, maps of the U-Net, F, T), (B, N, K, T) -> (B, N, F, T)
        of_maps, of_bands = gates.expand(len(maps), -1, -1, maps.shape[-1]).split([maps.shape[1], len(self.bands)], 2)
        found = torch.einsum("bkft,bnkt->bnft", maps, of_maps) + torch.einsum("kf,bnkt->bnft", self.bands, of_bands)
        return found * gates.shape[2] ** -0.5 * (1 if self.training else self.sharpness)

    def volumes(self, power: Tensor, motion: Tensor | None, pictures: Tensor) -> Tensor:
        """How loud each cell of each player's picture is, as power, at every step: (B, N, T, C), row by row of the picture.

        A cell stands for its player, against the other players and the rest.
        """
        maps, steps = self.unet(power), power.shape[-1]
        assert self.pixels is not None
        gates = self.gates(motion, pictures, pictures.shape[1], steps)
        scores, rest = self.scores(maps, gates), self._rest(maps)
        loud = []
        for player in range(pictures.shape[1]):
            of_movement = gates[:, player] - self.pixels(pictures[:, player], steps)  # 0 if only pixels are seen
            cells = self.pixels.cells(pictures[:, player], steps)  # (B, C, K, T)
            others = torch.cat([scores[:, :player], scores[:, player + 1 :], rest], 1).logsumexp(1, keepdim=True)
            masks = (self.scores(maps, cells + of_movement[:, None]) - others).sigmoid()  # (B, C, F, T)
            loud.append((masks.square() * power[:, None]).sum(2).transpose(1, 2))
        return torch.stack(loud, 1)

    def forward(
        self,
        power: Tensor,
        sources: Tensor,
        shown: Tensor,
        motion: Tensor | None = None,
        pictures: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The training objective `loss`: cross-entropy of the masks and the ideal ones, each source's share of the sources' power.

        Args:
            power: (B, F, T) of the mixture.
            sources: (B, S, F, T), the power of each player who is shown, and of the rest: all who are not.
            shown: bool (B, N), as in `log_masks`.
            motion, pictures: as in `gates`.
        """
        players = sources.shape[1] - 1
        logs = self.log_masks(power, self.gates(motion, pictures, players, power.shape[-1]), shown)
        ideal = sources / sources.sum(1, keepdim=True).clamp(min=SMALLEST)
        weight = (power + SMALLEST) ** self.loudness_weight
        ideal = ideal * (weight / weight.mean((1, 2), keepdim=True))[:, None]
        logs = logs.clamp(min=LEAST_LOG)  # of those who are not shown, or 0 times infinity would be no number
        if self.sees != "nothing":
            return {"loss": -(ideal * logs).sum(1).mean()}
        # Nobody can know which player is which, so the best order counts.
        costs = -torch.einsum("bnft,bmft->bnm", ideal, logs) / power[0].numel()
        orders = torch.tensor([[*order, players] for order in permutations(range(players))])
        return {"loss": costs[:, torch.arange(players + 1), orders].sum(-1).amin(1).mean()}

    def _rest(self, maps: Tensor) -> Tensor:
        return self.scores(maps, self.rest[None, None, :, None])

    def _compare(self, scores: Tensor, rest: Tensor, shown: Tensor | None) -> Tensor:
        if shown is not None:
            scores = scores.masked_fill(~shown[:, :, None, None], -torch.inf)
        return torch.cat([scores, rest], 1).float().log_softmax(1)


class UNet(nn.Module):
    """Maps (B, K, F, T) from the power (B, F, T) of a mixture.

    It works at half of the resolution: four bins that lie together are channels of one, on the way in and out. The full resolution
    would take most of the time, and memory.
    """

    place: Tensor

    def __init__(self, bins: int, shifts: list[int], channels: int, depth: int, maps: int) -> None:
        super().__init__()
        self.shifts, self.whole = shifts, 2**depth
        sizes = [4 * (len(shifts) + 1), *(channels * min(2**level, 8) for level in range(depth))]
        self.down = nn.ModuleList(_block(a, b, 2 if level else 1) for level, (a, b) in enumerate(pairwise(sizes)))
        self.up = nn.ModuleList(_block(below + beside, beside, 1) for beside, below in pairwise(sizes[1:]))
        self.last = nn.Conv2d(channels, 4 * maps, 1)
        self.register_buffer("place", torch.linspace(-1, 1, bins)[:, None], persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        decibels = 10 * (power + SMALLEST).log10()
        loudest = decibels.amax((1, 2), keepdim=True)
        heard = ((decibels - loudest) / RANGE_DB + 1).clamp(min=0)
        bins, steps = heard.shape[-2:]
        at_multiples = [shifted(heard, shift) for shift in self.shifts]
        x = torch.stack([*at_multiples, self.place.expand_as(heard)], 1)
        x = F.pad(x, (0, -steps % self.whole, 0, -bins % self.whole))
        x = F.pixel_unshuffle(x, 2)  # (B, 4 * C, F / 2, T / 2)
        beside = []
        for down in self.down:
            x = down(x)
            beside.append(x)
        for up, skip in zip(reversed(self.up), reversed(beside[:-1]), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        return F.pixel_shuffle(self.last(x), 2)[..., :bins, :steps]


def shifted(heard: Tensor, shift: int) -> Tensor:
    """Row f of (B, F, T) becomes row f + shift of it, and 0 where there is none."""
    bins = heard.shape[1]
    return F.pad(heard, (0, 0, max(-shift, 0), max(shift, 0)))[:, max(shift, 0) :][:, :bins]


class MovementSight(nn.Module):
    """Gates (B, K, T) from movements (B, frames, J, 2).

    Convolutions over joints and their velocities, which are standardised, see when a note begins; a GRU in both directions of time
    remembers it while the note sounds.
    """

    def __init__(self, joints: int, width: int, layers: int, maps: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4 * joints, affine=False)
        sizes = [4 * joints, *layers * [width]]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, KERNEL, padding=KERNEL // 2) for a, b in pairwise(sizes))
        self.drop = nn.Dropout(dropout)
        self.memory = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.gates = nn.Linear(3 * width + width // 2 * 2, maps)

    def forward(self, motion: Tensor, steps: int) -> Tensor:
        x = motion.flatten(2)  # (B, frames, J * 2)
        velocity = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))
        x = self.norm(torch.cat([x, velocity], -1).transpose(1, 2))  # (B, J * 4, frames)
        for number, convolution in enumerate(self.convolutions):
            seen = self.drop(F.gelu(convolution(x)))
            x = x + seen if number else seen
        mean = x.mean(2, keepdim=True)
        whole = torch.cat([mean, (x - mean).abs().mean(2, keepdim=True)], 1)  # (B, 2 * width, 1)
        now = at_steps(x, steps).transpose(1, 2)  # (B, T, width)
        remembered, _ = self.memory(now)
        told = torch.cat([now, remembered, whole.transpose(1, 2).expand(-1, steps, -1)], -1)
        return self.gates(told).transpose(1, 2)


class PixelSight(nn.Module):
    """Gates (B, K, T) from pictures (B, P, 3, X, X): the largest of a map of cells, for each picture."""

    def __init__(self, channels: int, maps: int, dropout: float) -> None:
        super().__init__()
        sizes = [6, channels, 2 * channels, 4 * channels]
        self.convolutions = nn.Sequential(*(_block(a, b, 2) for a, b in pairwise(sizes)))
        self.drop = nn.Dropout(dropout)
        self.gates = nn.Conv2d(4 * channels, maps, 1)

    def cells(self, pictures: Tensor, steps: int) -> Tensor:
        """Gates of each cell alone: (B, C, K, T)."""
        cells = self._cells(pictures)  # (B, P, K, C)
        flat = cells.permute(0, 3, 2, 1).flatten(0, 1)  # (B * C, K, P)
        return at_steps(flat, steps).unflatten(0, (len(cells), -1))

    def forward(self, pictures: Tensor, steps: int) -> Tensor:
        return at_steps(self._cells(pictures).amax(3).transpose(1, 2), steps)

    def _cells(self, pictures: Tensor) -> Tensor:  # (B, P, 3, X, X) -> (B, P, K, C)
        change = pictures - torch.cat([pictures[:, :1], pictures[:, :-1]], 1)
        x = torch.cat([2 * pictures - 1, 4 * change], 2).flatten(0, 1)  # (B * P, 6, X, X)
        cells = self.gates(self.drop(self.convolutions(x)))
        return cells.flatten(2).unflatten(0, pictures.shape[:2])


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2))
