"""What the models of this system learn from: pictures with the sound around them, and movement with its sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline import params as shared
from pipeline.audio import spectrogram
from pipeline.audio.streamed import SILENCE
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.shards import Shards
from pipeline.errors import NothingLeft
from systems.pictures import params, paths
from systems.separation import params as separation


@dataclass(frozen=True)
class Seen:
    """Pictures of some tracks, with the sound around each.

    Attributes:
        names: of the tracks.
        track: int64 [rows], which of them each picture is of.
        pictures: uint8 [rows, size, size, 3], RGB.
        sounds: of each track, float32 [frames, bands], with silence before and after it.
        first: int64 [rows], the frame of the track's sound with which the window around a picture begins.
        frames: of a window.
    """

    names: list[str]
    track: np.ndarray
    pictures: np.ndarray
    sounds: list[np.ndarray]
    first: np.ndarray
    frames: int

    def windows(self, rows: np.ndarray) -> np.ndarray:
        """The sound around some pictures: float32 [rows, frames, bands]."""
        found = np.empty((len(rows), self.frames, self.sounds[0].shape[1]), np.float32)
        for place, row in enumerate(rows.tolist()):
            sound = self.sounds[self.track[row]]
            found[place] = sound[self.first[row] : self.first[row] + self.frames]
        return found


def of_part(part: str) -> list[str]:
    """Tracks of "train", "choose" or "test" that have pictures and sound. Where there are none to choose by, those that test."""
    found = split.validation(SPLITS) if part == "choose" else split.tracks(SPLITS, part)
    pictures, sounds = Shards(paths.FRAMES), Shards(paths.BANDS)
    usable = [name for name in found if name in pictures and name in sounds]
    if not usable:
        raise NothingLeft(f"no track of the part {part!r} has pictures and sound")
    return usable


def seen(
    names: Sequence[str], settings: shared.Params, own: params.Params, more: bool = False, unheard: bool = False
) -> Seen:
    """Pictures and sounds of some tracks, or with `more`, of the players of data/more_frames beside them.

    Args:
        unheard: also of those players whom nobody heard; their sound is silence.
    """
    places = [(name, Shards(paths.FRAMES), Shards(paths.BANDS)) for name in names]
    if more:
        drawn, played = Shards(paths.MORE_FRAMES), Shards(paths.MORE_BANDS)
        places += [(name, drawn, played) for name in drawn.index.index if unheard or name in played]
    frames, fps = window_frames(settings, own), separation.load().pictures.fps
    pictures, sounds, track, first = [], [], [], []
    for number, (name, shown, heard) in enumerate(places):
        pictures.append(shown.rows("pictures", name))
        sound = heard.rows("sound", name).astype(np.float32) if name in heard else np.empty((0, own.hearing.bands))
        middles = (np.arange(len(pictures[-1])) / fps * settings.audio.fps + 0.5).astype(int)
        after = max(int(middles[-1]) + frames - len(sound), 0)
        sounds.append(np.pad(sound, ((frames // 2, after), (0, 0)), constant_values=SILENCE))
        track.append(np.full(len(middles), number))
        first.append(middles)  # the silence before the sound is half a window long
    joined = [np.concatenate(each) for each in (track, pictures, first)]
    return Seen([name for name, _, _ in places], joined[0], joined[1], sounds, joined[2], frames)


def window_frames(settings: shared.Params, own: params.Params) -> int:
    """Frames of the sound that one picture is made of: an odd number, so that there is one in the middle."""
    return 2 * int(own.hearing.context_s * settings.audio.fps / 2) + 1


def moving(seen: Seen) -> np.ndarray:
    """How much each pixel moves in its track: float32 [tracks, size, size], the standard deviation over time, of mean 1."""
    found = np.empty((len(seen.names), *seen.pictures.shape[1:3]), np.float32)
    for number in range(len(seen.names)):
        spread = seen.pictures[seen.track == number].std(0, dtype=np.float32).mean(2)
        found[number] = spread / spread.mean() if spread.any() else 1
    return found


def to_tensor(pictures: np.ndarray) -> Tensor:
    """Pictures uint8 [rows, size, size, 3] as models take them: float32 (rows, 3, size, size), 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, 1))).float() / 255


def to_pictures(made: Tensor) -> np.ndarray:
    """Pictures (rows, 3, size, size), 0 to 1, as files have them: uint8 [rows, size, size, 3]."""
    return (255 * made).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def vary_sound(
    sound: np.ndarray, chosen: params.Varied, audio: shared.Audio, generator: np.random.Generator
) -> np.ndarray:
    """Windows of sound in bands, float32 [windows, frames, bands], each louder or softer, in another room, beside other noise."""
    db = spectrogram.normalisation(audio)["scale"]
    windows, frames, count = sound.shape
    tilt = np.linspace(-0.5, 0.5, count)
    level = generator.uniform(-1, 1, (windows, 1, 1)) * chosen.gain_db
    level = level + generator.uniform(-1, 1, (windows, 1, 1)) * chosen.tilt_db * tilt
    varied: np.ndarray = sound.astype(np.float32) + (db * level).astype(np.float32)
    falls = chosen.smeared_db * 10 ** generator.uniform(0, 1, (windows, 1))
    falls[generator.random(windows) < 0.5] = np.inf
    for frame in range(1, frames):
        varied[:, frame] = np.maximum(varied[:, frame], varied[:, frame - 1] - (db * falls).astype(np.float32))
    noise = -chosen.noise_db - chosen.quieter_db * generator.random((windows, 1, 1))
    noise = noise - generator.random((windows, 1, 1)) * chosen.tilt_db * tilt
    varied = np.maximum(varied, (1 + db * (noise + generator.normal(0, 2, sound.shape))).astype(np.float32))
    varied = np.maximum(varied, SILENCE)
    varied[generator.random(windows) < chosen.silent] = SILENCE
    return varied.astype(np.float32)


def repainted(pictures: np.ndarray, chosen: params.Judge, generator: np.random.Generator) -> np.ndarray:
    """Pictures [rows, size, size, 3] as somebody else's, each moved, some in other colours, and some blurred as a network's are."""
    made = np.empty_like(pictures)
    for row, picture in enumerate(pictures):
        right, down = generator.integers(-chosen.moved_px, chosen.moved_px + 1, 2)
        move = np.array([[1, 0, right], [0, 1, down]], np.float64)
        size = picture.shape[0], picture.shape[1]
        moved: np.ndarray = cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        if generator.random() < chosen.recoloured:
            moved = moved @ generator.dirichlet(np.ones(3), 3).astype(np.float32)
            moved *= np.float32(chosen.lighter ** generator.uniform(-1, 1))
        if (blur := generator.uniform(-0.5, 1) * chosen.blurred_px) > 0:
            moved = cv2.GaussianBlur(moved, (0, 0), blur)
        made[row] = np.clip(moved, 0, 255)
    return made
