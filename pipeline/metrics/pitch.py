"""Pitch accuracy: does a sound have the pitches that the notes ask for?

Conventions
-----------
Pitches are float [frames], in Hz. In a reference, 0 Hz is a rest. In an estimate, 0 Hz means that nothing was found, and a
negative pitch is the best guess in a frame that the tracker takes for unvoiced, as in mir_eval. Frame i of a tracked sound
is centred at sample i * hop_length.

The reference alone says which frames count: raw pitch accuracy leaves voicing aside, so guesses count, and a sound that
also plays in the rests loses nothing. An octave error is an error, unless octaves are not asked for.

Metrics
-------
* :func:`accuracy`: share of the frames with a note whose estimate is within a tolerance of it.

Source: raw pitch accuracy and raw chroma accuracy of Poliner et al., "Melody Transcription from Music Audio" (TASLP 2007), as
mir_eval has them.
"""

import mir_eval
import numpy as np


def validate(reference_hz: np.ndarray, estimated_hz: np.ndarray) -> None:
    """Raise ValueError unless both are finite, 1-D and equally long, and no pitch of the reference is negative."""
    if reference_hz.ndim != 1 or reference_hz.shape != estimated_hz.shape:
        raise ValueError(f"pitches of shapes {reference_hz.shape} and {estimated_hz.shape} cannot be compared")
    if not np.isfinite(reference_hz).all() or not np.isfinite(estimated_hz).all():
        raise ValueError("a pitch is not finite")
    if (reference_hz < 0).any():
        raise ValueError("a pitch of the reference is negative")


def accuracy(reference_hz: np.ndarray, estimated_hz: np.ndarray, tolerance_cents: float, octaves: bool = True) -> float:
    """Raw pitch accuracy.

    Args:
        reference_hz: float [frames]; 0 where there is no note.
        estimated_hz: float [frames]; its sign is ignored.
        tolerance_cents: a smaller distance is right.
        octaves: whether an octave error is an error; if not, this is raw chroma accuracy.

    Returns:
        from 0, none, to 1, all; NaN where the reference has no note, since there is nothing to be right about.

    Raises:
        ValueError: as `validate`.
    """
    validate(reference_hz, estimated_hz)
    sounds = reference_hz > 0
    if not sounds.any():
        return float("nan")
    # mir_eval would warn of frames without a voiced estimate; voicing does not enter this metric.
    reference_cents, estimated_cents = (mir_eval.melody.hz2cents(pitch) for pitch in (reference_hz, estimated_hz))
    measure = mir_eval.melody.raw_pitch_accuracy if octaves else mir_eval.melody.raw_chroma_accuracy
    return float(measure(sounds.astype(float), reference_cents, np.ones(len(sounds)), estimated_cents, tolerance_cents))
