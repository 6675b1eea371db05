"""Do the codes suit recorded instruments? `python -m benchmarks.real_sounds FOLDER [--steps STEPS]`

Reads a folder of recordings. The last fifth of each is held out, and three VQ-VAEs are measured on these fifths:

- studio: the run's, which has heard no recording;
- recordings: one trained on the first four fifths alone;
- studio and recordings: one trained on windows of which half are the studio's and half the recordings'.

The trained ones have the run's settings and budget. Prints CSV, a row for each model and recording and one for all: squared error
over variance about each bin's mean over all held-out fifths, through the codes and before quantising.

If there is a `<stem>.alignment.csv` with `start` and `end` in s of each note, a second table has the onset F1 of the project's
detector against the starts, for the whole recording and for the same through the run's codes. Starts closer than `TOGETHER_S` are
one: the notes of a double stop begin together, but are aligned one by one.

Trained models are kept in work/, so that a second run only measures.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from benchmarks.bands import WAYS, Draw, budget, sizes, sums, trained, training_windows
from pipeline import params
from pipeline.audio import onset_detector, spectrogram
from pipeline.compute import determinism
from pipeline.dataset.artifacts import SPECTROGRAMS, SPLITS
from pipeline.dataset.windows import to_tensors
from pipeline.errors import NothingLeft
from pipeline.media import sound_files
from pipeline.metrics import onset
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import codec

SOUNDS = (".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav")
HELD_OUT = 5  # the last of so many equal parts
TOGETHER_S = 0.03  # notes closer than this are no two attacks to a listener; the detector itself keeps 0.1 s


def read(folder: Path, audio: params.Audio) -> dict[str, tuple[Path, np.ndarray]]:
    """Name → file and log-spectrogram, float16 [frames, bins], of each recording."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SOUNDS)
    return {
        path.name: (path, spectrogram.log_spectrogram(sound_files.read_audio(path, audio.sample_rate_hz), audio))
        for path in tqdm(files, "recordings")
    }


def parted(recorded: np.ndarray, audio: params.Audio) -> tuple[np.ndarray, np.ndarray]:
    """The frames for training and those held out. Between them lie those whose Fourier windows reach into both."""
    first = len(recorded) - len(recorded) // HELD_OUT
    return recorded[: max(first - audio.n_fft // audio.hop_length, 0)], recorded[first:]


def windows_of(recordings: list[np.ndarray], frames: int) -> Draw:
    """Random windows of several log-spectrograms, all equally likely.

    Raises:
        NothingLeft: all are shorter than a window.
    """
    ends = np.cumsum([max(len(each) - frames + 1, 0) for each in recordings])
    if not ends[-1]:
        raise NothingLeft(f"no recording has {frames} frames to train on")

    def draw(generator: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        windows = []
        for drawn in generator.integers(ends[-1], size=size):
            which = int(np.searchsorted(ends, drawn, side="right"))
            end = len(recordings[which]) - (ends[which] - 1 - drawn)
            windows.append(recordings[which][end - frames : end])
        return to_tensors({"spectrogram": np.stack(windows)})

    return draw


def half_and_half(one: Draw, other: Draw) -> Draw:
    def draw(generator: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        parts = one(generator, size - size // 2), other(generator, size // 2)
        return {"spectrogram": torch.cat([part["spectrogram"] for part in parts])}

    return draw


def merged(starts_s: np.ndarray) -> np.ndarray:
    """Starts of notes in s, ascending, without those closer than `TOGETHER_S` to the last one that is kept."""
    kept: list[float] = []
    for start_s in np.sort(starts_s):
        if not kept or start_s - kept[-1] >= TOGETHER_S:
            kept.append(float(start_s))
    return np.array(kept)


def errors(models: dict[str, VQVAE], held_out: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row for each model and recording, and one for all recordings together."""
    rows = []
    for name, model in models.items():
        found = sums(model, held_out)
        found.loc["all"] = found.sum()
        rows += [
            {"model": name, "recording": recording, **{way: row[way] / row.variance for way in WAYS}}
            for recording, row in found.iterrows()
        ]
    return pd.DataFrame(rows)


def onsets(recordings: dict[str, tuple[Path, np.ndarray]], model: VQVAE, settings: params.Params) -> pd.DataFrame:
    """A row for each recording with an alignment."""
    rows, fps, tolerance_s = [], settings.audio.fps, settings.evaluate.onset_tolerance_s
    for name, (path, recorded) in recordings.items():
        alignment = path.with_suffix(".alignment.csv")
        if alignment.exists():
            starts_s = merged(pd.read_csv(alignment).start.to_numpy(np.float64))
            decoded = codec.decode_long(model, codec.encode(model, recorded))
            scores = (onset.f1(starts_s, onset_detector.detect(each, fps), tolerance_s) for each in (recorded, decoded))
            rows.append((name, len(starts_s), *scores))
    return pd.DataFrame(rows, columns=["recording", "starts", "F1 recorded", "F1 through the codes"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int)
    asked = parser.parse_args()
    settings = params.load()
    determinism.prepare(settings.seed)
    recordings = read(asked.folder, settings.audio)
    if not recordings:
        raise NothingLeft(f"{asked.folder}: no recordings")
    parts = {name: parted(recorded, settings.audio) for name, (_, recorded) in recordings.items()}
    real = windows_of([first for first, _ in parts.values()], round(settings.windows.duration_s * settings.audio.fps))
    chosen = budget(settings.variants.vqvae["vqvae"], asked.steps)
    own = sizes(chosen, settings.audio.n_fft // 2)
    models, files = {"studio": codec.load()}, [path for path, _ in recordings.values()]
    for name, draw in (
        ("recordings", real),
        ("studio and recordings", half_and_half(training_windows(settings), real)),
    ):
        # The recordings alone do not depend on the studio's spectrograms.
        inputs = (
            name,
            Path(__file__),
            settings.audio,
            *files,
            *((SPECTROGRAMS, SPLITS) if name != "recordings" else ()),
        )
        models[name] = trained(lambda: VQVAE(**own), draw, chosen, settings, *inputs)
    table = errors(models, {name: held_out for name, (_, held_out) in parts.items()})
    table.to_csv(sys.stdout, index=False, float_format="%.4f")
    found = onsets(recordings, models["studio"], settings)
    if len(found):
        print()
        found.to_csv(sys.stdout, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
