"""Pitch accuracy: does a sound have the pitches of the notes?

Conventions
-----------
Pitches are float [frames], in Hz. In a reference, 0 Hz is a rest. In an estimate, 0 Hz means that no pitch was found. As in
mir_eval, a negative pitch is the tracker's best guess in a frame that it considers unvoiced. Frame i of a sound is centred at
sample i * hop_length.

Only the frames in which the reference has a note count. Raw pitch accuracy ignores voicing: the guesses count, and playing
during rests costs nothing. Octave errors count as errors, except in raw chroma accuracy.

Metrics
-------
* :func:`accuracy`: share of the frames with a note in which the estimate is within a tolerance of the note.

Source: raw pitch accuracy and raw chroma accuracy of Poliner et al., "Melody Transcription from Music Audio" (TASLP 2007), as
implemented in mir_eval.
"""

import mir_eval
import numpy as np


def validate(reference_hz: np.ndarray, estimated_hz: np.ndarray) -> None:
    """Raise ValueError unless both are finite, 1-D and of equal length, and no pitch of the reference is negative."""
    if reference_hz.ndim != 1 or reference_hz.shape != estimated_hz.shape:
        raise ValueError(f"pitches of shapes {reference_hz.shape} and {estimated_hz.shape} cannot be compared")
    if not np.isfinite(reference_hz).all() or not np.isfinite(estimated_hz).all():
        raise ValueError("a pitch is not finite")
    if (reference_hz < 0).any():
        raise ValueError("a pitch of the reference is negative")


def accuracy(reference_hz: np.ndarray, estimated_hz: np.ndarray, tolerance_cents: float, octaves: bool = True) -> float:
    """Raw pitch accuracy, or raw chroma accuracy.

    Args:
        reference_hz: float [frames], 0 where there is no note.
        estimated_hz: float [frames]. The sign is ignored.
        tolerance_cents: an estimate closer than this is right.
        octaves: whether octave errors count as errors. If not, the result is raw chroma accuracy.

    Returns:
        From 0 (no frame is right) to 1 (all are). NaN if the reference has no note.

    Raises:
        ValueError: see `validate`.
    """
    validate(reference_hz, estimated_hz)
    sounds = reference_hz > 0
    if not sounds.any():
        return float("nan")
    # All frames are passed as voiced: voicing does not affect this metric, and mir_eval would warn if no frame were voiced.
    reference_cents, estimated_cents = (mir_eval.melody.hz2cents(pitch) for pitch in (reference_hz, estimated_hz))
    measure = mir_eval.melody.raw_pitch_accuracy if octaves else mir_eval.melody.raw_chroma_accuracy
    return float(measure(sounds.astype(float), reference_cents, np.ones(len(sounds)), estimated_cents, tolerance_cents))
