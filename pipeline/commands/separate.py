"""Takes the sound of a video apart, a part for each player: `minet separate duo.mp4 -o parts/`.

The steps are those of the separation's stages: players, joints, pictures, masks. Memory hardly grows with the length of the video:
a minute of two players takes some 25 MB.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import soundfile
from tqdm import tqdm

from pipeline import params
from pipeline.commands.sonify import movement
from pipeline.compute import determinism
from pipeline.corpus import look, strips
from pipeline.corpus.strips import Strip
from pipeline.dataset.artifacts import MODELS
from pipeline.errors import FileError, NothingLeft, ParamsError, shown
from pipeline.keypoints import people_finder
from pipeline.keypoints.detected import Detected
from pipeline.media import muxing, probing, sound_files
from pipeline.models.separator import Separator
from pipeline.sampling import separating
from pipeline.sampling.separating import Seen
from pipeline.training import weights

SOFTEST_DB = -40.0  # on the map; what is softer against the loudest cell of the video is not shown
THICKEST = 0.65  # share of a player's colour in the loudest cell
# Of the players from left to right, BGR: the palette of Okabe and Ito.
COLOURS = ((0, 159, 230), (178, 114, 0), (115, 158, 0), (167, 121, 204), (233, 180, 86), (0, 94, 213))


@dataclass(frozen=True)
class Player:
    """Where a player is, and what a separator sees of them."""

    strip: Strip
    found: Detected
    seen: Seen


@dataclass(frozen=True)
class Separated:
    """What was made of the sound of a video.

    Attributes:
        parts: float32 [players + 1, samples] at audio.sample_rate_hz, players from left to right; the last is the rest, which
            nobody is seen to play. They add up to the sound of the video. Sample 0 is at 0 s of the video.
        volumes: float32 [players, steps of step_s, cells], power; the cells of a player's square, or a single one.
    """

    players: list[Player]
    parts: np.ndarray
    volumes: np.ndarray
    step_s: float


def load(model: str, root: Path) -> Separator:
    """A trained separator.

    Args:
        model: the name of a model in models/, or the folder of a model.
        root: the folder of models/.

    Raises:
        ParamsError: there is none.
        FileError: there is another model.
    """
    folder = Path(model) if weights.exist(model) else root / MODELS / model
    if not weights.exist(folder):
        advice = (
            f"fetch it with: dvc pull {MODELS / folder.name}; or make it with: dvc repro systems/separation/dvc.yaml"
        )
        raise ParamsError(f"{shown(folder)}: no trained model there; {advice}")
    found = weights.load(folder, {"separator": Separator})
    if found.sees == "nothing":
        raise ParamsError(f"{shown(folder)}: this model sees nothing, so it cannot say whose a part is; choose another")
    return found


def heard(video: Path, settings: params.Params) -> np.ndarray:
    """The sound of a video, float32 [samples] at audio.sample_rate_hz.

    Raises:
        FileError: the video cannot be read or has no sound.
        NothingLeft: its sound is silent.
    """
    if not probing.probe(video).has_audio:
        raise FileError(video, "no sound in it", "there is nothing to take apart; minet sonify makes music for it")
    sound = sound_files.read_audio(video, settings.audio.sample_rate_hz)
    if np.abs(sound).max() < sound_files.SILENT_PEAK:
        raise NothingLeft(f"{shown(video)}: its sound is silent, so there is nothing to take apart")
    return sound


def in_view(video: Path) -> list[Strip]:
    """The strip of each player of a video, from left to right.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: fewer than two people are in view.
    """
    with people_finder.finder() as find:
        looked = look.look(video, find)
    found = look.strips(looked, 0.0, None)
    if len(found) < 2:
        who = "one person" if len(looked.people) else "nobody"
        raise NothingLeft(
            f"{shown(video)}: {who} seen in it; to take its sound apart, show two players or more side by side"
        )
    if len(looked.cuts):
        times = ", ".join(f"{time_s:.1f}" for time_s in looked.cuts[:5])
        print(f"note: {shown(video)}: cuts at {times} s; players are looked for at the same place in all shots")
    return found


def separate(video: Path, model: Separator, settings: params.Params) -> Separated:
    """Take the sound of a video apart.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: its sound is silent, fewer than two people are in view, or one of them cannot be followed.
    """
    sound, places = heard(video, settings), in_view(video)
    determinism.prepare(settings.seed)
    print(f"{len(places)} players in view")
    moved = [movement(video, strip, settings) for strip in places]
    pictures = None
    if model.pixels is not None:
        pictures = strips.pictures(video, places, 0.0, None, model.picture_fps, model.picture_px)
    players = [
        Player(strip, found, Seen(motion, None if pictures is None else pictures[number]))
        for number, (strip, (found, motion)) in enumerate(zip(places, moved, strict=True))
    ]
    seen = [player.seen for player in players]
    steps = -(-(1 + len(sound) // settings.audio.hop_length) // model.every)
    with tqdm(total=steps, desc="parts", unit=" step", mininterval=1) as bar:
        parts = separating.separate(model, sound, seen, settings, bar.update)
    volumes = separating.volumes(model, sound, seen, settings)
    return Separated(players, parts, volumes, model.every / settings.audio.fps)


def write_sound(path: Path, sound: np.ndarray, rate_hz: int) -> None:
    """Write sound float32 [samples] as a 24 bit mono WAV. With 16 bits, each file of a part would be off by up to 3e-5."""
    soundfile.write(path, np.clip(sound, -1, 1), rate_hz, subtype="PCM_24", format="WAV")


def write_videos(video: Path, sounds: dict[Path, np.ndarray], rate_hz: int) -> None:
    """Write the picture of a video with each of some sounds, float32 [samples], to the file that is named with it."""
    for path, sound in sounds.items():
        muxing.write_video(path, video, sound, rate_hz, None, muxing.plan(path, video, drawn=False))


def write_solos(folder: Path, made: Separated, video: Path, rate_hz: int) -> None:
    """Write a video for each player, in which they are heard alone and all but their strip is black."""
    paths = [folder / f"{video.stem}_{number}.mp4" for number in range(1, len(made.players) + 1)]
    for path, player, part in zip(paths, made.players, made.parts, strict=False):  # the last part is the rest
        draw = partial(cover_the_others, player.strip)
        muxing.write_video(path, video, part, rate_hz, draw, muxing.plan(path, video, drawn=True))


def cover_the_others(strip: Strip, time_s: float, picture: np.ndarray) -> None:
    """Make a picture, uint8 [height, width, 3], black on both sides of a strip, in place."""
    left, right = (round(edge * picture.shape[1]) for edge in strip)
    picture[:, :left] = 0
    picture[:, right:] = 0


def write_map(path: Path, made: Separated, video: Path, settings: params.Params) -> None:
    """Write the video with its whole sound, and how loud each place is in the colour of its player."""
    loudest = max(float(made.volumes.max()), np.finfo(np.float32).tiny)
    with np.errstate(divide="ignore"):
        levels = np.clip(1 - 10 * np.log10(made.volumes / loudest) / SOFTEST_DB, 0, 1)  # [players, steps, cells]
    draw = partial(draw_levels, made.players, levels, made.step_s)
    way = muxing.plan(path, video, drawn=True)
    muxing.write_video(path, video, made.parts.sum(0), settings.audio.sample_rate_hz, draw, way)


def draw_levels(players: list[Player], levels: np.ndarray, step_s: float, time_s: float, picture: np.ndarray) -> None:
    """Colour a picture, uint8 [height, width, 3], in place, by levels [players, steps, cells] from 0 to 1 at its time."""
    step = min(max(int(time_s / step_s), 0), levels.shape[1] - 1)
    width = picture.shape[1]
    for player, level, colour in zip(players, levels[:, step], colours(len(players)), strict=True):
        left, right = (round(edge * width) for edge in player.strip)
        strip = picture[:, left:right]
        share = (
            over_cells(level, strip.shape)
            if len(level) > 1
            else level[0] * around(player.found, time_s, left, strip.shape)
        )
        share = THICKEST * share[..., None].astype(np.float32)
        strip[:] = np.round(strip + share * (np.array(colour, np.float32) - strip)).astype(np.uint8)


def colours(players: int) -> list[tuple[int, int, int]]:
    return [COLOURS[number % len(COLOURS)] for number in range(players)]


def over_cells(level: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Levels [cells] of the square around a strip, as they lie over the strip of this shape: float32 [height, width]."""
    height, width = shape[:2]
    side, cells = max(height, width), round(len(level) ** 0.5)
    whole = cv2.resize(level.reshape(cells, cells).astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    top, begin = (side - height) // 2, (side - width) // 2
    return whole[top : top + height, begin : begin + width]


def around(found: Detected, time_s: float, left_px: int, shape: tuple[int, ...]) -> np.ndarray:
    """1 at the hands and arms that are seen nearest to a time, fading to 0 around them: float32 [height, width] of a strip."""
    middles = (found.times[1:] + found.times[:-1]) / 2
    joints = found.keypoints[np.searchsorted(middles, time_s)]
    there = joints[joints[:, 2] > 0, :2] - np.array([left_px, 0])
    glow = np.zeros(shape[:2], np.float32)
    wide = max(shape[0] // 12, 1)
    for x, y in there:
        cv2.circle(glow, (round(float(x)), round(float(y))), wide, 1.0, -1)
    return cv2.blur(glow, (wide, wide))
