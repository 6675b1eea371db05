"""Log-spectrograms in a few bands, wider at higher frequencies, for what listens to timbre and time and not to single partials."""

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.audio import streamed
from pipeline.audio.log_frequency import Scale
from pipeline.params import Audio


def gather(bands: int, lowest_hz: float, audio: Audio) -> np.ndarray:
    """Shares of the bins of a log-spectrogram in each band, float32 [n_fft // 2, bands]; those of a band add up to 1."""
    shares = Scale(bands, lowest_hz, 1, audio).gather[:-1]  # the Nyquist bin is not in a log-spectrogram
    return shares / shares.sum(0)


def in_bands(spectrogram: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Means of a log-spectrogram [..., bins] over bands, float32 [..., bands]."""
    return spectrogram.astype(np.float32) @ shares


def of_sound(blocks: Iterable[np.ndarray], bands: int, lowest_hz: float, audio: Audio) -> Iterator[np.ndarray]:
    """Yield parts of a sound in bands, float32 [frames, bands]; together they are those of its log-spectrogram.

    Args:
        blocks: float32 [samples] each, at audio.sample_rate_hz.
    """
    shares = gather(bands, lowest_hz, audio)
    for part in streamed.log_spectrograms(blocks, audio):
        yield in_bands(part, shares)
