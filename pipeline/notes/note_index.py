"""A player's notes as one note index per spectrogram frame: the content of the paper's section 3.3.

Conventions
-----------
Frame i is at i / fps seconds, as in `pipeline.audio.spectrogram`. A note starts and ends at the frames nearest to its onset and
its end, with halves rounded up, and has at least one frame. Index 0 is a rest, 1 is lowest_midi, 2 is the semitone above, and so
on.

A frame has one note. A new note ends the one before it, which does not continue when the new note has ended. If several notes
start in one frame, the last to start is kept; of a chord, the highest. A note out of range becomes a rest that follows the same
rules. As in the paper, the index cannot tell a chord from a single note, nor a repeated note from a held one if no rest is
between them.

An annotated note becomes the semitone nearest to its mean pitch, with A4 = 440 Hz.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pretty_midi

from pipeline import params


@dataclass(frozen=True)
class Counts:
    """What became of the notes of a part.

    Attributes:
        notes: the number that start within the track.
        overlaps: the number of these that the next note cuts short, or leaves without a frame.
        out_of_range: the number of these that are below lowest_midi or above highest_midi and became rests.
        beyond_end: the number that start after the end of the track. They are not among `notes`.
    """

    notes: int
    overlaps: int
    out_of_range: int
    beyond_end: int


def annotated(table: np.ndarray) -> list[pretty_midi.Note]:
    """Annotated notes, float64 [notes, 3] = onset s, pitch Hz, duration s, as the notes of a part."""
    pitches = np.floor(69 + 12 * np.log2(table[:, 1] / 440) + 0.5).astype(int)
    return [
        pretty_midi.Note(64, int(pitch), onset_s, onset_s + duration_s)
        for pitch, (onset_s, _, duration_s) in zip(pitches, table.tolist(), strict=True)
    ]


def from_second(part: Sequence[pretty_midi.Note], start_s: float) -> list[pretty_midi.Note]:
    """The notes of a part, with times counted from start_s. The last note that starts before it is kept: it may still sound."""
    last = max((note for note in part if note.start < start_s), key=_order, default=None)
    kept = [note for note in part if note.start >= start_s or note is last]
    return [pretty_midi.Note(note.velocity, note.pitch, note.start - start_s, note.end - start_s) for note in kept]


def indices(
    part: Sequence[pretty_midi.Note], frames: int, fps: float, settings: params.Notes
) -> tuple[np.ndarray, np.ndarray, Counts]:
    """A part as one note index per frame, by the conventions above, with its onsets.

    Args:
        part: notes in any order, with onset and end in s and MIDI pitch. A note that starts before 0 s has no onset.
        frames: length of the track's spectrogram.
        fps: spectrogram frames per second.

    Returns:
        The index, int16 [frames], from 0 to settings.indices - 1.
        The onsets, bool [frames]: true where a note in range starts. The index alone does not show repeated notes.
        The counts of notes.
    """
    ordered = sorted(part, key=_order)
    pitches = np.array([note.pitch for note in ordered], np.int64)
    first = np.array([_nearest(note.start, fps) for note in ordered], np.int64)
    last = np.array(
        [max(_nearest(note.end, fps), start + 1) for note, start in zip(ordered, first, strict=True)], np.int64
    )
    within = first < frames
    pitches, first, last = pitches[within], first[within], last[within]
    in_range = (settings.lowest_midi <= pitches) & (pitches <= settings.highest_midi)

    ends = np.minimum(last, np.append(first[1:], frames))
    index, onsets = np.zeros(frames, np.int16), np.zeros(frames, bool)
    for pitch, begin, end in zip(pitches[in_range], first[in_range], ends[in_range], strict=True):
        index[max(begin, 0) : max(end, 0)] = pitch - settings.lowest_midi + 1
        if begin >= 0:
            onsets[begin] |= end > begin
    counts = Counts(
        notes=int((first >= 0).sum()),
        overlaps=int((last[:-1] > first[1:]).sum()),
        out_of_range=int((~in_range & (first >= 0)).sum()),
        beyond_end=int((~within).sum()),
    )
    return index, onsets, counts


def _order(note: pretty_midi.Note) -> tuple[float, int, float]:
    return note.start, note.pitch, note.end


def _nearest(time_s: float, fps: float) -> int:
    return int(np.floor(time_s * fps + 0.5))
