"""Onset F1: do the notes of a sound start when they should?

Conventions
-----------
Onsets are float [onsets], in seconds from the start of the window.

Metrics
-------
* :func:`f1`: F-measure of one-to-one matches within a tolerance.
* :func:`mean_f1`: its mean over windows.
* :func:`lag`: how late the estimated onsets are on the whole.

Source: the F-measure is that of MIREX, as mir_eval has it.
"""

from collections.abc import Sequence

import mir_eval
import numpy as np


def validate(onsets_s: np.ndarray) -> None:
    """Raise ValueError unless the onsets are finite, 1-D, ascending and not negative."""
    if onsets_s.ndim != 1 or not np.isfinite(onsets_s).all():
        raise ValueError("onsets must be [onsets], all finite")
    if (onsets_s < 0).any() or (np.diff(onsets_s) < 0).any():
        raise ValueError("onsets must ascend from 0 s on")


def f1(reference_s: np.ndarray, estimated_s: np.ndarray, tolerance_s: float) -> float:
    """Harmonic mean of precision and recall, each onset matched once.

    Args:
        reference_s, estimated_s: float [onsets], s, ascending.
        tolerance_s: the largest distance of a match.

    Returns:
        from 0, no match, to 1, every onset matched. 0 where one of the two is empty; NaN where both are, since nothing was
        asked for and nothing was said.

    Raises:
        ValueError: as `validate`.
    """
    validate(reference_s)
    validate(estimated_s)
    if not len(reference_s) and not len(estimated_s):
        return float("nan")
    if not len(reference_s) or not len(estimated_s):
        return 0.0
    return float(mir_eval.onset.f_measure(reference_s, estimated_s, window=tolerance_s)[0])


def lag(pairs: Sequence[tuple[np.ndarray, np.ndarray]], tolerance_s: float, largest_s: float, step_s: float) -> float:
    """How late the estimated onsets are: the delay of all references alike at which most agree.

    Every pair of a reference and an estimate counts by how near they are, from 1 at the same time to 0 at the tolerance, and
    not by whether they match: an F-measure is the same at every delay within the tolerance.

    Args:
        pairs: (reference_s, estimated_s) of each window.
        tolerance_s: of a match.
        largest_s, step_s: delays from -largest_s to largest_s are tried, multiples of step_s.

    Returns:
        s; positive where the estimates are late; of equal delays the one nearest to 0. NaN where nothing ever agrees.
    """
    count = round(largest_s / step_s)
    delays = np.array(sorted(range(-count, count + 1), key=abs)) * step_s
    late = np.concatenate([np.subtract.outer(estimated, reference).ravel() for reference, estimated in pairs])
    near = np.maximum(1 - np.abs(late - delays[:, None]) / tolerance_s, 0).sum(1)  # [delays]
    return float(delays[near.argmax()]) if near.any() else float("nan")


def mean_f1(pairs: Sequence[tuple[np.ndarray, np.ndarray]], tolerance_s: float) -> float:
    """The mean over windows (reference_s, estimated_s) in which there is anything to find or anything found; NaN of none."""
    figures = np.array([f1(reference, estimated, tolerance_s) for reference, estimated in pairs])
    return float(figures[~np.isnan(figures)].mean()) if not np.isnan(figures).all() else float("nan")
