"""Onset detection in a log-spectrogram: the onset strength of each frame, and the frames in which notes start.

Conventions
-----------
Onsets are float [onsets], in seconds from the start of the window. Values are normalised as in
`pipeline.audio.spectrogram`. With its floor at -80 dB, 1 is 40 dB, and the constants below assume that.

At the end of a note, the edge of the Fourier window spreads over all bins and looks like an onset. So a rise in the
bands counts only if the sound is about as loud after it as before: a note that starts keeps sounding, a note that ends
does not. If two notes of one pitch are less than 0.1 s apart, the end of the first may be taken for the onset of the
second.

The constants were chosen on training tracks of the studio.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

BANDS = 48  # groups of bins, wider at higher frequencies
LOWEST_BIN = 4  # below it there is no note
RANGE = 1.25  # values more than this (50 dB) below the peak of loud frames are ignored
LAG_S = 0.032  # between the two frames whose difference is the rise
BLOCK_FRAMES = 64  # processed together, so that a long sound needs little memory

RISE = 0.01  # by which an onset's mean rise of the bands exceeds the mean nearby
NEARBY_S = 0.2  # length of the mean nearby
APART_S = 0.1  # smallest distance between two onsets
FALL = 0.1  # loudness may fall by this much (4 dB) across an onset
REACH_S = 0.08  # loudness is compared this long before and after, beyond the Fourier window's reach of 64 ms


def onset_strength(spectrogram: np.ndarray, fps: float) -> np.ndarray:
    """Onset strength: the mean rise over `LAG_S` of the bands, float64 [frames], 0 or more.

    Args:
        spectrogram: [frames, bins], normalised as by `log_spectrogram` with a floor of -80 dB: 1 is 40 dB.

    Source: spectral flux against the maximum of neighbouring bands, Böck and Widmer, "Maximum Filter Vibrato
    Suppression for Onset Detection" (DAFx 2013).
    """
    lag = max(round(LAG_S * fps), 1)
    low = np.quantile(spectrogram.max(1).astype(np.float64), 0.95) - RANGE
    # The last edge is the number of bins.
    edges = np.unique(np.geomspace(LOWEST_BIN, spectrogram.shape[1], BANDS + 1).round().astype(int))
    blocks = [spectrogram[start : start + BLOCK_FRAMES] for start in range(0, len(spectrogram), BLOCK_FRAMES)]
    sums = [np.add.reduceat(np.maximum(block.astype(np.float64), low), edges[:-1], axis=1) for block in blocks]
    bands = np.concatenate(sums) / np.diff(edges)  # [frames, bands]
    # Vibrato moves a partial to the next band and back, which is not a rise.
    neighbours = maximum_filter1d(bands, 3, axis=1)
    # The first frames have no frame to compare with, so it is unknown whether a note starts or continues there.
    rise = np.zeros(len(spectrogram))
    rise[lag:] = np.maximum(bands[lag:] - neighbours[:-lag], 0).mean(1)
    return rise


def detect(spectrogram: np.ndarray, fps: float) -> np.ndarray:
    """Onsets of a monophonic sound.

    Args:
        spectrogram: float [frames, bins], normalised log magnitude.
        fps: frames per second.

    Returns:
        float64 [onsets], s, ascending; empty if no note starts.

    Raises:
        ValueError: the spectrogram is not finite, has no frames, or has fewer than `LOWEST_BIN` + 1 bins.
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
    before = (padded[:frames] + padded[1 : frames + 1]) / 2  # mean loudness `reach` and `reach` + 1 frames ago
    after = np.maximum(padded[2 * reach + 1 :][:frames], padded[2 * reach + 2 :][:frames])
    rise = np.where(after >= before - FALL, rise, 0)

    peak = rise == maximum_filter1d(rise, apart + 1 - apart % 2, mode="nearest")
    above = rise > uniform_filter1d(rise, nearby, mode="nearest") + RISE
    onsets: list[int] = []
    for frame in np.flatnonzero(peak & above):
        if not onsets or frame - onsets[-1] >= apart:
            onsets.append(int(frame))
    return np.array(onsets, np.float64) / fps


def _loudness(values: np.ndarray) -> np.ndarray:
    """Power of each frame, summed over the bins, as a logarithm in the units of the values: [frames]."""
    nepers = 4 * np.log(10)  # a value of 1 is 40 dB, a power of 10^4
    top = values.max(1, keepdims=True)
    return top[:, 0] + np.log(np.exp((values - top) * nepers).sum(1)) / nepers
