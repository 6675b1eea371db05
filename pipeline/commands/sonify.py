"""Sound for a silent video: `minet sonify my_video.mp4 -o out.mp4`.

The way is that of the pipeline: joints, movement, codes, spectrogram, sound. Memory hardly grows with the length of
the video: what does is its spectrogram, 15 MB a minute.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio.long_sound import long_sound
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.whole_video import find
from pipeline.models.vqvae import VQVAE
from pipeline.notes import note_index
from pipeline.notes.midi import parts
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample_long
from pipeline.training import priors, weights

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sounded:
    """What was made of a video.

    Attributes:
        found: the player's joints.
        codes: int64 [frames] of the spectrogram.
        spectrogram: float32 [frames, bins].
        sound: float32 [samples], at audio.sample_rate_hz; sample 0 is at the video's time 0.
    """

    found: Detected
    codes: np.ndarray
    spectrogram: np.ndarray
    sound: np.ndarray


def sonify(
    video: Path, model: str, settings: params.Params, *, seed: int, temperature: float, player: int, midi: Path | None
) -> Sounded:
    """Music for the movement of one player in a video.

    Args:
        model: a name below models/, or the folder of a model; the VQ-VAE lies beside it.
        player: 0 for the most prominent person; else a number from 1, from the left.
        midi: the score, for a model with content; its notes are those of the first part.

    Raises:
        FileError: the video cannot be read, or the score cannot be used. NothingLeft: there is nobody in the video.
        ParamsError: the model is not there, or lacks a score.
    """
    prior, vqvae = load(model, midi is not None)
    # More pictures than rows of movement tell the model nothing, and to look at one takes longer than all that follows.
    found = find(video, player, settings.keypoints, max_fps=settings.motion.fps)
    try:
        motion, _ = clean(found.keypoints, found.times, settings.motion.fps, settings.motion.min_confidence)
    except ValueError as error:
        raise NothingLeft(f"{shown(video)}: {error}; show the player from the front, head to hips") from None
    steps = round(len(motion) / settings.motion.fps * settings.audio.fps)
    indices = None
    if midi is not None:
        part = parts(midi, 1)[0]
        index, _, _ = note_index.indices(part, steps, settings.audio.fps, settings.notes)
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
        sound = long_sound(made, settings.audio, seed, tick=bar.update)
    return Sounded(found, codes, made, sound)


def load(model: str, with_notes: bool) -> tuple[priors.Model, VQVAE]:
    """A trained prior, and the VQ-VAE that its codes are of.

    Raises:
        ParamsError: one of them is not there, or the prior needs notes and has none, or has some and reads none.
    """
    folder = Path(model) if (Path(model) / "config.json").exists() else HERE / "models" / model
    beside = folder.parent / "vqvae"
    for place in (folder, beside):
        if not weights.exist(place):
            what = f"no trained model there; make it with: dvc repro, or fetch it with: dvc pull {place} {beside}"
            raise ParamsError(f"{shown(place)}: {what}")
    prior = priors.load(folder)
    if prior.reads_notes != with_notes:
        advice = (
            "give it a score with --midi" if prior.reads_notes else "leave --midi out, or choose a model with content"
        )
        raise ParamsError(
            f"{shown(folder)}: this model {'reads' if prior.reads_notes else 'does not read'} notes; {advice}"
        )
    return prior, weights.load(beside, VQVAE)
