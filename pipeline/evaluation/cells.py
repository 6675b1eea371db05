"""What is counted over all windows of a row: their shares of NDB's cells, and the instrument that the classifier hears."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd
import torch

from pipeline import params
from pipeline.dataset.arrays import write_npz
from pipeline.dataset.artifacts import MODELS, NDB_CELLS
from pipeline.dataset.windows import Places, Windows
from pipeline.evaluation.rows import Batches, Metrics, folder, instrument_of, mean, others
from pipeline.metrics import ndb
from pipeline.models.classifier import Classifier
from pipeline.training import weights


@dataclass(frozen=True)
class Cells:
    """NDB's cells, clustered anew for each repeat.

    Attributes:
        seen: int64 [repeats, dimensions], the values of a flattened window that k-means sees.
        centres: float32 [repeats, cells, dimensions].
        tracks: names of the training tracks, text [tracks].
        counts: int64 [repeats, tracks, cells], training windows of each track in each cell.
    """

    seen: np.ndarray
    centres: np.ndarray
    tracks: np.ndarray
    counts: np.ndarray

    def save(self) -> None:
        write_npz(NDB_CELLS, **vars(self))

    @classmethod
    def load(cls) -> "Cells":
        with np.load(NDB_CELLS, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in file.files})


def make_cells(windows: Windows, settings: params.Params) -> Cells:
    """Cluster random windows of the training tracks `evaluate.ndb_repeats` times, each time with other windows and dimensions."""
    one = joblib.delayed(_clustering)
    made = joblib.Parallel(n_jobs=-1)(one(windows, repeat, settings) for repeat in range(settings.evaluate.ndb_repeats))
    seen, centres, counts = (np.stack(arrays) for arrays in zip(*made, strict=True))
    return Cells(seen, centres, np.array(list(windows.starts)), counts)


def _clustering(windows: Windows, repeat: int, settings: params.Params) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`seen`, `centres` and `counts` of one repeat."""
    evaluate, generator = settings.evaluate, np.random.default_rng((settings.seed, repeat))
    size = windows.counts["spectrogram"] * settings.audio.n_fft // 2
    seen = np.sort(generator.permutation(size)[: evaluate.ndb_dimensions])
    places = windows.random(evaluate.training_windows, generator)
    values = np.stack([windows.at(*place)["spectrogram"].reshape(-1)[seen] for place in places]).astype(np.float32)
    centres = ndb.cells(values, evaluate.ndb_cells, int(generator.integers(2**31)))
    cell = ndb.nearest(values, centres)
    return seen, centres, _counts((track for track, _ in places), cell, windows.starts, evaluate.ndb_cells)


def _counts(sources: Iterable[str], cell: np.ndarray, tracks: Iterable[str], cells: int) -> np.ndarray:
    """How many windows of each of the `tracks` lie in each cell, int64 [tracks, cells], from the track and cell of each window."""
    number = {track: i for i, track in enumerate(tracks)}
    counts = np.zeros((len(number), cells), dtype=np.int64)
    np.add.at(counts, (np.array([number[source] for source in sources]), cell), 1)
    return counts


def fill_cells(row: str, passes: Iterator[tuple[list[int], Places, Batches]], settings: params.Params) -> Metrics:
    """NDB, JSD and instrument accuracy of a row. The tables behind them go to evaluations/<row>/.

    No track is compared with itself: if windows come from training tracks, these are taken out of the training windows.

    Args:
        passes: each has the repeats that its windows serve, where the windows come from, and the windows. Recordings are the
            same in every repeat, so one pass serves all; samples are drawn anew, so each repeat has its own pass.
    """
    cells, classifier = Cells.load(), load_classifier()
    known_instruments = classifier.instruments if classifier else []
    instruments = instrument_of()
    results, resampled, calibrated, tables, heard_tables = [], [], [], [], []
    for repeats, places, batches in passes:
        values: list[list[np.ndarray]] = [[] for _ in repeats]
        heard: list[str] = []
        for batch in batches:
            for kept, repeat in zip(values, repeats, strict=True):
                kept.append(batch.reshape(len(batch), -1)[:, cells.seen[repeat]])
            heard += hear(classifier, batch)
        for kept, repeat in zip(values, repeats, strict=True):
            cell = ndb.nearest(np.concatenate(kept), cells.centres[repeat])
            sources = np.array([track for track, _ in places])
            here = np.unique(sources)
            apart = cells.counts[repeat].any(1) & ~np.isin(cells.tracks, here)
            counts, there = cells.counts[repeat][apart], cells.tracks[apart]
            training = counts.sum(0) / counts.sum(), int(counts.sum())
            share = np.bincount(cell, minlength=counts.shape[1]) / len(cell)
            significance = settings.evaluate.ndb_significance
            result = ndb.compare(*training, share, len(places), significance)
            results.append(result)
            resampled.append(ndb.resampled(*training, cell, sources, significance, settings.seed))
            sampled = _counts(sources, cell, here, counts.shape[1])
            strata = [instruments[track] for track in (*there, *here)]
            calibrated.append(ndb.calibrated(counts, sampled, strata, significance, settings.seed))
            columns = {"repeat": repeat, "cell": range(len(share)), "training_share": result.training_share}
            tables.append(pd.DataFrame(columns | {"share": share, "different": result.different.astype(int)}))
        table = pd.DataFrame(places, columns=["source", "source_start"])
        table.insert(0, "repeat", repeats[0])
        order, moved = others(places)
        table["instrument"] = table.source.map(instruments)
        table["heard"] = heard
        right = (table.heard == table.instrument).astype("Int64")
        table["right"] = right.where(table.instrument.isin(known_instruments))
        table["heard_shuffled"] = table.heard.iloc[order].where(moved).set_axis(table.index)
        heard_tables.append(table)
    windows = pd.concat(heard_tables, ignore_index=True)
    pd.concat(tables).to_csv(folder(row) / "ndb.csv", index=False, float_format="%.6g")
    windows.to_csv(folder(row) / "windows.csv", index=False)
    metrics: Metrics = {
        "ndb": float(np.mean([result.ndb for result in results])),
        "ndb_spread": float(np.std(resampled)),
        "ndb_calibrated": float(np.mean(calibrated)),
        "jsd": float(np.mean([result.jsd for result in results])),
    }
    if classifier is not None:
        known = windows[windows.right.notna()]
        swapped = known[known.heard_shuffled.notna()]
        metrics["instrument_accuracy"] = mean(known.right)
        metrics["instrument_accuracy_shuffled"] = mean(swapped.heard_shuffled == swapped.instrument)
    return metrics


def load_classifier() -> Classifier | None:
    """The classifier of instruments, or None if there are no instruments to tell apart."""
    folder = MODELS / "classifier"
    return weights.load(folder, {"classifier": Classifier}) if weights.exist(folder) else None


@torch.inference_mode()
def hear(classifier: Classifier | None, windows: np.ndarray) -> list[str]:
    """The instrument that the classifier hears in each window of a batch [windows, frames, bins]."""
    if classifier is None:
        return [""] * len(windows)
    return [classifier.instruments[i] for i in classifier.logits(torch.from_numpy(windows)).argmax(1).tolist()]
