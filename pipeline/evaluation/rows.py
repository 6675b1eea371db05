"""What every row of the tables is measured by: the same cells, the same judges, the same files.

A row is a trained system or something recorded. Each gets metrics/<row>.json, with the same keys, and evaluations/<row>/ with
what the figures of the report are drawn from.

The control of every condition is a permutation. A sample made for window j is a sample made with the condition of window j, so
judging it against window i says how the model does with another track's condition in place of i's; nothing need be sampled anew.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.compute import determinism
from pipeline.dataset.windows import Places

SPLITS = Path("data/splits.parquet")
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
BATCH = 64  # windows computed at once

Metrics = dict[str, float | None]
Batches = Iterable[np.ndarray]  # of log-spectrograms, float32 [windows, frames, bins]


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


def in_batches(function: Callable[..., Tensor], *tensors: Tensor) -> np.ndarray:
    """`function` over the first axis of the tensors, some rows at a time, as one array."""
    batches = zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
    with torch.inference_mode():
        return np.concatenate(
            [function(*(part.to(determinism.device()) for part in batch)).float().cpu().numpy() for batch in batches]
        )


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
