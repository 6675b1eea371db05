"""Sound for a recording of worn sensors: `minet sonify --imu strumming.csv -o out.wav`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pipeline import params
from pipeline.audio import phases
from pipeline.commands import sonify_notes
from pipeline.dataset.artifacts import EVALUATIONS, MODELS
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.models.event_transformer import EventTransformer
from pipeline.models.sensor_encoders import READ
from pipeline.notes import midi_file
from pipeline.sampling import codec, playing
from pipeline.sampling.event_sampler import sample_long
from pipeline.sampling.sampler import as_set
from pipeline.sampling.sampler import sample_long as sample_codes
from pipeline.sensors import csv_file
from pipeline.training import priors, weights


def sonify(
    recording: Path,
    model: str,
    settings: params.Params,
    root: Path,
    *,
    seed: int,
    temperature: float,
    rate_hz: float | None,
    midi_out: Path | None,
    instrument: str | None,
) -> np.ndarray:
    """The music for a recording of sensors: float32 [samples]. Sample 0 is at the first time of the file.

    Args:
        recording: a CSV file, as `csv_file.read` takes it.
        model, root: as of `commands.sonify.sonify`.
        rate_hz: rate of a file without times.
        midi_out, instrument: as of `sonify_notes.sonify`; the notes of a model that makes sound are heard in it.

    Raises:
        FileError: the recording cannot be used.
        NothingLeft: nothing is played.
        ParamsError: the model does not exist or does not read sensors, or the instrument does not exist.
    """
    folder = sonify_notes.place_of(model, root)
    if not weights.exist(folder):
        advice = f"fetch it with: dvc pull {MODELS / folder.name}; or make it with: dvc repro systems/imu/dvc.yaml"
        raise ParamsError(f"{shown(folder)}: no trained model there; {advice}")
    config = weights.config(folder)
    reads = config.sizes.get("reader", config.sizes).get("joints")
    if reads != READ:
        raise ParamsError(f"{shown(folder)}: this model does not read sensors; choose --model imu_timed or imu_sync")
    writes_notes = config.network == sonify_notes.NETWORK
    if writes_notes:
        named = None if instrument is None else sonify_notes.by_name(instrument)
    else:
        named = sonify_notes.named_by_midi(model, midi_out, instrument, "imu_timed")
    found = csv_file.read(recording, settings.motion.fps, rate_hz)
    for remark in found.remarks:
        print(f"note: {shown(recording)}: {remark}")
    moving, generator = torch.from_numpy(found.readings), torch.Generator().manual_seed(seed)
    duration_s, sound_hz = len(moving) / settings.motion.fps, settings.audio.sample_rate_hz
    if not writes_notes:
        vqvae = codec.load(folder.parent / "vqvae")
        how = replace(as_set(settings, vqvae), temperature=temperature)
        steps = round(duration_s * settings.audio.fps)
        codes = sample_codes(priors.load(folder), moving[None], None, steps, how, generator)[0]
        sound = phases.sound(codec.decode_long(vqvae, codes.numpy()), settings.audio)
        if midi_out is not None and named is not None:
            sonify_notes.write_heard(midi_out, sound, settings, named)
        return sound
    writer = weights.load(folder, {sonify_notes.NETWORK: EventTransformer})
    notes = sample_long(writer, moving, settings.windows.duration_s, generator, temperature)
    if not notes:
        raise NothingLeft(f"{shown(recording)}: the model wrote no note for these readings; try another --seed")
    states = states_of(found.worn, root / EVALUATIONS / "imu" / folder.name)
    chosen = named or playing.BY_NAME[sonify_notes.nearest(writer, moving, states, settings)]
    if midi_out is not None:
        midi_file.write(midi_out, notes, chosen.program, chosen.name)
    print(f"{len(notes)} notes, played by: {chosen.name}")
    return playing.play(notes, chosen, duration_s, sound_hz, seed)


def states_of(worn: np.ndarray, evaluated: Path) -> Path:
    """The states of training windows that have the same channels as a recording; if there are none, a file that is not there.

    Args:
        worn: bool [3, 2].
        evaluated: the folder in which the evaluation left the states of each way of wearing.
    """
    for path in sorted(evaluated.glob("states_*.npz")):
        with np.load(path, allow_pickle=False) as states:
            if (states["worn"] == worn).all():
                return path
    return evaluated / "states.npz"
