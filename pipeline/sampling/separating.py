"""Takes a sound of any length apart with a trained separator, window by window."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch

from pipeline.audio import log_frequency, spectrogram
from pipeline.audio.log_frequency import Scale
from pipeline.models.separator import Separator
from pipeline.params import Params

BATCH = 4  # windows that are taken apart together


@dataclass(frozen=True)
class Seen:
    """What is seen of one player from the sound's start on. Rows that are missing at the end are as the last one.

    Attributes:
        motion: float32 [frames, 47, 2] at `motion.fps`.
        pictures: uint8 [rows, size, size, 3], RGB, at the model's picture_fps; None if the model looks at none.
    """

    motion: np.ndarray
    pictures: np.ndarray | None = None


def masks(
    model: Separator,
    sound: np.ndarray,
    players: list[Seen],
    settings: Params,
    tick: Callable[[int], object] = lambda steps: None,
) -> np.ndarray:
    """Masks of each player: float32 [players, steps, bins], on the model's scale.

    Windows overlap by half, and each fades into the next.

    Args:
        sound: float32 [samples] at audio.sample_rate_hz.
        tick: called with the number of steps that were just done.
    """
    frames, scale = spectrogram.views(sound, settings.audio), scale_of(model, settings)
    count, hop = -(-len(frames) // model.every), model.steps // 2
    starts = [0, *range(hop, count - model.steps + hop, hop)]
    fade = np.minimum(np.arange(1, model.steps + 1), np.arange(model.steps, 0, -1)).astype(np.float32)[:, None]
    made = np.zeros((len(players), starts[-1] + model.steps, model.bins), np.float32)
    weight = np.zeros((made.shape[1], 1), np.float32)
    for first in range(0, len(starts), BATCH):
        here = starts[first : first + BATCH]
        power, motion, pictures = _windows(model, frames, players, here, scale, settings)
        with torch.inference_mode():
            gates = model.gates(motion, pictures, len(players), model.steps)
            found = model.log_masks(power, gates).exp().numpy()[:, :-1].transpose(0, 1, 3, 2)
        for start, of_window in zip(here, found, strict=True):  # (players, steps, bins)
            made[:, start : start + model.steps] += of_window * fade
            weight[start : start + model.steps] += fade
        tick(count * (first + len(here)) // len(starts) - count * first // len(starts))
    return (made / weight)[:, :count]


def volumes(model: Separator, sound: np.ndarray, players: list[Seen], settings: Params) -> np.ndarray:
    """How loud each cell of each player's pictures is, as power: float32 [players, steps, cells].

    The cells are those of the pictures, row by row; a single one if the model looks at no pictures.
    """
    frames, scale = spectrogram.views(sound, settings.audio), scale_of(model, settings)
    count, made = -(-len(frames) // model.every), []
    for start in range(0, count, model.steps):
        power, motion, pictures = _windows(model, frames, players, [start], scale, settings)
        with torch.inference_mode():
            if model.pixels is not None and pictures is not None:
                made.append(model.volumes(power, motion, pictures)[0].numpy())
            else:
                gates = model.gates(motion, None, len(players), model.steps)
                found = model.log_masks(power, gates).exp()[0, :-1].square() * power
                made.append(found.sum(1)[..., None].numpy())
    return np.concatenate(made, axis=1)[:, :count]


def separate(
    model: Separator,
    sound: np.ndarray,
    players: list[Seen],
    settings: Params,
    tick: Callable[[int], object] = lambda steps: None,
) -> np.ndarray:
    """What each player plays, and last the rest, which nobody is seen to play: float32 [players + 1, samples].

    They add up to the sound.

    Args:
        sound: float32 [samples] at audio.sample_rate_hz.
        tick: called with the number of steps that were just done.
    """
    found = masks(model, sound, players, settings, tick)
    parts = log_frequency.cut_out(sound, found, scale_of(model, settings), settings.audio)
    return np.concatenate([parts, (sound - parts.sum(0))[None]])


def scale_of(model: Separator, settings: Params) -> Scale:
    """The frequencies and steps of a model's masks."""
    return Scale(model.bins, model.lowest_hz, model.every, settings.audio)


def to_pictures(pictures: np.ndarray) -> torch.Tensor:
    """Pictures uint8 [..., height, width, 3] as a model takes them: float32 (..., 3, height, width), 0 to 1."""
    return torch.from_numpy(np.moveaxis(pictures, -1, -3).astype(np.float32) / 255)


def _windows(
    model: Separator, frames: np.ndarray, players: list[Seen], starts: list[int], scale: Scale, settings: Params
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Power (B, F, T), movement (B, N, frames, J, 2) and pictures (B, N, P, 3, size, size) of the windows that start on `starts`.

    Silence, and whatever was seen last, comes after the end.
    """
    hann, step_s = spectrogram.window(settings.audio), model.every / settings.audio.fps

    def power(start: int) -> np.ndarray:
        found = scale.power(scipy.fft.rfft(frames[start * model.every : (start + model.steps) * model.every] * hann))
        return np.pad(found, ((0, model.steps - len(found)), (0, 0))).T

    def cut(rows: np.ndarray, start: int, fps: float) -> np.ndarray:
        first, count = int(start * step_s * fps + 0.5), round(model.steps * step_s * fps)
        return rows[np.minimum(np.arange(first, first + count), len(rows) - 1)]

    motion = [[cut(player.motion, start, settings.motion.fps) for player in players] for start in starts]
    shown = [player.pictures for player in players if player.pictures is not None]
    pictures = [[cut(each, start, model.picture_fps) for each in shown] for start in starts]
    return (
        torch.from_numpy(np.stack([power(start) for start in starts])),
        torch.from_numpy(np.array(motion, np.float32)),
        to_pictures(np.array(pictures)) if shown else None,
    )
