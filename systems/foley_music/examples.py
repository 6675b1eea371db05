"""Windows of movement with the tokens of their notes, as the event transformer takes them."""

from collections.abc import Iterable, Sequence

import numpy as np
from pretty_midi import Note

from pipeline.dataset.artifacts import MOTION
from pipeline.dataset.artifacts import NOTES as NOTE_INDICES
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, Source, Windows
from pipeline.notes import key, note_table
from pipeline.notes.events import Code
from pipeline.params import Params

NEAR_S = 0.06  # s: a frame of movement farther from an onset than this does not show it


def on_movement(motion: Shards, names: Iterable[str], settings: Params) -> Windows:
    """Windows that start on any frame of movement."""
    source = Source(motion, "motion", settings.motion.fps)
    return Windows({"motion": source}, sorted(names), settings.windows.duration_s)


def as_generated(names: Sequence[str], settings: Params) -> Windows:
    """Windows that start on frames of sound: with `spread(generate.samples)`, those for which the other models generate.

    If nobody has written down the notes of any of the tracks, they start on frames of movement.
    """
    indices = Shards(NOTE_INDICES)
    if not any(track in indices for track in names):
        return on_movement(Shards(MOTION), names, settings)
    sources = {
        "notes": Source(indices, "notes", settings.audio.fps),
        "motion": Source(Shards(MOTION), "motion", settings.motion.fps, between=True),
    }
    return Windows(sources, names, settings.windows.duration_s)


def notes_at(windows: Windows, places: Places, notes: dict[str, list[Note]], duration_s: float) -> list[list[Note]]:
    """The notes of each window."""
    return [note_table.window(notes.get(track, []), start / windows.fps, duration_s) for track, start in places]


def tokens(notes: Sequence[Sequence[Note]], code: Code, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of windows, int64 [windows, T], and the clock before each, float32 [windows, T]. T is that of the longest."""
    rows = np.stack([code.encode(each, duration_s) for each in notes]).astype(np.int64)
    rows = rows[:, : (rows != code.padding).sum(1).max()]
    return rows, code.clock(rows)


def keys(notes: Sequence[Sequence[Note]]) -> np.ndarray:
    """The histogram of the pitch classes of each window: float32 [windows, 12]."""
    return np.stack([key.histogram(each) for each in notes])


def key_asked(number: int) -> key.Key:
    """The key that is asked for in a generated window, by its number."""
    return key.KEYS[number % len(key.KEYS)]


def onsets(notes: Sequence[Sequence[Note]], frames: int, fps: float) -> np.ndarray:
    """How near an onset is to each frame of movement: float32 [windows, frames], 1 at an onset, 0 from `NEAR_S` on."""
    near = np.zeros((len(notes), frames), np.float32)
    for row, each in zip(near, notes, strict=True):
        for note in each:
            np.maximum(row, 1 - np.abs(np.arange(frames) / fps - note.start) / NEAR_S, out=row)
    return near
