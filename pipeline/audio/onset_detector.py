"""Onsets in a log-spectrogram: how strongly a note starts in each frame, and in which frames one does.

Conventions
-----------
Onsets are float [onsets], in seconds from the start of the window. Values are normalised as in `pipeline.audio.spectrogram`;
with its floor at -80 dB, 1 is 40 dB, and the constants below assume that.

Where a note ends, the Fourier window's edge spreads over all bins and looks like a start. So a rise in the bands counts only
where the sound is about as loud after as before: a note that starts keeps sounding, one that has ended does not.
Between two notes of one pitch that are less than 0.1 s apart, the end of the first may be taken for the start of the second.

Constants were chosen on training tracks of the studio.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

BANDS = 48  # groups of bins, ever wider upwards
LOWEST_BIN = 4  # below it there is no note
RANGE = 1.25  # what is so far (50 dB) below the loud frames' peak is not looked at
LAG_S = 0.032  # between the frames whose difference is the rise
BLOCK_FRAMES = 64  # looked at together, so that a long sound needs little memory

RISE = 0.01  # mean rise of the bands, over its mean nearby, that makes an onset
NEARBY_S = 0.2
APART_S = 0.1  # smallest distance of two onsets
FALL = 0.1  # the loudness may fall by that (4 dB) over an onset
REACH_S = 0.08  # loudness is compared so long before and after: beyond the Fourier window's reach, 64 ms


def onset_strength(spectrogram: np.ndarray, fps: float) -> np.ndarray:
    """How much rises in each frame: the mean rise over `LAG_S` of bands that widen upwards, float64 [frames], 0 or more.

    Args:
        spectrogram: [frames, bins], normalised as by `log_spectrogram` with a floor of -80 dB: 1 is 40 dB.

    Source: spectral flux against the maximum of neighbouring bands, Böck and Widmer, "Maximum Filter Vibrato Suppression for
    Onset Detection" (DAFx 2013).
    """
    lag = max(round(LAG_S * fps), 1)
    low = np.quantile(spectrogram.max(1).astype(np.float64), 0.95) - RANGE
    edges = np.unique(
        np.geomspace(LOWEST_BIN, spectrogram.shape[1], BANDS + 1).round().astype(int)
    )  # the last is `bins`
    blocks = [spectrogram[start : start + BLOCK_FRAMES] for start in range(0, len(spectrogram), BLOCK_FRAMES)]
    sums = [np.add.reduceat(np.maximum(block.astype(np.float64), low), edges[:-1], axis=1) for block in blocks]
    bands = np.concatenate(sums) / np.diff(edges)  # [frames, bands]
    # Vibrato moves a partial to the next band and back: that is no rise.
    neighbours = maximum_filter1d(bands, 3, axis=1)
    # The window's first frames have none to be compared with: whether a note starts or goes on there is not known.
    rise = np.zeros(len(spectrogram))
    rise[lag:] = np.maximum(bands[lag:] - neighbours[:-lag], 0).mean(1)
    return rise


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


def _loudness(values: np.ndarray) -> np.ndarray:
    """Power of a frame, summed over the bins and as a logarithm in the units of the values, [frames]."""
    nepers = 4 * np.log(10)  # a value of 1 is 40 dB, a power of 10^4
    top = values.max(1, keepdims=True)
    return top[:, 0] + np.log(np.exp((values - top) * nepers).sum(1)) / nepers
