"""The notes of a corpus as a table: a row a note, from whatever the corpus says of its notes.

track, onset_s, duration_s, pitch (MIDI), velocity (1 to 127), source: "annotated" notes follow the recording; those of a "midi"
follow the score; "heard" notes were heard in the sound, with errors, and are no truth to judge by. Onsets count from the start of
the track.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pretty_midi import Note

HEARD = "heard"  # a source
COLUMNS = {
    "track": "str",
    "onset_s": "float64",
    "duration_s": "float64",
    "pitch": "int16",
    "velocity": "int16",
    "source": "str",
}


def rows(track: str, notes: Sequence[Note], source: str) -> pd.DataFrame:
    """The rows of a track's notes, by their onsets."""
    ordered = sorted(notes, key=lambda note: (note.start, note.pitch))
    values = [(track, note.start, note.end - note.start, note.pitch, note.velocity, source) for note in ordered]
    return pd.DataFrame(values, columns=list(COLUMNS)).astype(COLUMNS)


def read(path: Path) -> dict[str, list[Note]]:
    """Track → its notes, by their onsets."""
    table = pd.read_parquet(path)
    columns = (table.track, table.onset_s, table.duration_s, table.pitch, table.velocity)
    found: dict[str, list[Note]] = {}
    for track, onset_s, duration_s, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        found.setdefault(track, []).append(Note(velocity, pitch, onset_s, onset_s + duration_s))
    return found


def heard(path: Path) -> set[str]:
    """The tracks whose notes were heard in their sound."""
    table = pd.read_parquet(path, columns=["track", "source"])
    return set(table.track[table.source == HEARD])


def window(notes: Sequence[Note], start_s: float, duration_s: float) -> list[Note]:
    """The notes that start within a window, with times counted from its start; none ends after it."""
    end_s = start_s + duration_s
    return [
        Note(note.velocity, note.pitch, note.start - start_s, min(note.end, end_s) - start_s)
        for note in notes
        if start_s <= note.start < end_s
    ]
