"""A player's notes as one note index a spectrogram frame: the content of the paper's section 3.3.

Conventions
-----------
Frame i lies at i / fps seconds, as in `pipeline.audio.spectrogram`. A note begins and ends at the frames nearest to its onset and
its end, halves rounded up, and has one frame at least. Index 0 is a rest, 1 is lowest_midi, 2 the semitone above, and so on.
A step holds one note: a later note ends an earlier one at its onset, and the earlier does not go on when the later has
ended; of notes that begin in one frame the last to begin is kept, of a chord the highest. A note out of range is a rest that
does the same. So a chord, and a note that is struck again without a rest between, cannot be told apart from a single note,
as in the paper.

An annotated note counts as the semitone nearest to its mean pitch, A4 = 440 Hz.
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
        notes: those that begin within the track.
        overlaps: of these, those that the next note ends early, or leaves no frame.
        out_of_range: of these, those below lowest_midi or above highest_midi, which became rests.
        beyond_end: those that lie wholly beyond the end of the track; not among `notes`.
    """

    notes: int
    overlaps: int
    out_of_range: int
    beyond_end: int


def annotated(table: np.ndarray) -> list[pretty_midi.Note]:
    """The notes of an annotation, float64 [notes, 3] = onset s, pitch Hz, duration s, as those of a part."""
    pitches = np.floor(69 + 12 * np.log2(table[:, 1] / 440) + 0.5).astype(int)
    return [
        pretty_midi.Note(64, int(pitch), onset_s, onset_s + duration_s)
        for pitch, (onset_s, _, duration_s) in zip(pitches, table.tolist(), strict=True)
    ]


def from_second(part: Sequence[pretty_midi.Note], start_s: float) -> list[pretty_midi.Note]:
    """The notes of a part with their times from start_s on. Of those that begin before, the last is kept: it may go on."""
    last = max((note for note in part if note.start < start_s), key=_order, default=None)
    kept = [note for note in part if note.start >= start_s or note is last]
    return [pretty_midi.Note(note.velocity, note.pitch, note.start - start_s, note.end - start_s) for note in kept]


def indices(
    part: Sequence[pretty_midi.Note], frames: int, fps: float, settings: params.Notes
) -> tuple[np.ndarray, np.ndarray, Counts]:
    """A part as one note index a frame, by the conventions above, and where its notes begin.

    Args:
        part: its notes, in any order, with onset and end in s and MIDI pitch. One that begins below 0 has no onset here.
        frames: length of the track's spectrogram.
        fps: spectrogram frames a second.

    Returns:
        int16 [frames], from 0 to settings.indices - 1; bool [frames], where a note in range begins, for the evaluation of
        onsets: the index alone does not show a note that is struck again; and what became of the notes.
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
