"""NDB's cells, and what is counted over all generated windows: the shares of the cells, and the instrument that is heard."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline import params
from pipeline.dataset.windows import Places, Windows
from pipeline.evaluation.rows import Batches, Metrics, folder, instrument_of, mean, others
from pipeline.metrics import ndb
from pipeline.models.classifier import Classifier
from pipeline.training import weights

CELLS = Path("data/ndb_cells.npz")


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


def load_classifier() -> Classifier | None:
    """The classifier of instruments, or None where the corpus does not tell instruments apart."""
    return weights.load("models/classifier", Classifier) if weights.exist("models/classifier") else None


@torch.inference_mode()
def hear(classifier: Classifier | None, windows: np.ndarray) -> list[str]:
    """The instrument that is heard in each window of a batch [windows, frames, bins]."""
    if classifier is None:
        return [""] * len(windows)
    return [classifier.instruments[i] for i in classifier.logits(torch.from_numpy(windows)).argmax(1).tolist()]
