"""The parts of a MIDI file: the notes of each track, or of each channel.

Files in the wild break the letter of the standard in places that no note depends on: a key of eight flats, a vendor's chunk, a
wrong number of tracks, a wrapper of another format. Libraries refuse such a file as a whole. Here only notes, programs and tempi
are read, and all else is stepped over, whatever it says.

Source: MIDI Manufacturers Association, "Standard MIDI Files 1.0" (RP-001).
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pretty_midi import Note

from pipeline.errors import FileError

ADVICE = "replace it with a whole copy in MIDI format 1 with a part for each player, or delete it"
MAX_BYTES = 2 * 2**20  # about 250 000 notes, which take seconds to read
HEAD_BYTES = 1024  # the file may begin within another format (RIFF, MacBinary), whose header is shorter than this
DRUMS = 9  # the channel, counted from 0
SECONDS_A_BEAT = 0.5  # until the first tempo
DATA_BYTES = {0xC: 1, 0xD: 1}  # of the messages of a channel by the upper half of the status; all others have 2
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # of the system messages that should not be in a file; all others have none


@dataclass(frozen=True)
class Part:
    """The notes of one track or channel, in s, in the order of their onsets; and the program that it starts with, 0 to 127."""

    notes: list[Note]
    program: int


@dataclass
class Events:
    """What is read of a track, at times in ticks.

    Attributes:
        tempi: time, and s a beat.
        strikes: time, channel, pitch, and velocity; velocity 0 ends a note.
        programs: the first program of each channel.
        end: time of the last event.
    """

    tempi: list[tuple[int, float]]
    strikes: list[tuple[int, int, int, int]]
    programs: dict[int, int]
    end: int


def parts(path: str | Path) -> list[Part]:
    """The parts of a MIDI file. Times are in seconds, with the tempo map applied.

    Each MIDI track with notes is a part, in the order of the file. If all notes are in one track, as in format 0, each channel
    with notes is a part, in the order of the channel numbers. Drums are not a part. A note is ended by the end of the same pitch
    in the same track and channel. If that pitch was struck again before, the first end is that of the first note. A note without
    an end lasts to the end of its track.

    Raises:
        FileError: the file cannot be read, is not MIDI, is damaged, has no common clock, or has no notes with a pitch.
    """
    content = _content(path)
    try:
        kind, division, tracks = _chunks(content)
        events = [_events(data, whole) for data, whole in tracks]
    except _Damage as damage:
        raise _unusable(path, f"damaged ({damage})") from None
    if kind > 1:
        raise _unusable(path, f"of MIDI format {kind}, whose tracks have no common clock")
    # Ticks of a beat; or, with the highest bit, ticks of a frame in the lower byte.
    if not division & (0xFF if division & 0x8000 else 0x7FFF):
        raise _unusable(path, "its clock has no ticks")
    seconds = _clock(division, sorted((tempo for track in events for tempo in track.tempi), key=lambda tempo: tempo[0]))
    struck = [
        track for track in events if any(velocity and channel != DRUMS for _, channel, _, velocity in track.strikes)
    ]
    if not struck:
        drums = any(track.strikes for track in events)
        raise _unusable(path, "only drums in it (channel 10), which have no pitch" if drums else "no notes in it")
    found = [_notes(track, seconds) for track in struck]
    if len(found) == 1:
        return [Part(found[0][channel], struck[0].programs.get(channel, 0)) for channel in sorted(found[0])]
    return [
        Part(
            sorted((note for notes in by_channel.values() for note in notes), key=lambda note: note.start),
            track.programs.get(min(by_channel), 0),
        )
        for track, by_channel in zip(struck, found, strict=True)
    ]


class _Damage(ValueError):
    """What is wrong with the bytes."""


def _content(path: str | Path) -> bytes:
    """The bytes from the header of the MIDI file on."""
    try:
        with open(path, "rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    if not content:
        raise _unusable(path, "empty, 0 bytes")
    begin = content.find(b"MThd", 0, HEAD_BYTES)
    if begin < 0:
        raise _unusable(path, "no MIDI file")
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"larger than {MAX_BYTES // 2**20} MiB, which no score is")
    return content[begin:]


def _chunks(content: bytes) -> tuple[int, int, list[tuple[bytes, bool]]]:
    """The format, the division, and the bytes of each track, and whether they are all there. Other chunks are stepped over."""
    place, header, tracks = 0, b"", []
    while place + 8 <= len(content):
        name, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "big")
        data = content[place + 8 : place + 8 + size]
        if name == b"MThd":
            header = header or data
        elif name == b"MTrk":
            tracks.append((data, len(data) == size))
        place += 8 + size
    if len(header) < 6:
        raise _Damage("it ends too early")
    if not tracks:
        raise _Damage("no track in it")
    return int.from_bytes(header[:2], "big"), int.from_bytes(header[4:6], "big"), tracks


def _events(data: bytes, whole: bool) -> Events:
    """The events of a track. A track that is not whole must say itself where it ends."""
    found = Events([], [], {}, 0)
    place = tick = status = 0
    try:
        while place < len(data):
            delta, place = _number(data, place)
            tick += delta
            if place == len(data) and whole:
                break  # a time without an event
            if data[place] >= 0x80:
                status_here, place = data[place], place + 1
            else:
                status_here = status
                if not status:
                    raise _Damage(f"byte {place} of a track is no event")
            if status_here in (0xFF, 0xF0, 0xF7):
                kind = data[place] if status_here == 0xFF else -1
                size, place = _number(data, place + (status_here == 0xFF))
                value, place = data[place : place + size], place + size
                if kind == 0x2F:
                    found.end = tick
                    return found
                if place > len(data):
                    raise IndexError
                if kind == 0x51 and len(value) >= 3:
                    beat_s = int.from_bytes(value[:3], "big") / 1e6
                    if not beat_s:
                        raise _Damage("a beat of 0 s")
                    found.tempi.append((tick, beat_s))
            elif status_here > 0xF0:
                place += SYSTEM_BYTES.get(status_here, 0)
            else:
                status, upper, channel = status_here, status_here >> 4, status_here & 0xF
                first, last = data[place], data[place + DATA_BYTES.get(upper, 2) - 1]
                place += DATA_BYTES.get(upper, 2)
                if upper in (0x8, 0x9):
                    if first > 127:
                        raise _Damage(f"a note of pitch {first}")
                    found.strikes.append((tick, channel, first, last if upper == 0x9 else 0))
                elif upper == 0xC:
                    found.programs.setdefault(channel, first)
    except IndexError:
        raise _Damage("it ends too early") from None
    if not whole:
        raise _Damage("it ends too early")
    found.end = tick
    return found


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of one to four bytes, and the place after it. Each byte but the last has its highest bit set."""
    value = 0
    for last in range(place, place + 4):
        value = value << 7 | data[last] & 0x7F
        if data[last] < 0x80:
            return value, last + 1
    raise _Damage("a number without an end")


def _clock(division: int, tempi: list[tuple[int, float]]) -> Callable[[int], float]:
    """From a time in ticks to seconds.

    Args:
        division: of the header: the ticks of a beat; or, with its highest bit, frames a second (negative) and the ticks of a frame.
        tempi: time in ticks and s a beat, in the order of their times. Of several at one time, the last counts.
    """
    if division & 0x8000:
        fps, ticks = 256 - (division >> 8), division & 0xFF
        tick_s = 1 / ((30000 / 1001 if fps == 29 else fps) * ticks)  # 29 means 29.97
        return lambda tick: tick * tick_s
    changes, starts_s, lengths_s = [0], [0.0], [SECONDS_A_BEAT / division]
    for tick, beat_s in tempi:
        starts_s.append(starts_s[-1] + (tick - changes[-1]) * lengths_s[-1])
        changes.append(tick)
        lengths_s.append(beat_s / division)

    def seconds(tick: int) -> float:
        last = bisect_right(changes, tick) - 1
        return starts_s[last] + (tick - changes[last]) * lengths_s[last]

    return seconds


def _notes(track: Events, seconds: Callable[[int], float]) -> dict[int, list[Note]]:
    """The notes of each channel of a track, in the order of their onsets."""
    found: dict[int, list[Note]] = defaultdict(list)
    sounding: dict[tuple[int, int], deque[Note]] = defaultdict(deque)
    for tick, channel, pitch, velocity in track.strikes:
        if channel == DRUMS:
            continue
        if velocity:
            note = Note(velocity, pitch, seconds(tick), seconds(track.end))
            found[channel].append(note)
            sounding[channel, pitch].append(note)
        elif sounding[channel, pitch]:
            sounding[channel, pitch].popleft().end = seconds(tick)
    return found


def _unusable(path: str | Path, what: str) -> FileError:
    return FileError(path, what, ADVICE)
