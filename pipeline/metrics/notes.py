"""Notes: are the right pitches played at the right times, and as many as there should be?

Conventions
-----------
Notes are float [notes, 3]: onset and end in seconds from the start of the window, and MIDI pitch.

Metrics
-------
* :func:`f1`: F-measure of one-to-one matches of onset and pitch; where a note ends does not count.
* :func:`density_ratio`: how many notes there are for each note that should be there.

Source: the note F-measure without offsets of MIREX, as implemented in mir_eval.transcription.
"""

from collections.abc import Sequence

import mir_eval
import numpy as np

PITCH_TOLERANCE_CENTS = 50.0  # MIREX's: a quarter-tone, so that MIDI pitches must be equal


def validate(notes: np.ndarray) -> None:
    """Raise ValueError unless the notes are finite, [notes, 3], not before 0 s, and end after they start."""
    if notes.ndim != 2 or notes.shape[1] != 3 or not np.isfinite(notes).all():
        raise ValueError("notes must be [notes, 3], all finite")
    if (notes[:, 0] < 0).any() or (notes[:, 1] <= notes[:, 0]).any():
        raise ValueError("notes must start from 0 s on, and end after they start")


def f1(reference: np.ndarray, estimated: np.ndarray, tolerance_s: float) -> float:
    """Harmonic mean of precision and recall of notes with the right pitch, each matched once.

    Args:
        reference, estimated: float [notes, 3].
        tolerance_s: the largest distance of the onsets of a match.

    Returns:
        From 0 to 1. 0 if one of the two is empty, NaN if both are.

    Raises:
        ValueError: see `validate`.
    """
    validate(reference)
    validate(estimated)
    if not len(reference) and not len(estimated):
        return float("nan")
    if not len(reference) or not len(estimated):
        return 0.0
    figures = mir_eval.transcription.precision_recall_f1_overlap(
        reference[:, :2],
        _hz(reference[:, 2]),
        estimated[:, :2],
        _hz(estimated[:, 2]),
        onset_tolerance=tolerance_s,
        pitch_tolerance=PITCH_TOLERANCE_CENTS,
        offset_ratio=None,
    )
    return float(figures[2])


def density_ratio(reference: Sequence[np.ndarray], estimated: Sequence[np.ndarray]) -> float:
    """Notes in all estimated windows over notes in all reference windows; 1 is right, NaN without a reference."""
    asked = sum(map(len, reference))
    return sum(map(len, estimated)) / asked if asked else float("nan")


def _hz(midi: np.ndarray) -> np.ndarray:
    return 440.0 * 2.0 ** ((midi - 69) / 12)
