"""Makes a film for a song: `minet visualise song.wav -o out.mp4`.

Sound is read, pictures are made, and the film is written side by side, so that memory does not grow with the length of the song.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from torch import nn
from tqdm import tqdm

from pipeline import params
from pipeline.audio import bands
from pipeline.compute import determinism
from pipeline.dataset.artifacts import MODELS
from pipeline.errors import FileError, ParamsError, shown
from pipeline.media import probing, sound_stream
from pipeline.models.audio_to_body import AudioToBody
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.sampling import dreaming, moving, repertoire
from pipeline.studio.instruments import BY_CODE, Instrument
from pipeline.training import weights

MODEL = {"dream": "listener", "player": "audio_to_body"}  # what each style hears with
FILM_FPS = 24.0  # pictures a second of a player's film; a dream has those of its listener
CHOICE_PX = 240  # of the pictures in which poses are compared; their size does not matter
Model = TypeVar("Model", bound=nn.Module)


class Counted:
    """Blocks of sound, and how many pictures they are long: as many as begin before their end, and at least one."""

    def __init__(self, blocks: Iterator[np.ndarray], rate_hz: int, fps: float) -> None:
        self.blocks, self.rate_hz, self.fps, self.samples = blocks, rate_hz, fps, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self.blocks:
            self.samples += len(block)
            yield block

    def pictures(self) -> int:
        return max(math.ceil(self.samples / self.rate_hz * self.fps - 1e-6), 1)


def load(name: str, network: str, kind: type[Model], root: Path) -> Model:
    """A trained model of this system.

    Raises:
        ParamsError: there is none.
        FileError: there is another model.
    """
    folder = root / MODELS / name
    if not weights.exist(folder):
        models = " ".join(map(str, (MODELS / "listener", MODELS / "frame_vae_better", MODELS / "audio_to_body")))
        advice = f"fetch it with: dvc pull {models}; or make it with: dvc repro systems/pictures/dvc.yaml"
        raise ParamsError(f"{shown(folder)}: no trained model there; {advice}")
    return weights.load(folder, {network: kind})


def check(heard: Path, out: Path, size_px: int) -> float:
    """Refuse what cannot be read or written, before the slow steps. Returns the length of the sound in s, as its header has it.

    Raises:
        FileError: the file has no sound, or cannot be read.
        ParamsError: the film can have no such name or size.
    """
    if out.suffix.lower() not in sound_stream.KINDS:
        raise ParamsError(f"-o {shown(out)}: {sound_stream.ADVICE}")
    if size_px % 2 or not 64 <= size_px <= 2160:
        raise ParamsError(f"--size {size_px}: must be an even number from 64 to 2160")
    found = probing.probe(heard)
    if not found.has_audio:
        raise FileError(heard, "no sound in it", "give a file that has some, as a song or a video with sound")
    return found.duration_s


def dream(
    heard: Path,
    out: Path,
    settings: params.Params,
    root: Path,
    *,
    wander: float,
    size_px: int,
    seed: int,
) -> str:
    """Write a film out of the latent space of pictures. Returns what was made, in a line.

    Args:
        heard: a sound or a video with sound.
        root: the folder of models/.
        wander: size of the walk.

    Raises:
        FileError: the sound cannot be read, or the film cannot be written.
        ParamsError: the models do not exist.
    """
    duration_s = check(heard, out, size_px)
    determinism.prepare(settings.seed)
    listener = load("listener", "listener", Listener, root)
    vae = load(listener.vae, "frame_vae", FrameVAE, root)
    rate_hz = settings.audio.sample_rate_hz

    def made(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        counted = Counted(blocks, rate_hz, listener.fps)
        sound = bands.of_sound(counted, listener.bands, listener.lowest_hz, settings.audio)
        places = dreaming.latents(listener, sound, settings.audio.fps, counted.pictures, wander=wander, seed=seed)
        pictures = dreaming.pictures(vae, places)
        for picture in watched(pictures, duration_s, listener.fps):
            yield sound_stream.enlarged(picture[..., ::-1], size_px)

    count = sound_stream.write_film(out, heard, rate_hz, made, listener.fps, size_px)
    return f"{shown(out)}: {count / listener.fps:.1f} s of film"


def player(
    heard: Path,
    out: Path,
    settings: params.Params,
    root: Path,
    *,
    instrument: str | None,
    size_px: int,
    seed: int,
) -> str:
    """Write a film of a player of the studio who plays the sound. Returns what was made, in a line.

    Args:
        heard, root: as of `dream`.
        instrument: what is played, a name as violin; None: whichever is played with the movement that is heard.
        seed: of the player.

    Raises:
        FileError: the sound cannot be read, or the film cannot be written.
        ParamsError: the model does not exist, or there is no such instrument.
    """
    duration_s = check(heard, out, size_px)
    chosen = None if instrument is None else named(instrument)
    determinism.prepare(settings.seed)
    body = load("audio_to_body", "audio_to_body", AudioToBody, root)
    rate_hz = settings.audio.sample_rate_hz
    if chosen is None:
        moved = moved_to(heard, body, settings, None)
        chosen = fitting(moved, body, [BY_CODE[code] for code in settings.studio.instruments], seed)
    known = repertoire.learn(chosen, seed, body.repertoire_s, body.fps, size_px)
    beginning = moved_to(heard, body, settings, known.poses[:2])

    def made(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        counted = Counted(blocks, rate_hz, FILM_FPS)
        sound = bands.of_sound(counted, body.bands, body.lowest_hz, settings.audio)
        moves = moving.movement(body, sound, settings.audio.fps, known.poses[:2])
        lively = (repertoire.to_life(known, each, beginning, body.liveliest) for each in moves)
        pictures = repertoire.pictures(known, moving.at_rate(lively, body.fps, FILM_FPS))
        for number, picture in enumerate(watched(pictures, duration_s, FILM_FPS)):
            if number == counted.pictures():  # the movement goes on a little longer than the sound
                return
            yield picture

    count = sound_stream.write_film(out, heard, rate_hz, made, FILM_FPS, size_px)
    return f"{shown(out)}: {count / FILM_FPS:.1f} s of film; the player plays the {chosen.name}"


def watched(pictures: Iterator[np.ndarray], duration_s: float, fps: float) -> Iterator[np.ndarray]:
    """The same pictures, and a bar."""
    total = max(math.ceil(duration_s * fps), 1)
    return iter(tqdm(pictures, "film", total, unit=" picture", mininterval=1))


def named(instrument: str) -> Instrument:
    """The instrument of a name, as violin, or of URMP's short name, as vn.

    Raises:
        ParamsError: the studio has no such instrument.
    """
    found = [each for each in BY_CODE.values() if instrument.lower() in (each.name, each.code)]
    if not found:
        names = ", ".join(each.name for each in BY_CODE.values())
        raise ParamsError(f"--instrument {instrument!r}: the studio draws: {names}")
    return found[0]


def moved_to(heard: Path, body: AudioToBody, settings: params.Params, begin: np.ndarray | None) -> np.ndarray:
    """The movement to the beginning of a sound, float32 [rows, 47, 2].

    Args:
        begin: as of `moving.movement`.

    Raises:
        FileError: the sound cannot be read.
    """
    rate_hz = settings.audio.sample_rate_hz
    first = at_most(sound_stream.blocks(heard, rate_hz), round(body.chosen_by_s * rate_hz))
    sound = bands.of_sound(first, body.bands, body.lowest_hz, settings.audio)
    return np.concatenate(list(moving.movement(body, sound, settings.audio.fps, begin)))


def fitting(moved: np.ndarray, body: AudioToBody, instruments: list[Instrument], seed: int) -> Instrument:
    """The instrument with whose poses a movement [rows, 47, 2] has most in common."""
    known = [repertoire.learn(each, seed, body.chosen_by_s, body.fps, CHOICE_PX) for each in instruments]
    return repertoire.most_alike(known, moved).instrument


def at_most(blocks: Iterator[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The first blocks, so many that they have some number of samples, or all there are."""
    for block in blocks:
        yield block
        samples -= len(block)
        if samples <= 0:
            return
