"""What all rows of the tables of music to pictures share: the keys of their metrics, and the measures of a film.

Each figure stands beside a control: another track's sound (`_shuffled`), or the same sound moved in time (`_shifted`), the mean
over some shifts.
"""

import json

import numpy as np
from scipy.ndimage import uniform_filter1d

from pipeline.evaluation.rows import Metrics
from pipeline.metrics import onset
from systems.pictures import paths

KEYS = (  # none is called "error", which DVC would take for a file that it cannot read
    "squared_error",
    "squared_error_pca",
    "squared_error_ratio",
    "instrument_seen",
    "instrument_seen_shuffled",
    "instrument_chance",
    "retrieved",
    "retrieved_shuffled",
    "retrieved_chance",
    "change_correlation",
    "change_correlation_shifted",
    "onset_f1",
    "onset_f1_shifted",
    "distinct",
    "walk_memory",
    "walk_lingers_s",
)


def write(row: str, metrics: Metrics) -> None:
    """Write metrics/pictures/<row>.json: the same keys in every file, null where a key has no meaning for the row."""
    assert set(metrics) <= set(KEYS), set(metrics) - set(KEYS)
    values = {key: metrics.get(key) for key in KEYS}
    rounded = {key: None if value is None or np.isnan(value) else round(value, 4) for key, value in values.items()}
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    (paths.FIGURES / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def frame_change(pictures: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each picture, uint8 [pictures, ...], to the one before: float64 [pictures - 1], 0 to 1."""
    return np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in zip(pictures[1:], pictures, strict=False)]) / 255


def change_correlations(
    change: np.ndarray, strength: np.ndarray, fps: float, sound_fps: float, smoothed_s: float, shifts: int
) -> tuple[float, float]:
    """Pearson correlation of frame change with onset strength, and its mean with the strength moved around in time.

    Args:
        change: [pictures - 1], between each two pictures at fps.
        strength: [frames], at sound_fps.
        smoothed_s: time over which both are averaged.
        shifts: number of shifts, spread evenly over the sound.
    """
    changed = uniform_filter1d(change, max(round(smoothed_s * fps), 1), mode="nearest")
    strong = uniform_filter1d(strength, max(round(smoothed_s * sound_fps), 1), mode="nearest")
    times_s = (np.arange(len(change)) + 0.5) / fps
    at = np.interp(times_s, np.arange(len(strong)) / sound_fps, strong)
    return correlation(changed, at), float(
        np.mean([correlation(changed, np.roll(at, len(at) * shift // (shifts + 1))) for shift in range(1, shifts + 1)])
    )


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson correlation; 0 if one of the two does not change."""
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def onset_f1s(
    true_s: np.ndarray, found_s: np.ndarray, duration_s: float, tolerance_s: float, shifts: int
) -> tuple[float, float]:
    """Onset F1, and its mean with what was found moved around in time; NaN if there is no onset."""
    moved = [np.sort((found_s + duration_s * shift / (shifts + 1)) % duration_s) for shift in range(1, shifts + 1)]
    return onset.f1(true_s, found_s, tolerance_s), float(
        np.mean([onset.f1(true_s, each, tolerance_s) for each in moved])
    )


def distinct(pictures: np.ndarray, alike: float) -> float:
    """Share of pictures, uint8 [pictures, ...], that differ from each one before them by a root mean square of `alike` or more."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    square = (flat**2).sum(1)
    away = (square[:, None] + square - 2 * flat @ flat.T).clip(min=0) / flat.shape[1]
    near = np.tril(away < alike**2, -1).any(1)
    return float(1 - near.mean())
