"""Notes played by an instrument of the studio."""

from collections.abc import Sequence

import numpy as np
from pretty_midi import Note

from pipeline.studio.instruments import INSTRUMENTS, Instrument
from pipeline.studio.score import Part
from pipeline.studio.synthesis import synthesise

BY_NAME = {instrument.name: instrument for instrument in INSTRUMENTS}
FALLBACK = "piano"  # where nobody knows what plays


def play(notes: Sequence[Note], instrument: Instrument, duration_s: float, rate_hz: int, seed: int) -> np.ndarray:
    """The sound of notes: float32 [samples], as long as asked; silence without notes."""
    if not notes:
        return np.zeros(round(duration_s * rate_hz), np.float32)
    ordered = sorted(notes, key=lambda note: note.start)
    onsets_s, ends_s = (np.array([getattr(note, name) for note in ordered]) for name in ("start", "end"))
    pitches, velocities = (np.array([getattr(note, name) for note in ordered]) for name in ("pitch", "velocity"))
    if instrument.drums:
        pitches = pitches.clip(instrument.low, instrument.high)  # only these stand for a drum
    part = Part(onsets_s, ends_s - onsets_s, pitches, velocities, np.zeros(len(notes), np.int64), beat_s=0.5)
    return synthesise(instrument, part, duration_s, rate_hz, np.random.default_rng(seed))
