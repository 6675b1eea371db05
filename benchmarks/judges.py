"""Judges of onsets: where do notes begin in a sound? None of them had a say in training or sampling.

librosa's detector follows the spectrum's flux. basic-pitch is a small network that was trained on recorded notes (Bittner et al.,
ICASSP 2022); `pipeline.notes.basic_pitch` says how it is installed.
"""

from collections.abc import Callable

import librosa
import numpy as np
from scipy.ndimage import maximum_filter1d

from pipeline.notes.basic_pitch import network

Judge = Callable[[np.ndarray, int], np.ndarray]  # sound float32 [samples], its rate in Hz -> onsets in s, ascending

HOP_LENGTH = 256
DELTA = 1.5  # of librosa's peak picking: the best of 0.1 to 3 on recorded windows of the studio through the codes

# basic-pitch's own: rate in Hz, samples of a window, frames that its window lacks on either side, least onset probability.
BASIC_PITCH_HZ, WINDOW, EDGE_FRAMES, LEAST = 22050, 43844, 15, 0.5
APART_S = 0.05  # onsets of several notes that begin together are one
TOGETHER_S = 0.05  # two judges agree on an onset within this


def by_librosa(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    # The settings of Superflux in librosa's documentation.
    strength = librosa.onset.onset_strength(
        y=sound,
        sr=rate_hz,
        hop_length=HOP_LENGTH,
        n_fft=1024,
        lag=2,
        max_size=3,
        n_mels=138,
        fmin=27.5,
        fmax=rate_hz / 2,
    )
    return librosa.onset.onset_detect(
        onset_envelope=strength, sr=rate_hz, hop_length=HOP_LENGTH, units="time", normalize=False, delta=DELTA
    )


def by_basic_pitch(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    sound = librosa.resample(sound, orig_sr=rate_hz, target_sr=BASIC_PITCH_HZ)
    edge = EDGE_FRAMES * HOP_LENGTH
    times, strengths = [], []
    for first in range(-edge, len(sound), WINDOW - 2 * edge):
        window = np.zeros(WINDOW, np.float32)
        piece = sound[max(first, 0) : first + WINDOW]
        window[max(-first, 0) :][: len(piece)] = piece
        (onset,) = network().run(["StatefulPartitionedCall:2"], {"serving_default_input_2:0": window[None, :, None]})
        inner = onset[0, EDGE_FRAMES:-EDGE_FRAMES].max(1)  # over all pitches
        times.append((first + edge + np.arange(len(inner)) * HOP_LENGTH) / BASIC_PITCH_HZ)
        strengths.append(inner)
    # Windows overlap by a frame or so, and lie in order.
    time_s, strength = np.concatenate(times), np.concatenate(strengths)
    peak = strength == maximum_filter1d(strength, 2 * round(APART_S * BASIC_PITCH_HZ / HOP_LENGTH) + 1)
    onsets = np.sort(time_s[peak & (strength >= LEAST) & (time_s < len(sound) / BASIC_PITCH_HZ)])
    return onsets[np.diff(onsets, prepend=-1) > APART_S]


def by_both(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    """The onsets of `by_basic_pitch` with which `by_librosa` agrees."""
    one, other = by_basic_pitch(sound, rate_hz), by_librosa(sound, rate_hz)
    if not len(other):
        return one[:0]
    return one[np.abs(np.subtract.outer(one, other)).min(1) <= TOGETHER_S]


JUDGES: dict[str, Judge] = {"basic-pitch": by_basic_pitch, "librosa": by_librosa, "both": by_both}
