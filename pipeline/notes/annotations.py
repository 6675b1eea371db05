"""URMP's annotations of a player's recording: text files with one event per line, as numbers separated by blanks.

Notes_1_vn_01_Jupiter.txt   onset s, mean pitch Hz, duration s
F0s_1_vn_01_Jupiter.txt     time s, pitch Hz, 0 where nothing sounds

Source: Li, Liu, Dinesh, Duan, Sharma, "Creating a Multitrack Classical Music Performance Dataset" (IEEE TMM 2019).
"""

from pathlib import Path

import numpy as np

from pipeline.errors import FileError

MAX_BYTES = 16 * 2**20  # enough for hours of pitches and days of notes
LONGEST_S = 86400.0  # a longer time or duration is a mistake in the file


def read_notes(path: str | Path) -> np.ndarray:
    """A player's notes in the order of their onsets: float64 [notes, 3] = onset s, pitch Hz, duration s.

    Raises:
        FileError: the file cannot be read, has no notes, or has a line that is not a note.
    """
    rows, lines = _read(path, ("onset s", "pitch Hz", "duration s"))
    _refuse(path, lines, rows[:, 0] < 0, "its onset is negative")
    _refuse(path, lines, rows[:, 1] <= 0, "its pitch is not above 0 Hz")
    _refuse(path, lines, rows[:, 2] <= 0, "its duration is not above 0 s")
    _refuse(path, lines, np.maximum(rows[:, 0], rows[:, 2]) > LONGEST_S, "its onset or duration is longer than a day")
    return rows[np.argsort(rows[:, 0], kind="stable")]


def read_f0s(path: str | Path) -> np.ndarray:
    """A player's pitch over time: float64 [rows, 2] = time s (strictly increasing), pitch Hz (0 where nothing sounds).

    Raises:
        FileError: the file cannot be read, is empty, or has a line that is not a pitch.
    """
    rows, lines = _read(path, ("time s", "pitch Hz"))
    _refuse(path, lines, rows[:, 0] < 0, "its time is negative")
    _refuse(path, lines, rows[:, 1] < 0, "its pitch is negative")
    _refuse(path, lines, np.diff(rows[:, 0], prepend=-1.0) <= 0, "its time is not after that of the line before")
    return rows


def _unusable(path: str | Path, what: str) -> FileError:
    return FileError(path, what, "replace it with a whole copy, or delete it to take the notes of the score")


def _read(path: str | Path, columns: tuple[str, ...]) -> tuple[np.ndarray, list[int]]:
    """The numbers in a file, float64 [rows, columns], all finite; and the line number of each row, from 1."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"larger than {MAX_BYTES // 2**20} MiB, which no annotation is")
    rows, lines = [], []
    # Bytes outside ASCII become characters that `float` refuses. Windows editors may write a byte order mark: it is dropped.
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace").splitlines(), 1):
        if not (fields := line.split()):
            continue
        try:
            row = [float(field) for field in fields]
        except ValueError:
            raise _unusable(path, f"line {number} is not numbers ({line.strip()[:40]!r})") from None
        if len(row) != len(columns):
            raise _unusable(path, f"line {number} has {len(row)} numbers, not {len(columns)}: {', '.join(columns)}")
        rows.append(row)
        lines.append(number)
    if not rows:
        raise _unusable(path, f"nothing in it where lines of {', '.join(columns)} belong")
    table = np.array(rows)
    _refuse(path, lines, ~np.isfinite(table).all(axis=1), "NaN or infinite")
    return table, lines


def _refuse(path: str | Path, lines: list[int], wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        count = f" and {wrong.sum() - 1} more" if wrong.sum() > 1 else ""
        raise _unusable(path, f"line {lines[int(wrong.argmax())]}{count}: {what}")
