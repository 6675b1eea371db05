"""A player's notes, annotated or from a MIDI file, as one note index a spectrogram frame: the content of the paper's section 3.3.

Conventions
-----------
Frame i lies at i / fps seconds, as in pipeline/spectrogram.py. A note begins and ends at the frames nearest to its onset and
its end, halves rounded up, and has one frame at least. Index 0 is a rest, 1 is lowest_midi, 2 the semitone above, and so on.
A step holds one note: a later note ends an earlier one at its onset, and the earlier does not go on when the later has
ended; of notes that begin in one frame the last to begin is kept, of a chord the highest. A note out of range is a rest that
does the same. So a chord, and a note that is struck again without a rest between, cannot be told apart from a single note,
as in the paper.

An annotated note counts as the semitone nearest to its mean pitch, A4 = 440 Hz.

Known limits: a MIDI file is taken to be aligned with the recording. URMP's is the score, and need not be: its notes come from
its annotations. A note without an end in a MIDI file is dropped by `pretty_midi`.
"""

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import pretty_midi

from pipeline import params
from pipeline.media import shown

MAX_BYTES = 2 * 2**20  # some 250 000 notes, which take seconds and 300 MiB to read
# A number in MIDI ends with a byte below 128, and has four bytes at most. mido reads on until it ends, in a time that grows
# with the square of the bytes: a damaged stretch of them would keep it for hours.
ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{1000}")
DRUMS = 9  # the channel, counted from 0


class MidiError(ValueError):
    """A MIDI file that cannot be used. `what` says what is wrong; the message also names the file."""

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(path, what)
        self.what = what

    def __str__(self) -> str:
        return f"{shown(self.args[0])}: {self.what}"


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


def parts(path: str | Path, players: int) -> list[list[pretty_midi.Note]]:
    """The notes of each part of a MIDI file, in seconds; the tempo map is applied.

    A part is a MIDI track that has notes, in the file's order; in a file with all notes in one track, as in format 0, it is a
    channel, in their order. Drums are no part. A change of programme, as to pizzicato, does not begin another part.

    Args:
        players: how many parts there have to be; there may be more.

    Raises:
        MidiError: the file cannot be read, is no MIDI, is damaged, has no common clock, or has fewer parts than players.
    """
    file = _read(path)
    _give_each_part_one_program(file)
    try:
        with warnings.catch_warnings():
            # Of tempo changes outside of the first track, refused by _read, and of key signatures, of no use here.
            warnings.simplefilter("ignore", RuntimeWarning)
            score = pretty_midi.PrettyMIDI(mido_object=file)
    except Exception as error:  # pretty_midi has no error of its own, and fails on damage in many ways
        raise _damaged(path, error) from None
    instruments = [instrument for instrument in score.instruments if instrument.notes and not instrument.is_drum]
    if not instruments:
        raise MidiError(path, "no notes in it")
    if len(instruments) < players:
        raise MidiError(path, f"{len(instruments)} part{'s' * (len(instruments) > 1)} in it for {players} players")
    return [instrument.notes for instrument in sorted(instruments, key=lambda instrument: instrument.program)]


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


def _read(path: str | Path) -> mido.MidiFile:
    try:
        with open(path, "rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise MidiError(path, f"cannot be read ({error.strerror})") from None
    if not content:
        raise MidiError(path, "empty, 0 bytes")
    if not content.startswith(b"MThd"):
        raise MidiError(path, "no MIDI file")
    if len(content) > MAX_BYTES:
        raise MidiError(path, f"larger than {MAX_BYTES // 2**20} MiB, which no score is")
    if ENDLESS_NUMBER.search(content):
        raise MidiError(path, "damaged (a number without an end)")
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except Exception as error:  # as many kinds as there are kinds of damage: EOFError, OSError, ValueError, KeyError …
        raise _damaged(path, error) from None
    # These pretty_midi would read, and give wrong seconds.
    if file.type not in (0, 1):
        raise MidiError(path, f"of MIDI format {file.type}, whose tracks have no common clock")
    if file.ticks_per_beat <= 0:
        raise MidiError(path, "its times are not in beats")
    if any(message.type == "set_tempo" for track in file.tracks[1:] for message in track):
        raise MidiError(path, "tempo changes outside of its first track")
    return file


def _damaged(path: str | Path, error: Exception) -> MidiError:
    if isinstance(error, EOFError):
        return MidiError(path, "damaged (it ends too early)")
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return MidiError(path, f"damaged ({reason})")


def _give_each_part_one_program(file: mido.MidiFile) -> None:
    """Make `pretty_midi` see each part as one instrument: it tells instruments by track, channel and program.

    Notation programs give pizzicato a channel or a program of its own; the second player's part must stay the second. With
    the channel's number for a program, instruments can be put into the order of the channels.
    """
    a_track_a_part = sum(any(_is_note(message) for message in track) for track in file.tracks) > 1
    for track in file.tracks:
        for message in track:
            if a_track_a_part and getattr(message, "channel", DRUMS) != DRUMS:
                message.channel = 0
            if message.type == "program_change":
                message.program = message.channel
        track[:0] = [mido.Message("program_change", channel=channel, program=channel) for channel in range(16)]


def _is_note(message: mido.Message) -> bool:
    return message.type == "note_on" and message.velocity > 0 and message.channel != DRUMS
