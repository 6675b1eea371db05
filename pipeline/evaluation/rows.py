"""What all rows of the tables share: the keys of their metrics, their files, and their control.

A row is a trained system or something recorded. Each has metrics/<row>.json, with the same keys, and evaluations/<row>/ with
the data behind the figures of the report.

The control of a condition is a permutation of the windows. A sample for window j was made with the condition of window j. Judging
it against window i of another track shows how good a sample is that was made with the wrong condition. No new samples are needed.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.compute import determinism
from pipeline.dataset.artifacts import EVALUATIONS, METRICS, SPLITS
from pipeline.dataset.windows import Places

KEYS = (
    "ndb",
    "ndb_spread",
    "ndb_calibrated",
    "jsd",
    "knn",
    "instrument_accuracy",
    "instrument_accuracy_shuffled",
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
BATCH = 64  # windows that are computed at once

Metrics = dict[str, float | None]
Batches = Iterable[np.ndarray]  # of log-spectrograms, float32 [windows, frames, bins]


def others(places: Places) -> tuple[np.ndarray, np.ndarray]:
    """A permutation that gives each window a window of another track, and where it succeeds: int64 and bool [windows].

    Windows come track by track. A window half the list away is of another track, unless one track has more than half of them.
    """
    tracks = np.array([track for track, _ in places])
    order = np.roll(np.arange(len(places)), len(places) // 2)
    return order, tracks[order] != tracks


def mean(values: pd.Series | np.ndarray) -> float | None:
    """The mean, or None if there are no values."""
    return float(np.mean(values)) if len(values) else None


def in_batches(function: Callable[..., Tensor], *tensors: Tensor) -> np.ndarray:
    """`function` of some rows of the tensors at a time, as one array."""
    batches = zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
    with torch.inference_mode():
        return np.concatenate(
            [function(*(part.to(determinism.device()) for part in batch)).float().cpu().numpy() for batch in batches]
        )


def instrument_of() -> dict[str, str]:
    """Track → instrument. For the evaluation only."""
    table = pd.read_parquet(SPLITS)
    return dict(zip(table.track, table.instrument, strict=True))


def folder(row: str) -> Path:
    """The folder evaluations/<row>/, created if necessary."""
    path = EVALUATIONS / row
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(row: str, metrics: Metrics) -> None:
    """Write metrics/<row>.json: the same keys in every file, null where a key has no meaning for the row."""
    assert set(metrics) <= set(KEYS), set(metrics) - set(KEYS)
    rounded = {key: None if metrics.get(key) is None else round(float(metrics[key] or 0), 4) for key in KEYS}
    METRICS.mkdir(exist_ok=True)
    (METRICS / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
