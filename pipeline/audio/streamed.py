"""Log-spectrograms of sound that comes in blocks, so that an hour needs no more memory than a second."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from pipeline.audio.spectrogram import log_spectrogram
from pipeline.params import Audio

SILENCE = -1.0  # of a log-spectrogram, at its floor


def log_spectrograms(blocks: Iterable[np.ndarray], audio: Audio) -> Iterator[np.ndarray]:
    """Yield parts of the log-spectrogram of a sound, float16 [frames, n_fft // 2]; together they are that of the whole sound.

    Args:
        blocks: float32 [samples] each, of any length, at audio.sample_rate_hz.
    """
    hop = audio.hop_length
    reach = -(-audio.n_fft // 2 // hop)  # frames whose window reaches beyond a cut
    kept, known = np.zeros(0, np.float32), 0  # samples from `known` frames before the next one on
    for block in blocks:
        kept = np.concatenate([kept, block])
        count = len(kept) // hop - known - reach
        if count > 0:
            # What reaches beyond what is known so far is left out, and made again with what follows.
            yield log_spectrogram(kept[: (known + count + reach) * hop], audio)[known : known + count]
            done = max(known + count - reach, 0)
            kept, known = kept[done * hop :], known + count - done
    yield log_spectrogram(kept, audio)[known:]


def windows(
    parts: Iterable[np.ndarray], frames: int, every: float, empty: np.ndarray, count: Callable[[], int]
) -> Iterator[np.ndarray]:
    """Yield windows of a sequence that comes in parts, [windows, frames, ...] for each part that completes any.

    Window i has its middle at row floor(i * every + 0.5) of the sequence; beyond its ends there is `empty`.

    Args:
        parts: [rows, ...] each.
        frames: rows of a window.
        every: rows from one middle to the next.
        empty: [...], a row of nothing.
        count: the number of windows, asked for when there are no more parts.
    """
    before = frames // 2
    kept, begins = np.repeat(empty[None], before, axis=0), -before  # and the row that `kept` begins with
    number = 0
    for part in parts:
        kept = np.concatenate([kept, part])
        found = []
        while (first := int(number * every + 0.5) - before - begins) + frames <= len(kept):
            found.append(kept[first : first + frames])
            number += 1
        if found:
            yield np.stack(found)
        spare = min(max(first, 0), len(kept))
        kept, begins = kept[spare:], begins + spare
    while number < count():
        first = int(number * every + 0.5) - before - begins
        window = kept[max(first, 0) : first + frames]
        yield np.concatenate([window, np.repeat(empty[None], frames - len(window), axis=0)])[None]
        number += 1
