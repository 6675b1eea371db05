"""Sound from a log-spectrogram: the phases that it lacks.

One pass over the frames starts them (single-pass spectrogram inversion): every spectral peak is taken for a tone, whose phase
advances by its frequency from frame to frame. A few iterations of the fast Griffin-Lim algorithm refine them. Nothing is random.

Sources: Beauregard, Harish, Wyse, "Single Pass Spectrogram Inversion" (DSP 2015); Perraudin, Balazs, Søndergaard, "A fast
Griffin-Lim algorithm" (WASPAA 2013).
"""

from collections.abc import Callable

import numpy as np
import scipy.fft

from pipeline.audio import spectrogram
from pipeline.params import Audio

BLOCK_FRAMES = 512  # frames whose phases are estimated together; a long sound needs no more memory than these
JOINT_FRAMES = 32  # end of a block (half a second) to which the phases of the next are fitted
MOMENTUM = 0.99  # of Griffin-Lim: the value of Perraudin et al.
MAIN_LOBE_BINS = 2  # from the centre of a Hann window's main lobe to its end; a tone that moves further is another one
SMALLEST = np.float32(1e-16)  # keeps divisions defined where there is silence


def sound(log_spectrogram: np.ndarray, audio: Audio, tick: Callable[[int], object] = lambda frames: None) -> np.ndarray:
    """A sound whose log-spectrogram is close to the given one, in little memory: block by block.

    The phases of each block continue those of the last.

    Args:
        log_spectrogram: [frames, n_fft // 2], normalised as by `spectrogram.log_spectrogram`.
        tick: called with the number of frames that were just turned into sound.

    Returns:
        float32 [(frames - 1) * hop_length].
    """
    hop, frames = audio.hop_length, max(len(log_spectrogram) - 1, 0)
    made = np.zeros(frames * hop, np.float32)
    start = None
    for first in range(0, frames, BLOCK_FRAMES):
        begin, last = max(first - JOINT_FRAMES, 0), min(first + BLOCK_FRAMES, frames)
        # A block extends beyond its last frame, because at the end of a sound fewer frames determine the phases.
        magnitude = spectrogram.magnitude(log_spectrogram[begin : last + 1 + JOINT_FRAMES], audio)
        known = made[begin * hop : first * hop]
        block, refined = _refined(magnitude, single_pass(magnitude, audio, start), known, audio)
        known += np.linspace(0, 1, len(known), dtype=np.float32) * (block[: len(known)] - known)
        made[first * hop : last * hop] = block[len(known) :][: (last - first) * hop]
        start = refined[max(last - JOINT_FRAMES, 0) - begin]  # where the next block begins
        tick(last - first)
    return made


def single_pass(magnitude: np.ndarray, audio: Audio, start: np.ndarray | None = None) -> np.ndarray:
    """The phases of magnitudes, as complex numbers of modulus 1, by single-pass spectrogram inversion.

    Each bin has the phase of the peak that it belongs to: the one uphill. A frequency is the top of the parabola through a
    peak and its neighbours in decibels. Unlike Beauregard et al., a phase advances by the mean of a tone's frequencies in two
    frames, not by the second alone, which lags behind in glides.

    Args:
        magnitude: float32 [frames, n_fft // 2 + 1].
        start: the phases of the first frame; of a long sound's later blocks only.

    Returns:
        complex64 [frames, n_fft // 2 + 1].
    """
    bins = np.arange(magnitude.shape[1])
    padded = np.pad(magnitude, ((0, 0), (1, 1)), constant_values=-1)  # so that the first and the last bin can be peaks
    rising = magnitude > padded[:, :-2]
    peak = rising & (magnitude >= padded[:, 2:])
    below = np.maximum.accumulate(np.where(peak, bins, 0), axis=1)
    above = np.minimum.accumulate(np.where(peak, bins, len(bins) - 1)[:, ::-1], axis=1)[:, ::-1]
    owner = np.where(rising, above, below)  # (frames, bins + 1): each bin's peak
    level = np.log(np.maximum(padded, 10 ** (audio.floor_db / 20)))
    left, centre, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    curved = np.minimum(left - 2 * centre + right, -SMALLEST)
    frequency = bins + np.where(peak, np.clip((left - right) / (2 * curved), -0.5, 0.5), 0)  # in bins
    frequency = np.take_along_axis(frequency, owner, axis=1)
    # Phases are counted in turns, at the centre of each frame. There the bins of a tone have its phase with alternating signs.
    turns = np.zeros(magnitude.shape)
    if start is not None:
        turns[0] = np.angle(start) / (2 * np.pi) + bins / 2
    for i in range(1, len(turns)):
        before = frequency[i - 1, owner[i]]
        same = np.abs(frequency[i] - before) < MAIN_LOBE_BINS
        mean = np.where(same, (frequency[i] + before) / 2, frequency[i])
        turns[i] = (turns[i - 1, owner[i]] + mean * (audio.hop_length / audio.n_fft)) % 1
    angle = (2 * np.pi * (turns % 1)).astype(np.float32)
    phases = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=phases.real)
    np.sin(angle, out=phases.imag)
    phases[:, 1::2] *= -1
    return phases


def _refined(
    magnitude: np.ndarray, phases: np.ndarray, known: np.ndarray, audio: Audio
) -> tuple[np.ndarray, np.ndarray]:
    """Sound and phases after the iterations of the fast Griffin-Lim algorithm. The sound starts with `known` [samples]."""
    hann = spectrogram.window(audio)
    weight = np.maximum(_overlapped(np.broadcast_to(hann * hann, (len(magnitude), audio.n_fft)), audio), SMALLEST)

    def inverse(phases: np.ndarray) -> np.ndarray:
        frames = scipy.fft.irfft(magnitude * phases)
        frames *= hann
        return _overlapped(frames, audio) / weight

    before = np.zeros_like(phases)
    for _ in range(audio.griffin_lim_iterations):
        made = inverse(phases)
        made[: len(known)] = known
        rebuilt = scipy.fft.rfft(spectrogram.views(made, audio) * hann)
        phases = rebuilt - np.float32(MOMENTUM / (1 + MOMENTUM)) * before
        phases /= np.maximum(np.abs(phases), SMALLEST)
        before = rebuilt
    return inverse(phases), phases


def _overlapped(frames: np.ndarray, audio: Audio) -> np.ndarray:
    """The sum of frames [frames, n_fft], each centred at its place: [(frames - 1) * hop_length]."""
    hop, pieces = audio.hop_length, -(-audio.n_fft // audio.hop_length)
    if pieces * hop > audio.n_fft:
        frames = np.pad(frames, ((0, 0), (0, pieces * hop - audio.n_fft)))
    cut = frames.reshape(len(frames), pieces, hop)
    total = np.zeros((len(frames) - 1 + pieces, hop), frames.dtype)
    for piece in range(pieces):
        total[piece : piece + len(frames)] += cut[:, piece]
    begin = audio.n_fft // 2
    return total.reshape(-1)[begin : begin + (len(frames) - 1) * hop]  # (rows, hop) → (samples,)
