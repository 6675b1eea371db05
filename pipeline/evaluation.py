"""What every row of the tables is measured by: the same cells, the same judges, the same files.

A row is a trained system or something recorded. Each gets metrics/<row>.json, with the same keys, and evaluations/<row>/ with
what the figures of the report are drawn from.

The control of every condition is a permutation. A sample made for window j is a sample made with the condition of window j, so
judging it against window i says how the model does with another track's condition in place of i's; nothing need be sampled anew.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import librosa
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline import params, spectrogram, split, training, weights
from pipeline.metrics import knn, ndb, onset, pitch
from pipeline.models.classifier import Classifier
from pipeline.shards import Shards
from pipeline.windows import Places, Source, Windows

SPLITS = Path("data/splits.parquet")
CELLS = Path("data/ndb_cells.npz")
KEYS = (
    "ndb",
    "ndb_spread",
    "jsd",
    "knn",
    "heard",
    "heard_shuffled",
    "pitch",
    "pitch_shuffled",
    "onset_f1",
    "onset_f1_shuffled",
    "onset_lag_s",
    "nll",
    "nll_shuffled",
    "mse",
    "mse_shuffled",
)
SEMITONE_CENTS = 100
PITCH_EVERY = 2  # frames; neighbours have nearly the same pitch, and tracking takes as long as all else
BATCH = 64  # windows computed at once

Metrics = dict[str, float | None]
Batches = Iterable[np.ndarray]  # of log-spectrograms, float32 [windows, frames, bins]


@dataclass(frozen=True)
class Cells:
    """NDB's cells, made anew for each repeat.

    Attributes:
        seen: int64 [repeats, dimensions], which values of a flattened window k-means sees.
        centres: float32 [repeats, cells, dimensions].
        training_share: float64 [repeats, cells], of the training windows.
        training_windows: how many those were.
    """

    seen: np.ndarray
    centres: np.ndarray
    training_share: np.ndarray
    training_windows: int

    def save(self) -> None:
        np.savez(CELLS, **vars(self))

    @classmethod
    def load(cls) -> "Cells":
        with np.load(CELLS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return cls(**(arrays | {"training_windows": int(arrays["training_windows"])}))


def make_cells(windows: Windows, settings: params.Params) -> Cells:
    """Cluster random windows of the training tracks, `generate.repeats` times, each with windows and dimensions of its own."""
    evaluate, made = settings.evaluate, []
    size = windows.counts["spectrogram"] * settings.audio.n_fft // 2
    for repeat in range(settings.generate.repeats):
        generator = np.random.default_rng((settings.seed, repeat))
        seen = np.sort(generator.permutation(size)[: evaluate.ndb_dimensions])
        places = windows.random(evaluate.training_windows, generator)
        values = np.stack([windows.at(*place)["spectrogram"].reshape(-1)[seen] for place in places]).astype(np.float32)
        centres = ndb.cells(values, evaluate.ndb_cells, int(generator.integers(2**31)))
        made.append((seen, centres, ndb.shares(values, centres)))
    seen, centres, share = (np.stack(arrays) for arrays in zip(*made, strict=True))
    return Cells(seen, centres, share, evaluate.training_windows)


def fill_cells(row: str, passes: Iterator[tuple[list[int], Places, Batches]], settings: params.Params) -> Metrics:
    """NDB, JSD, and which instrument is heard in each window; the tables behind them go to evaluations/<row>/.

    Args:
        passes: each a list of the repeats that its windows serve, where the windows come from, and the windows themselves:
            one pass that serves all repeats for what is always the same, a pass a repeat for what is drawn anew.
    """
    cells, classifier = Cells.load(), load_classifier()
    instruments = instrument_of()
    results, tables, heard_tables = [], [], []
    for repeats, places, batches in passes:
        values: list[list[np.ndarray]] = [[] for _ in repeats]
        heard: list[str] = []
        for batch in batches:
            for kept, repeat in zip(values, repeats, strict=True):
                kept.append(batch.reshape(len(batch), -1)[:, cells.seen[repeat]])
            heard += hear(classifier, batch)
        for kept, repeat in zip(values, repeats, strict=True):
            share = ndb.shares(np.concatenate(kept), cells.centres[repeat])
            result = ndb.compare(
                cells.training_share[repeat],
                cells.training_windows,
                share,
                len(places),
                settings.evaluate.ndb_significance,
            )
            results.append(result)
            columns = {"repeat": repeat, "cell": range(len(share)), "training_share": result.training_share}
            tables.append(pd.DataFrame(columns | {"share": share, "different": result.different.astype(int)}))
        table = pd.DataFrame(places, columns=["source", "source_start"])
        table.insert(0, "repeat", repeats[0])
        order, moved = others(places)
        table["instrument"] = table.source.map(instruments)
        table["heard"] = heard
        table["heard_shuffled"] = table.heard.iloc[order].where(moved).set_axis(table.index)
        heard_tables.append(table)
    windows = pd.concat(heard_tables, ignore_index=True)
    pd.concat(tables).to_csv(folder(row) / "ndb.csv", index=False, float_format="%.6g")
    windows.to_csv(folder(row) / "windows.csv", index=False)
    counts = [result.ndb for result in results]
    spread = float(np.std(counts, ddof=1)) if len(counts) > 1 else None
    metrics: Metrics = {
        "ndb": float(np.mean(counts)),
        "ndb_spread": spread,
        "jsd": float(np.mean([result.jsd for result in results])),
    }
    if classifier is not None:
        known = windows[windows.instrument.isin(classifier.instruments)]
        swapped = known[known.heard_shuffled.notna()]
        metrics["heard"] = mean(known.heard == known.instrument)
        metrics["heard_shuffled"] = mean(swapped.heard_shuffled == swapped.instrument)
    return metrics


def others(places: Places) -> tuple[np.ndarray, np.ndarray]:
    """A permutation that gives each window one of another track, and where it does: int64 and bool [windows].

    Windows come track by track, so half of all on is another track, unless one track has more than half of them.
    """
    tracks = np.array([track for track, _ in places])
    order = np.roll(np.arange(len(places)), len(places) // 2)
    return order, tracks[order] != tracks


def mean(values: pd.Series | np.ndarray) -> float | None:
    """The mean, or None of nothing."""
    return float(np.mean(values)) if len(values) else None


def listened_to(places: Places, settings: params.Params) -> list[int]:
    """Numbers of the `evaluate.content_windows` windows whose pitch and onsets are measured, spread evenly over those that
    there are notes for; over all, if the corpus has none."""
    notes = Shards("data/notes")
    there = [number for number, (track, _) in enumerate(places) if track in notes] or list(range(len(places)))
    picked = np.linspace(0, len(there) - 1, min(settings.evaluate.content_windows, len(there))).astype(int)
    return [there[i] for i in picked]


Content = tuple[np.ndarray, np.ndarray]  # pitch in Hz of each frame, 0 a rest; onsets in s


def content(places: Places, frames: int, settings: params.Params) -> list[Content]:
    """What should be heard in windows: their notes; without notes nothing is asked of the pitch, and the onsets are those
    that the detector hears in the recording."""
    notes, recorded, fps = Shards("data/notes"), Shards("data/spectrograms"), settings.audio.fps
    asked = []
    for track, start in places:
        if track in notes:
            pitch_hz = note_hz(notes.rows("notes", track, start, frames), settings.notes)
            asked.append((pitch_hz, np.flatnonzero(notes.rows("onsets", track, start, frames)) / fps))
        else:
            sound = recorded.rows("spectrogram", track, start, frames)
            asked.append((np.zeros(frames), onset.detect(sound, fps)))
    return asked


def measure_content(row: str, batch: np.ndarray, places: Places, settings: params.Params) -> Metrics:
    """Pitch and onsets of log-spectrograms [windows, frames, bins] against what should be heard, and against another track's.

    evaluations/<row>/content.csv has more: pitch within a semitone, and chroma, which leaves octaves aside.
    """
    evaluate, asked = settings.evaluate, content(places, batch.shape[1], settings)
    heard = joblib.Parallel(n_jobs=-1)(joblib.delayed(_listen)(window, settings) for window in batch)
    order, moved = others(places)
    instruments = instrument_of()
    table = pd.DataFrame(places, columns=["source", "source_start"])
    table["instrument"] = table.source.map(instruments)
    for suffix, of, valid in (("", np.arange(len(places)), moved | True), ("_shuffled", order, moved)):
        for i in np.flatnonzero(valid):
            (true_hz, true_onsets_s), (hz, onsets_s) = asked[i], heard[of[i]]
            true_hz = true_hz[::PITCH_EVERY]
            table.loc[i, f"pitch{suffix}"] = pitch.accuracy(true_hz, hz, evaluate.pitch_tolerance_cents)
            table.loc[i, f"semitone{suffix}"] = pitch.accuracy(true_hz, hz, SEMITONE_CENTS)
            table.loc[i, f"chroma{suffix}"] = pitch.accuracy(true_hz, hz, evaluate.pitch_tolerance_cents, octaves=False)
            table.loc[i, f"onset_f1{suffix}"] = onset.f1(true_onsets_s, onsets_s, evaluate.onset_tolerance_s)
    table.to_csv(folder(row) / "content.csv", index=False, float_format="%.6g")
    metrics = {name: mean(table[name].dropna()) for name in KEYS if name in table}
    onsets = [(true_s, found_s) for (_, true_s), (_, found_s) in zip(asked, heard, strict=True)]
    lag_s = onset.lag(onsets, evaluate.onset_tolerance_s, evaluate.largest_lag_s, 1 / settings.audio.fps)
    return metrics | {"onset_lag_s": None if np.isnan(lag_s) else lag_s}


def _listen(window: np.ndarray, settings: params.Params) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz of every `PITCH_EVERY`th frame, and onsets in s, of a log-spectrogram [frames, bins]."""
    audio, notes = settings.audio, settings.notes
    sound = spectrogram.sound(window, audio, settings.seed)
    low_hz, high_hz = (float(librosa.midi_to_hz(midi)) for midi in (notes.lowest_midi, notes.highest_midi))
    found = pitch.track(sound, audio.sample_rate_hz, PITCH_EVERY * audio.hop_length, low_hz, high_hz)
    return found[: -(-len(window) // PITCH_EVERY)], onset.detect(window, audio.fps)


def note_hz(notes: np.ndarray, settings: params.Notes) -> np.ndarray:
    """Pitch in Hz of note indices, 0 for a rest."""
    return np.where(notes > 0, librosa.midi_to_hz(notes.astype(np.float64) - 1 + settings.lowest_midi), 0.0)


def states(body_state: Callable[[Tensor], Tensor], row: str, settings: params.Params) -> Metrics:
    """KNN accuracy of what a model makes of movements; the states go to evaluations/<row>/states.npz."""
    motion = Source(Shards("data/motion"), "motion", settings.motion.fps)
    instruments = instrument_of()
    vectors, labels = {}, {}
    for part in ("train", "test"):
        windows = Windows({"motion": motion}, split.tracks(SPLITS, part), settings.windows.duration_s)
        places = windows.spread(settings.evaluate.knn_windows_per_track * len(windows.starts))
        vectors[part] = in_batches(body_state, training.to_tensors(windows.batch(places))["motion"])
        labels[part] = [instruments[track] for track, _ in places]
    heard = knn.predict(vectors["train"], labels["train"], vectors["test"])
    np.savez(
        folder(row) / "states.npz",
        train=vectors["train"],
        train_labels=np.array(labels["train"]),
        test=vectors["test"],
        test_labels=np.array(labels["test"]),
        test_predicted=np.array(heard),
    )
    return {"knn": knn.accuracy(labels["test"], heard)}


def device() -> str:
    """Where models are evaluated."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def in_batches(function: Callable[..., Tensor], *tensors: Tensor) -> np.ndarray:
    """`function` over the first axis of the tensors, some rows at a time, as one array."""
    batches = zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
    with torch.inference_mode():
        return np.concatenate(
            [function(*(part.to(device()) for part in batch)).float().cpu().numpy() for batch in batches]
        )


def load_classifier() -> Classifier | None:
    """The classifier of instruments, or None where the corpus does not tell instruments apart."""
    return weights.load("models/classifier", Classifier) if weights.exist("models/classifier") else None


@torch.inference_mode()
def hear(classifier: Classifier | None, windows: np.ndarray) -> list[str]:
    """The instrument that is heard in each window of a batch [windows, frames, bins]."""
    if classifier is None:
        return [""] * len(windows)
    return [classifier.instruments[i] for i in classifier.logits(torch.from_numpy(windows)).argmax(1).tolist()]


def instrument_of() -> dict[str, str]:
    """Track → instrument; for the evaluation only."""
    table = pd.read_parquet(SPLITS)
    return dict(zip(table.track, table.instrument, strict=True))


def folder(row: str) -> Path:
    """evaluations/<row>/, made if need be."""
    path = Path("evaluations") / row
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(row: str, metrics: Metrics) -> None:
    """metrics/<row>.json: the same keys in every file, null where one has no meaning for the row."""
    assert set(metrics) <= set(KEYS), set(metrics) - set(KEYS)
    rounded = {key: None if metrics.get(key) is None else round(float(metrics[key] or 0), 4) for key in KEYS}
    Path("metrics").mkdir(exist_ok=True)
    Path(f"metrics/{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
