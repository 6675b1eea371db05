"""Generates sound for a video: `minet sonify my_video.mp4 -o out.mp4`.

The steps are those of the pipeline: joints, movement, codes, spectrogram, sound. Memory hardly grows with the length of the
video: the spectrogram takes 15 MB per minute.
"""

import json
import shlex
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import torch
from pretty_midi import Note
from tqdm import tqdm

from pipeline import params
from pipeline.audio import phases
from pipeline.dataset.artifacts import MODELS, WIDE
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.whole_video import WHOLE, Strip, find, strip_of
from pipeline.media import probing
from pipeline.models.sensor_encoders import READ
from pipeline.models.vqvae import VQVAE
from pipeline.notes import midi as midi_files
from pipeline.notes import score
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample_long
from pipeline.training import priors, weights


@dataclass(frozen=True)
class Sounded:
    """What was found and generated for a video.

    Attributes:
        found: the joints of the player.
        motion: float32 [rows, 47, 2] at motion.fps, the movement that the model saw.
        codes: int64 [spectrogram frames].
        spectrogram: float32 [frames, bins].
        sound: float32 [samples] at audio.sample_rate_hz. Sample 0 is at 0 s of the video.
    """

    found: Detected
    motion: np.ndarray
    codes: np.ndarray
    spectrogram: np.ndarray
    sound: np.ndarray

    def shortened(self, columns: int) -> np.ndarray:
        """The spectrogram for a picture, float32 [at most columns, bins]: each column is the loudest of some frames."""
        group = -(-len(self.spectrogram) // columns)
        return np.maximum.reduceat(self.spectrogram, np.arange(0, len(self.spectrogram), group))


def home(model: str) -> Path:
    """The folder whose params.yaml and models/ are used: the current one, or else the checkout that minet comes from.

    If that has no model of this name, since there was no run, it is the folder of the published models in it.

    Raises:
        ParamsError: neither has them.
    """
    root = _root()
    there = weights.exist(model) or weights.exist(root / MODELS / model)
    return root if there or not weights.exist(root / WIDE / MODELS / model) else root / WIDE


def _root() -> Path:
    if Path("params.yaml").is_file() and (MODELS.is_dir() or WIDE.is_dir()):
        return Path()
    code = Path(__file__).parents[2]  # the checkout, unless pip has copied the code to another place
    for checkout in (code, _installed_from()):
        if checkout is not None and (checkout / "params.yaml").is_file():
            return checkout
    raise ParamsError(
        f"{shown(Path.cwd())}: no params.yaml and models/ here, and minet was not installed from a folder that has them; "
        "clone the repository, and run in it: make demo"
    )


def _installed_from() -> Path | None:
    """The folder that pip installed this project from, as pip noted it."""
    try:
        noted = metadata.distribution("body-to-music").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    url = urlsplit(json.loads(noted)["url"] if noted else "")
    return Path(url2pathname(url.path)) if url.scheme == "file" else None


def sonify(
    video: Path,
    model: str,
    settings: params.Params,
    root: Path,
    *,
    seed: int,
    temperature: float,
    player: int,
    midi: Path | None,
) -> Sounded:
    """Generate music for the movement of one player in a video.

    Args:
        model: the name of a model in models/, or the folder of a model. The VQ-VAE is the folder vqvae beside it.
        root: the folder of models/.
        player: 0 for the most prominent person, or the number of a person, from 1 at the left.
        midi: the score, for a model with content. If there is a player for each of its parts, they stand in the order of the
            players from the left.

    Raises:
        FileError: the video cannot be read, or the score cannot be used.
        NothingLeft: nobody is found in the video.
        ParamsError: the model does not exist, or it needs a score and there is none, or the reverse.
    """
    prior, vqvae = load(model, settings, root, with_notes=midi is not None)
    strip, players = strip_of(video, player) if player else (WHOLE, 1)
    part, asked = (
        None,
        partial(score.in_frames, player=max(player, 1), fps=settings.audio.fps, settings=settings.notes, to_end=True),
    )
    if midi is not None:
        part = part_of(midi, player, players)
        # A score that does not fit is refused before the slow steps, by the length that the file's header gives.
        asked(midi, part, frames=round(probing.probe(video).duration_s * settings.audio.fps))
    found, motion = movement(video, strip, settings)
    steps = round(len(motion) / settings.motion.fps * settings.audio.fps)
    indices = None
    if midi is not None and part is not None:
        index, _, _, remarks = asked(midi, part, frames=steps)
        for what, advice in remarks:
            print(f"note: {shown(midi)}: {what}; {advice}")
        indices = torch.from_numpy(index.astype(np.int64))[None]  # (1, T)
    with tqdm(total=steps, desc="codes", unit=" step", mininterval=1) as bar:
        codes = sample_long(
            prior,
            torch.from_numpy(motion)[None],
            indices,
            steps,
            replace(as_set(settings, vqvae), temperature=temperature),
            torch.Generator().manual_seed(seed),
            tick=bar.update,
        )[0].numpy()
    made = codec.decode_long(vqvae, codes)
    with tqdm(total=len(made) - 1, desc="sound", unit=" frame", mininterval=1) as bar:
        sound = phases.sound(made, settings.audio, bar.update)
    return Sounded(found, motion, codes, made, sound)


def movement(video: Path, strip: Strip, settings: params.Params) -> tuple[Detected, np.ndarray]:
    """The joints of the player in a strip of the pictures, and their movement as models see it: float32 [rows, 47, 2].

    Raises:
        FileError: the video cannot be read.
        NothingLeft: nobody is found in it.
    """
    # The model sees settings.motion.fps frames per second. More pictures would not help it, and detection is the slowest step.
    found = find(video, strip, settings.keypoints, max_fps=settings.motion.fps)
    try:
        motion, _ = clean(found.keypoints, found.times, settings.motion.fps, settings.motion.min_confidence)
    except ValueError as error:
        raise NothingLeft(f"{shown(video)}: {error}; show the player from the front, head to hips") from None
    return found, motion


def part_of(midi: Path, player: int, players: int) -> list[Note]:
    """The notes of a player of a score, by the rule of `score.of_players`. A line is printed of what was merged or left out.

    Args:
        player: counted from 1 at the left, or 0 for the most prominent person; players: the number in the video.
    """
    # A score of a single part is that of the player who was asked for, whoever else is in the video.
    parts, remarks = score.of_players(midi, players if len(midi_files.parts(midi)) > 1 else 1)
    for what, advice in remarks:
        print(f"note: {shown(midi)}: {what}; {advice}")
    return parts[player - 1 if len(parts) > 1 else 0]


def load(model: str, settings: params.Params, root: Path, *, with_notes: bool) -> tuple[priors.Model, VQVAE]:
    """Load a trained prior and the VQ-VAE of its codes.

    Raises:
        ParamsError: one of them does not exist, or the prior reads notes and there are none, or the reverse.
    """
    folder = Path(model) if weights.exist(model) else root / MODELS / model
    beside = folder.parent / "vqvae"
    for place in (folder, beside):
        if not weights.exist(place):
            raise ParamsError(f"{shown(place)}: no trained model there; {_advice(folder, settings, root)}")
    refuse_sensors(folder)
    prior = priors.load(folder)
    if prior.reads_notes != with_notes:
        advice = (
            "give it a score with --midi" if prior.reads_notes else "leave --midi out, or choose a model with content"
        )
        raise ParamsError(
            f"{shown(folder)}: this model {'reads' if prior.reads_notes else 'does not read'} notes; {advice}"
        )
    return prior, codec.load(beside)


def refuse_sensors(folder: Path) -> None:
    """Raise ParamsError if a model reads worn sensors in place of joints."""
    sizes = weights.config(folder).sizes
    if sizes.get("reader", sizes).get("joints") == READ:
        advice = "give it a recording of them with --imu, or make one of the video with: minet imu"
        raise ParamsError(f"{shown(folder)}: this model reads worn sensors; {advice}")


def _advice(folder: Path, settings: params.Params, root: Path) -> str:
    """What brings a model and the VQ-VAE of its codes."""
    if folder.parent != root / MODELS or folder.name not in settings.variants.prior:
        return f"name one of {', '.join(settings.variants.prior)}, or the folder of a model with the folder vqvae beside it"
    where = "" if root == Path() else f"-C {shlex.quote(shown(root))} "
    return f"make it with: make {where}repro"
