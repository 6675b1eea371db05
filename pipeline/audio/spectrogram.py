"""Log-magnitude spectrograms from sound. `pipeline.audio.phases` makes sound from them.

Conventions
-----------
Frame i is centred at sample i * hop_length (Hann window, zeros beyond the ends), so it lies at i * hop_length /
sample_rate_hz seconds. A full-scale sine at the centre of a bin has magnitude 1 = 0 dB. Decibels are raised to
at least floor_db and mapped to value = scale * dB + offset, which is -1 at the floor and 1 at 0 dB. Louder values are
above 1. The Nyquist bin is left out, as in the paper (n_fft 2048 → 1024 bins).
"""

import cv2
import librosa
import numpy as np
import scipy.fft

from pipeline.params import Audio

# Transformed together: as many as a core's cache holds. A long sound needs no more memory than a short one.
BLOCK_FRAMES = 64


def normalisation(audio: Audio) -> dict[str, float]:
    """scale and offset of value = scale * dB + offset."""
    return {"scale": -2.0 / audio.floor_db, "offset": 1.0}


def log_spectrogram(sound: np.ndarray, audio: Audio) -> np.ndarray:
    """The normalised log-spectrogram of a sound.

    Args:
        sound: float32 [samples] at audio.sample_rate_hz, full scale at -1 and 1.

    Returns:
        float16 [1 + samples // hop_length, n_fft // 2].
    """
    frames, hann = views(sound, audio), window(audio)
    spectrogram = np.empty((len(frames), audio.n_fft // 2), np.float16)
    floor = np.float32(10 ** (audio.floor_db / 20))
    scale, offset = normalisation(audio).values()
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        values = np.abs(scipy.fft.rfft(frames[block] * hann)[:, :-1])
        np.maximum(values, floor, out=values)
        np.log10(values, out=values)
        # scale * dB + offset. NumPy takes three times as long, mostly to round to float16.
        spectrogram[block] = cv2.addWeighted(values, 20 * scale, values, 0, offset, dtype=cv2.CV_16F)
    return spectrogram


def magnitude(spectrogram: np.ndarray, audio: Audio) -> np.ndarray:
    """Log-spectrogram [frames, bins] → magnitudes float32 [frames, bins + 1], with the Nyquist bin. 1 is a full-scale sine."""
    scale, offset = normalisation(audio).values()
    decibels = np.maximum((spectrogram.astype(np.float32) - offset) / scale, audio.floor_db)
    decibels = np.pad(decibels, ((0, 0), (0, 1)), constant_values=audio.floor_db)
    # The floor means "at most this much". It becomes silence, not noise in every bin.
    return np.where(decibels > audio.floor_db, 10 ** (decibels / 20), 0).astype(np.float32)


def views(sound: np.ndarray, audio: Audio) -> np.ndarray:
    """The samples of each frame, without a copy of them: float32 [1 + samples // hop_length, n_fft]."""
    padded = np.pad(sound.astype(np.float32, copy=False), audio.n_fft // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, audio.n_fft)[:: audio.hop_length]


def window(audio: Audio) -> np.ndarray:
    """Hann window float32 [n_fft], scaled so that a full-scale sine has magnitude 1."""
    hann = librosa.filters.get_window("hann", audio.n_fft, fftbins=True)
    return (hann * 2 / hann.sum()).astype(np.float32)
