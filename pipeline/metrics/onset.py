"""Onset F1: do notes start at the right times?

Conventions
-----------
Onsets are float [onsets], in seconds from the start of the window.

Metrics
-------
* :func:`f1`: F-measure of one-to-one matches within a tolerance.
* :func:`mean_f1`: the mean of `f1` over windows.
* :func:`lag`: the overall delay of the estimated onsets.

Source: the F-measure of MIREX, as implemented in mir_eval.
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
        From 0 (no match) to 1 (every onset matched). 0 if one of the two is empty, NaN if both are.

    Raises:
        ValueError: see `validate`.
    """
    validate(reference_s)
    validate(estimated_s)
    if not len(reference_s) and not len(estimated_s):
        return float("nan")
    if not len(reference_s) or not len(estimated_s):
        return 0.0
    return float(mir_eval.onset.f_measure(reference_s, estimated_s, window=tolerance_s)[0])


def lag(pairs: Sequence[tuple[np.ndarray, np.ndarray]], tolerance_s: float, largest_s: float, step_s: float) -> float:
    """How late the estimated onsets are: the one delay of all references that agrees best with the estimates.

    Each pair of a reference and an estimated onset adds from 1 (same time) to 0 (`tolerance_s` apart or more). Matches are not
    counted instead, because an F-measure may be the same for all delays within the tolerance.

    Args:
        pairs: (reference_s, estimated_s) of each window.
        tolerance_s: the distance at which two onsets no longer agree.
        largest_s, step_s: the delays tried are the multiples of step_s from -largest_s to largest_s.

    Returns:
        The delay in s, positive if the estimates are late. Of several best delays, the one nearest to 0. NaN if no delay agrees.
    """
    count = round(largest_s / step_s)
    delays = np.array(sorted(range(-count, count + 1), key=abs)) * step_s
    late = np.concatenate([np.subtract.outer(estimated, reference).ravel() for reference, estimated in pairs])
    near = np.maximum(1 - np.abs(late - delays[:, None]) / tolerance_s, 0).sum(1)  # [delays]
    return float(delays[near.argmax()]) if near.any() else float("nan")


def mean_f1(pairs: Sequence[tuple[np.ndarray, np.ndarray]], tolerance_s: float) -> float:
    """Mean `f1` over windows (reference_s, estimated_s). Windows without any onset are left out; NaN if none remains."""
    figures = np.array([f1(reference, estimated, tolerance_s) for reference, estimated in pairs])
    return float(figures[~np.isnan(figures)].mean()) if not np.isnan(figures).all() else float("nan")
