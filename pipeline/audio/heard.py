"""What is heard in a log-spectrogram: its pitch and its onsets.

Processes that listen import this module alone, without PyTorch, which takes seconds to import.
"""

import librosa
import numpy as np

from pipeline import params
from pipeline.audio import onset_detector, phases, pitch_tracker

PITCH_EVERY = 2  # frames; neighbouring frames have nearly the same pitch, and tracking takes half of the evaluation


def listen(window: np.ndarray, audio: params.Audio, notes: params.Notes) -> tuple[np.ndarray, np.ndarray]:
    """Pitch and onsets of a log-spectrogram [frames, bins].

    Args:
        notes: their range is where pitches are looked for.

    Returns:
        Hz of every `PITCH_EVERY`th frame, negative if it is taken for unvoiced; onsets in s.
    """
    sound = phases.sound(window, audio)
    low_hz, high_hz = (float(librosa.midi_to_hz(midi)) for midi in (notes.lowest_midi, notes.highest_midi))
    found = pitch_tracker.track(sound, audio.sample_rate_hz, PITCH_EVERY * audio.hop_length, low_hz, high_hz)
    return found[: -(-len(window) // PITCH_EVERY)], onset_detector.detect(window, audio.fps)
