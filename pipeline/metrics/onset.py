"""Onset F1: do the notes of a sound start when they should?

Conventions
-----------
Onsets are float [onsets], in seconds from the start of the window. They are found in a log-spectrogram whose values are
normalised as in `pipeline.spectrogram`; with its floor at -80 dB, 1 is 40 dB, and the constants below assume that.

Where a note ends, the Fourier window's edge spreads over all bins and looks like a start. So a rise in the bands counts only
where the sound is about as loud after as before: a note that starts keeps sounding, one that has ended does not.
Between two notes of one pitch that are less than 0.1 s apart, the end of the first may be taken for the start of the second.

Metrics
-------
* :func:`detect`: onsets in a log-spectrogram.
* :func:`f1`: F-measure of one-to-one matches within a tolerance.
* :func:`lag`: how late the estimated onsets are on the whole.

Source: peaks of an onset strength, `pipeline.spectrogram.onset_strength`; F-measure as in MIREX, by mir_eval. Constants were
chosen on training tracks of the studio.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from pipeline.spectrogram import LOWEST_BIN, onset_strength

RISE = 0.01  # mean rise of the bands, over its mean nearby, that makes an onset
NEARBY_S = 0.2
APART_S = 0.1  # smallest distance of two onsets
FALL = 0.1  # the loudness may fall by that (4 dB) over an onset
REACH_S = 0.08  # loudness is compared so long before and after: beyond the Fourier window's reach, 64 ms


def detect(spectrogram: np.ndarray, fps: float) -> np.ndarray:
    """Onsets of a sound with one voice.

    Args:
        spectrogram: float [frames, bins], normalised log magnitude.
        fps: its frames a second.

    Returns:
        float64 [onsets], s, ascending; empty where nothing starts.

    Raises:
        ValueError: a spectrogram that is not finite, has no frames, or fewer bins than `LOWEST_BIN` + 1.
    """
    if spectrogram.ndim != 2 or not len(spectrogram) or spectrogram.shape[1] <= LOWEST_BIN:
        raise ValueError(f"a spectrogram must be [frames, more than {LOWEST_BIN} bins], not {list(spectrogram.shape)}")
    if not np.isfinite(spectrogram).all():
        raise ValueError("a spectrogram holds values that are not finite")
    values = spectrogram.astype(np.float64)
    apart, reach = (max(round(seconds * fps), 1) for seconds in (APART_S, REACH_S))
    nearby = 2 * round(NEARBY_S * fps / 2) + 1

    rise = onset_strength(values, fps)
    loudness = _loudness(values)
    padded = np.pad(loudness, reach + 1, mode="edge")
    frames = len(values)
    before = (padded[:frames] + padded[1 : frames + 1]) / 2  # loudness `reach` and `reach` + 1 frames ago
    after = np.maximum(padded[2 * reach + 1 :][:frames], padded[2 * reach + 2 :][:frames])
    rise = np.where(after >= before - FALL, rise, 0)

    peak = rise == maximum_filter1d(rise, apart + 1 - apart % 2, mode="nearest")
    above = rise > uniform_filter1d(rise, nearby, mode="nearest") + RISE
    onsets: list[int] = []
    for frame in np.flatnonzero(peak & above):
        if not onsets or frame - onsets[-1] >= apart:
            onsets.append(int(frame))
    return np.array(onsets, np.float64) / fps


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
    import mir_eval  # most of a second, which who only detects need not wait

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


def _loudness(values: np.ndarray) -> np.ndarray:
    """Power of a frame, summed over the bins and as a logarithm in the units of the values, [frames]."""
    nepers = 4 * np.log(10)  # a value of 1 is 40 dB, a power of 10^4
    top = values.max(1, keepdims=True)
    return top[:, 0] + np.log(np.exp((values - top) * nepers).sum(1)) / nepers
