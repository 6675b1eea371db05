"""Windows: the same stretch of time of sound, movement and codes, read from shards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.dataset.shards import Shards
from pipeline.errors import NothingLeft

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Source:
    """One array of a shard folder and its rate. Row i lies i / fps seconds after the track's start.

    Attributes:
        between: whether the rows of a window are interpolated, so that it starts exactly when the other sources do.
    """

    shards: Shards
    array: str
    fps: float
    between: bool = False


Places = list[tuple[str, int]]  # track, and the row of the first source that a window starts on


class Windows:
    """Windows of `duration_s` of some tracks, from several sources.

    A window starts on a row of the first source. The other sources start at their nearest row, at most half of their own frame
    away, or are interpolated.

    Args:
        sources: name → source.
        tracks: the tracks to draw from. A track that is missing from a source has no windows.
        duration_s: length of a window.

    Raises:
        NothingLeft: every track is shorter than a window.
    """

    def __init__(self, sources: dict[str, Source], tracks: Sequence[str], duration_s: float) -> None:
        self.sources = sources
        self.counts = {name: round(duration_s * source.fps) for name, source in sources.items()}
        self.fps = next(iter(sources.values())).fps
        counts = self._starts(tracks)
        # Possible first rows, per track.
        self.starts = {track: count for track, count in zip(tracks, counts.tolist(), strict=True) if count > 0}
        if not self.starts:
            raise NothingLeft(
                f"no track with {' and '.join(sources)} is as long as a window of {duration_s} s; lower windows.duration_s"
            )
        self._tracks = list(self.starts)
        self._ends = np.cumsum(list(self.starts.values()))

    def _starts(self, tracks: Sequence[str]) -> np.ndarray:
        """How many first rows leave every source enough rows, int64 [tracks]."""
        free = []
        for name, source in self.sources.items():
            spare = source.shards.lengths(tracks) - self.counts[name]
            # The starts whose nearest row of this source is at most `spare`; the small number is for rounding errors.
            starts = np.ceil((spare + 0.5) * self.fps / source.fps - 1e-6)
            free.append(np.where(spare >= 0, starts, 0).astype(np.int64))
        return np.min(free, axis=0)

    def at(self, track: str, start: int) -> dict[str, np.ndarray]:
        """The window that starts on row `start` of the first source: name → array [count, ...] of the source's dtype."""
        window = {}
        for name, source in self.sources.items():
            place, count = start / self.fps * source.fps, self.counts[name]
            # Halves are rounded up, not to even, so that every window of a track is shifted alike.
            first = int(np.floor(place + (0 if source.between else 0.5)))
            if not source.between:
                window[name] = source.shards.rows(source.array, track, first, count)
                continue
            rows = source.shards.rows(source.array, track, first, min(count + 1, source.shards.length(track) - first))
            after = np.concatenate([rows[1:], rows[-1:]])[:count]
            window[name] = (rows[:count] + (after - rows[:count]) * (place - first)).astype(rows.dtype)
        return window

    def batch(self, places: Places) -> dict[str, np.ndarray]:
        """The windows at (track, start) `places`: name → array [places, count, ...]."""
        windows = [self.at(track, start) for track, start in places]
        return {name: np.stack([window[name] for window in windows]) for name in self.sources}

    def random(self, size: int, generator: np.random.Generator) -> Places:
        """Places of random windows, all equally likely."""
        drawn = generator.integers(self._ends[-1], size=size)
        tracks = np.searchsorted(self._ends, drawn, side="right")
        before = np.concatenate([[0], self._ends[:-1]])
        return [(self._tracks[track], int(place - before[track])) for track, place in zip(tracks, drawn, strict=True)]

    def spread(self, size: int) -> Places:
        """`size` places, divided evenly among the tracks and spread evenly over each."""
        tracks = len(self._tracks)
        shares = np.diff(size * np.arange(tracks + 1) // tracks)
        places = []
        for i in np.flatnonzero(shares):
            track = self._tracks[i]
            here = np.linspace(0, self.starts[track] - 1, shares[i])
            places += [(track, int(start)) for start in here.round()]
        return places


def to_tensors(arrays: dict[str, np.ndarray]) -> Batch:
    """Arrays as models take them: floats become float32, integers int64."""
    kinds = {"f": torch.float32, "i": torch.int64}
    return {name: torch.from_numpy(array).to(kinds[array.dtype.kind]) for name, array in arrays.items()}
