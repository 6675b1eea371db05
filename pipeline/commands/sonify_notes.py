"""Notes for a video, and their sound: `minet sonify my_video.mp4 -o out.mp4 --model foley_timed --midi-out out.mid`.

The model writes notes and knows no instruments. What plays them is chosen afterwards: the same notes can be played by any of the
studio's instruments, or be edited before. The notes of a model that makes sound are heard in it.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio.spectrogram import log_spectrogram
from pipeline.commands.sonify import Sounded, movement, refuse_sensors
from pipeline.dataset.artifacts import EVALUATIONS, MODELS
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.keypoints import hands_alone
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.whole_video import WHOLE, Strip, find_hands, strip_of
from pipeline.metrics import knn
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import heard, midi_file
from pipeline.notes.key import Key
from pipeline.sampling.event_sampler import sample_long
from pipeline.sampling.playing import BY_NAME, FALLBACK, play
from pipeline.studio.instruments import Instrument
from pipeline.training import weights

NETWORK = "event_transformer"
NAMES = ("foley_music", "foley_timed")


def writes_notes(model: str, root: Path) -> bool:
    """Whether a model, by its name or its folder, writes notes. One of this name that is not there would."""
    folder = place_of(model, root)
    return weights.config(folder).network == NETWORK if weights.exist(folder) else folder.name in NAMES


def sonify(
    video: Path,
    model: str,
    settings: params.Params,
    root: Path,
    *,
    seed: int,
    temperature: float,
    player: int,
    midi_out: Path | None,
    instrument: str | None,
    key: Key | None,
) -> Sounded:
    """Write notes for the movement of one player in a video, and play them.

    Args:
        model, root, player: as of `commands.sonify.sonify`.
        temperature: times that at which the model is evaluated.
        midi_out: the MIDI file to write, if any.
        instrument: what plays; by default, what the training player with the most similar movement played.
        key: the key that is asked for, if any.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: nobody is found in the video, or nothing is played.
        ParamsError: the model or the instrument does not exist, or a key is asked for and the model knows none.
    """
    folder = place_of(model, root)
    if not weights.exist(folder):
        advice = (
            f"fetch it with: dvc pull {MODELS / folder.name}; or make it with: dvc repro systems/foley_music/dvc.yaml"
        )
        raise ParamsError(f"{shown(folder)}: no trained model there; {advice}")
    named = None if instrument is None else by_name(instrument)
    refuse_sensors(folder)
    writer = weights.load(folder, {NETWORK: EventTransformer})
    if key is not None and writer.key is None:
        raise ParamsError(
            f"--key: {shown(folder)} was trained without keys; leave --key out, or choose --model foley_timed"
        )
    found, motion = of_body_or_hands(video, strip_of(video, player)[0] if player else WHOLE, settings)
    moving, generator = torch.from_numpy(motion), torch.Generator().manual_seed(seed)
    asked = None if key is None else torch.from_numpy(key.histogram)
    notes = sample_long(writer, moving, settings.windows.duration_s, generator, temperature, asked)
    if not notes:
        raise NothingLeft(f"{shown(video)}: the model wrote no note for this movement; try another --seed")
    states = root / EVALUATIONS / "foley_music" / folder.name / "states.npz"
    chosen = named or BY_NAME[nearest(writer, moving, states, settings)]
    if midi_out is not None:
        midi_file.write(midi_out, notes, chosen.program, chosen.name)
    duration_s = len(motion) / settings.motion.fps
    sound = play(notes, chosen, duration_s, settings.audio.sample_rate_hz, seed)
    of_key = "" if key is None else f", {key.holds(note.pitch for note in notes).sum()} of them in the key"
    print(f"{len(notes)} notes{of_key}, played by: {chosen.name}")
    return Sounded(
        found, motion, np.zeros(0, np.int64), log_spectrogram(sound, settings.audio).astype(np.float32), sound
    )


def of_body_or_hands(video: Path, strip: Strip, settings: params.Params) -> tuple[Detected, np.ndarray]:
    """The joints and the movement of the player, or those of the hands alone if no shoulders are seen. It is said which.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: neither is found in it.
    """
    try:
        return movement(video, strip, settings)
    except NothingLeft as nobody:
        found = find_hands(video, strip, settings.keypoints, max_fps=settings.motion.fps)
        try:
            motion = hands_alone.clean(
                found.keypoints, found.times, settings.motion.fps, settings.motion.min_confidence
            )
        except ValueError:
            raise nobody from None
    print(
        f"note: {shown(video)}: no shoulders are seen, so the hands alone say what is played; the model knows whole players"
    )
    return found, motion


def by_name(instrument: str) -> Instrument:
    """An instrument of the studio.

    Raises:
        ParamsError: there is none of this name.
    """
    if instrument not in BY_NAME:
        raise ParamsError(f"--instrument {instrument}: must be one of {', '.join(BY_NAME)}")
    return BY_NAME[instrument]


def named_by_midi(model: str, midi_out: Path | None, instrument: str | None, writer: str) -> Instrument | None:
    """The instrument that the MIDI file of a model that makes sound names; None if no file is asked for.

    Args:
        writer: a model that writes notes, for the advice.

    Raises:
        ParamsError: there is no such instrument, or one is named and no file.
    """
    if midi_out is not None:
        return by_name(instrument or FALLBACK)
    if instrument is not None:
        what = f"{model} makes sound, which no instrument plays"
        raise ParamsError(
            f"--instrument: {what}; add --midi-out, or choose a model that writes notes: --model {writer}"
        )
    return None


def write_heard(midi_out: Path, sound: np.ndarray, settings: params.Params, instrument: Instrument) -> None:
    """Hear the notes of a generated sound, float32 [samples], and write them as MIDI for an instrument."""
    with tqdm(
        total=len(sound) / settings.audio.sample_rate_hz, desc="notes", unit=" s", unit_scale=True, mininterval=1
    ) as bar:
        notes = heard.notes(sound, settings.audio, settings.notes, "pyin", bar.update)
    midi_file.write(midi_out, notes, instrument.program, instrument.name)
    print(f"{len(notes)} notes, heard in the generated sound: some are missed, and some are wrong")


@torch.inference_mode()
def nearest(model: EventTransformer, motion: torch.Tensor, path: Path, settings: params.Params) -> str:
    """The instrument of most of the training windows that are nearest to the windows of a movement (frames, joints, 2).

    Args:
        path: the file in which the evaluation left the states of the training windows.
    """
    if not path.is_file():
        print(f"note: {shown(path)}: not there, so a {FALLBACK} plays; name another with --instrument")
        return FALLBACK
    with np.load(path, allow_pickle=False) as states:
        train, labels = states["train"], states["train_labels"].tolist()
    windows = motion.split(round(settings.windows.duration_s * settings.motion.fps))
    whole = windows[:-1] or windows  # the last one may be too short to tell
    here = torch.cat([model.body_state(window[None]) for window in whole]).numpy()
    name = Counter(knn.predict(train, labels, here)).most_common(1)[0][0]
    return name if name in BY_NAME else FALLBACK


def place_of(model: str, root: Path) -> Path:
    return Path(model) if weights.exist(model) else root / MODELS / model
