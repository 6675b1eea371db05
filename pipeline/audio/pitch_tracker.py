"""The pitch of a sound, frame by frame.

Source: Mauch and Dixon, "pYIN" (ICASSP 2014), as implemented in librosa.
"""

import librosa
import numpy as np

# YIN compares windows of half this length: 64 ms at 16 kHz, two periods of 31 Hz.
FRAME_LENGTH = 2048
SEMITONE_SHARE = 0.2  # grid of candidate pitches: 20 cents, fine enough for tolerances of about 50


def track(sound: np.ndarray, rate_hz: int, hop_length: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Pitch of a monophonic sound.

    Args:
        sound: float [samples], finite.
        rate_hz: sample rate.
        hop_length: samples between frames.
        low_hz, high_hz: range in which pitches are looked for.

    Returns:
        float64 [1 + samples // hop_length], Hz; negative in frames that are taken for unvoiced.

    Raises:
        ValueError: the sound is empty or not finite, or the range is empty, reaches beyond half the sample rate, or
            starts below two periods per frame.
    """
    lowest_hz = 2 * rate_hz / FRAME_LENGTH
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
        raise ValueError("a sound must be [samples], at least one, all finite")
    if not lowest_hz <= low_hz < high_hz <= rate_hz / 2:
        raise ValueError(f"pitches from {low_hz} to {high_hz} Hz: they must lie in {lowest_hz} to {rate_hz / 2} Hz")
    pitch_hz, voiced, _ = librosa.pyin(
        sound,
        fmin=low_hz,
        fmax=high_hz,
        sr=rate_hz,
        frame_length=FRAME_LENGTH,
        hop_length=hop_length,
        resolution=SEMITONE_SHARE,
        fill_na=None,
    )
    return np.where(voiced, pitch_hz, -np.abs(pitch_hz))
