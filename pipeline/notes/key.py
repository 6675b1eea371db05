"""Keys: a major or minor scale on a note, and how often each pitch class occurs in music.

Conventions
-----------
Pitch classes are 0 to 11, from C up by semitones. A histogram is float32 [12], the share of the notes of each pitch class. Without
notes all are 0, which is also how a model is told that no key is asked for.

The histogram of a key follows the ratings that listeners gave to how well each pitch class fits it, for the seven notes of the
major or natural minor scale alone: the ratings of the others are low, not nothing, and nobody who asks for a key asks for them. The
ratings tell C major from A minor, which have the same notes.

Source: Krumhansl and Kessler, "Tracing the dynamic changes in perceived tonal organization in a spatial representation of musical
keys" (Psychological Review 89, 1982).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pretty_midi import Note

CLASSES = 12
MAJOR, MINOR = "major", "minor"
RATINGS = {
    MAJOR: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    MINOR: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
SCALES = {MAJOR: (0, 2, 4, 5, 7, 9, 11), MINOR: (0, 2, 3, 5, 7, 8, 10)}
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "#": 1, "b": -1}


@dataclass(frozen=True)
class Key:
    """A key: the pitch class of its tonic, and its mode, "major" or "minor"."""

    tonic: int
    mode: str

    @property
    def classes(self) -> list[int]:
        """The pitch classes of its scale, from the tonic up."""
        return [(self.tonic + step) % CLASSES for step in SCALES[self.mode]]

    @property
    def histogram(self) -> np.ndarray:
        found = np.zeros(CLASSES, np.float32)
        found[self.classes] = [RATINGS[self.mode][step] for step in SCALES[self.mode]]
        return found / found.sum()

    def holds(self, pitches: Iterable[int]) -> np.ndarray:
        """Which MIDI pitches belong to it: bool [pitches]."""
        return np.isin(np.array([*pitches], np.int64) % CLASSES, self.classes)


KEYS = [Key(tonic, mode) for mode in (MAJOR, MINOR) for tonic in range(CLASSES)]


def parse(text: str) -> Key:
    """The key that a text names: "C", "C major", "c minor", "F# minor", "Bb major".

    A small letter needs its mode, since alone it means minor to some.

    Raises:
        ValueError: it names none.
    """
    found = re.fullmatch(rf"([A-Ga-g])([#b]?)(?:\s+({MAJOR}|{MINOR}))?", text.strip())
    if not found or (found[1].islower() and not found[3]):
        raise ValueError('must be a note and its mode, as "C minor", "F# minor", "Bb major", or "C" for C major')
    return Key((LETTERS[found[1].upper()] + SIGNS[found[2]]) % CLASSES, found[3] or MAJOR)


def histogram(notes: Sequence[Note]) -> np.ndarray:
    """The histogram of some notes."""
    counts = np.bincount([note.pitch % CLASSES for note in notes], minlength=CLASSES)
    return (counts / max(len(notes), 1)).astype(np.float32)
