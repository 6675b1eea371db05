"""The parts of a MIDI file: the notes of each player.

Known limits: a MIDI file is assumed to be aligned with the recording. URMP's MIDI files are scores and need not be aligned, so
URMP's notes are read from its annotations. `pretty_midi` drops a note that has no end.
"""

import io
import re
import warnings
from pathlib import Path

import mido
import pretty_midi

from pipeline.errors import FileError

MAX_BYTES = 2 * 2**20  # about 250 000 notes, which take seconds and 300 MiB to read
# A number in MIDI has four bytes at most, and its last byte is below 128. mido reads until it finds that byte, in a time that
# grows with the square of the length: a long damaged stretch would take hours.
ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{1000}")
DRUMS = 9  # the channel, counted from 0


def parts(path: str | Path, players: int) -> list[list[pretty_midi.Note]]:
    """The notes of each part of a MIDI file. Times are in seconds, with the tempo map applied.

    Each MIDI track with notes is a part, in the order of the file. If all notes are in one track, as in format 0, each channel
    with notes is a part, in the order of the channel numbers. Drums are not a part. A program change within a track, for example
    to pizzicato, does not start a new part.

    Args:
        players: the smallest number of parts that is accepted.

    Raises:
        FileError: the file cannot be read, is not MIDI, is damaged, has no common clock, or has fewer parts than players.
    """
    file = _read(path)
    _give_each_part_one_program(file)
    try:
        with warnings.catch_warnings():
            # pretty_midi warns of tempo changes outside the first track, which _read refuses, and of key signatures, not used here.
            warnings.simplefilter("ignore", RuntimeWarning)
            score = pretty_midi.PrettyMIDI(mido_object=file)
    except Exception as error:  # pretty_midi has no error class, and fails on damage in many ways
        raise _damaged(path, error) from None
    instruments = [instrument for instrument in score.instruments if instrument.notes and not instrument.is_drum]
    if not instruments:
        raise _unusable(path, "no notes in it")
    if len(instruments) < players:
        raise _unusable(path, f"{len(instruments)} part{'s' * (len(instruments) > 1)} in it for {players} players")
    return [instrument.notes for instrument in sorted(instruments, key=lambda instrument: instrument.program)]


def _read(path: str | Path) -> mido.MidiFile:
    try:
        with open(path, "rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    if not content:
        raise _unusable(path, "empty, 0 bytes")
    if not content.startswith(b"MThd"):
        raise _unusable(path, "no MIDI file")
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"larger than {MAX_BYTES // 2**20} MiB, which no score is")
    if ENDLESS_NUMBER.search(content):
        raise _unusable(path, "damaged (a number without an end)")
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except Exception as error:  # depends on the damage: EOFError, OSError, ValueError, KeyError …
        raise _damaged(path, error) from None
    # pretty_midi would read these files, but with wrong times.
    if file.type not in (0, 1):
        raise _unusable(path, f"of MIDI format {file.type}, whose tracks have no common clock")
    if file.ticks_per_beat <= 0:
        raise _unusable(path, "its times are not in beats")
    if any(message.type == "set_tempo" for track in file.tracks[1:] for message in track):
        raise _unusable(path, "tempo changes outside of its first track")
    return file


def _unusable(path: str | Path, what: str) -> FileError:
    return FileError(
        path, what, "replace it with a whole copy in MIDI format 1 with a part for each player, or delete it"
    )


def _damaged(path: str | Path, error: Exception) -> FileError:
    if isinstance(error, EOFError):
        return _unusable(path, "damaged (it ends too early)")
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return _unusable(path, f"damaged ({reason})")


def _give_each_part_one_program(file: mido.MidiFile) -> None:
    """Make `pretty_midi` see each part as one instrument. It separates instruments by track, channel and program.

    Notation software may give pizzicato its own channel or program, which would make it a part and change the order of the
    others. The channel number is written as the program, so that instruments can be sorted by channel.
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
