"""How sure is a figure? Its interval over the test tracks, from the tables in evaluations/<row>/."""

import numpy as np
import pandas as pd

from pipeline.dataset.artifacts import EVALUATIONS
from pipeline.metrics import bootstrap
from pipeline.report.drawing import read_csv
from pipeline.report.rows import Estimate

# Table → its columns that hold a figure's value for each window, and the figure in metrics/<row>.json.
COLUMNS = {
    "windows.csv": {"right": "instrument_accuracy"},
    "content.csv": {"pitch": "pitch", "onset_f1": "onset_f1"},
    "losses.csv": {"nll": "nll", "mse": "mse"},
}


def estimates(row: str, confidence: float, seed: int) -> dict[str, Estimate]:
    """Figure → its mean over windows, with the percentile interval over tracks.

    The variance that an `mse` is divided by is that of all windows, in every draw.

    Args:
        row: a system or something recorded. One whose model was skipped has no figures.
        confidence: 0..1.
        seed: for the draws.

    Returns:
        Figure → `value`, `low` and `high`, and `tracks`, the number of tracks with a value. One track has no interval.
    """
    found: dict[str, Estimate] = {}
    for figure, values in by_window(row).items():
        tracks = values.groupby(level=0)
        sums, windows = tracks.sum().to_numpy(np.float64), tracks.count().to_numpy()
        several = len(sums) > 1
        low, high = bootstrap.ratio(sums, windows, confidence, seed) if several else (None, None)
        found[figure] = {"value": float(values.mean()), "low": low, "high": high, "tracks": len(sums)}
    return found


def by_window(row: str) -> dict[str, pd.Series]:
    """Figure → its value for each window that has one, of all repeats. The index is the window's track."""
    folder = EVALUATIONS / row
    found: dict[str, pd.Series] = {}
    for file, columns in COLUMNS.items():
        if (folder / file).exists():
            table = read_csv(folder / file).set_index("source")
            found |= {figure: table[column] for column, figure in columns.items() if column in table}
    if (folder / "states.npz").exists():
        with np.load(folder / "states.npz", allow_pickle=False) as states:
            right = states["test_labels"] == states["test_predicted"]
            found["knn"] = pd.Series(right.astype(np.float64), index=states["test_tracks"])
    known = {figure: values.dropna() for figure, values in found.items()}
    return {figure: values for figure, values in known.items() if len(values)}
