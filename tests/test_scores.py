"""MIDI files as people have them: oddities that no note depends on are read, damage has its true name, each player has a part."""

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretty_midi import Note

from pipeline.errors import FileError
from pipeline.notes import midi, score
from pipeline.params import Notes

Strike = tuple[int, bytes]  # time in ticks, and the bytes of an event


def number(value: int) -> bytes:
    """A number as MIDI writes it."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def track(events: Sequence[Strike], *, running: bool = False) -> bytes:
    """A track of events in any order; events of one time stay in theirs. `running` leaves out a status that is the one before."""
    data, now, status = b"", 0, -1
    for tick, event in sorted(events, key=lambda event: event[0]):
        data += number(tick - now)
        data += event[1:] if running and event[0] == status and event[0] < 0xF0 else event
        now, status = tick, event[0] if event[0] < 0xF0 else -1
    return data + b"\x00\xff\x2f\x00"


def file(tracks: Sequence[bytes], *, kind: int = 1, division: int = 480, count: int | None = None) -> bytes:
    header = b"MThd" + struct.pack(">LHHH", 6, kind, len(tracks) if count is None else count, division & 0xFFFF)
    return header + b"".join(b"MTrk" + struct.pack(">L", len(data)) + data for data in tracks)


def note(start: int, end: int, pitch: int, channel: int = 0) -> list[Strike]:
    return [(start, bytes([0x90 | channel, pitch, 64])), (end, bytes([0x80 | channel, pitch, 0]))]


def tempo(tick: int, microseconds: int) -> Strike:
    return tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def program(channel: int, number: int) -> Strike:
    return 0, bytes([0xC0 | channel, number])


def read(path: Path, content: bytes) -> list[list[tuple[int, float, float]]]:
    """Pitch, onset and end in s of each note of each part."""
    path.write_bytes(content)
    return [
        [(each.pitch, round(each.start, 6), round(each.end, 6)) for each in part.notes] for part in midi.parts(path)
    ]


MIDDLE_C = note(0, 480, 60)
PLAIN = file([track(MIDDLE_C)])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(file([track([(0, b"\xff\x59\x02\xf8\x00"), *MIDDLE_C])]), id="key_of_eight_flats"),
        pytest.param(file([track([(0, b"\xff\x59\x02\x63\x07"), *MIDDLE_C])]), id="key_of_99_sharps"),
        pytest.param(file([track([(0, b"\xff\x58\x00"), *MIDDLE_C])]), id="time_signature_without_values"),
        pytest.param(
            file([track([(0, b"\xff\x54\x05\x60\x99\x99\x99\x99"), *MIDDLE_C])]), id="smpte_offset_of_no_time"
        ),
        pytest.param(file([track([(0, b"\xff\x03\x04\xff\xfe\xfd\xfc"), *MIDDLE_C])]), id="name_that_is_no_text"),
        pytest.param(file([track([(0, b"\xff\x7f\x03abc"), *MIDDLE_C])]), id="vendor_event"),
        pytest.param(file([track([(0, b"\xb0\x07\xff"), *MIDDLE_C])]), id="controller_of_255"),
        pytest.param(file([track([(0, b"\xf0\x03\x01\x02\xf7"), *MIDDLE_C])]), id="system_exclusive"),
        pytest.param(file([track([(0, b"\xf8"), (0, b"\xf2\x01\x02"), *MIDDLE_C])]), id="system_messages"),
        pytest.param(file([track(MIDDLE_C)], count=7), id="too_many_tracks_said"),
        pytest.param(file([track(MIDDLE_C)], count=0), id="no_tracks_said"),
        pytest.param(PLAIN[:14] + b"XFIH\x00\x00\x00\x04abcd" + PLAIN[14:], id="alien_chunk"),
        pytest.param(PLAIN + b"XFKM\x00\x00\x00\x04abcd", id="alien_chunk_at_the_end"),
        pytest.param(PLAIN + b"\x00\x00\x00", id="zeros_at_the_end"),
        pytest.param(PLAIN[:4] + b"\x00\x00\x00\x08" + PLAIN[8:14] + b"\x00\x00" + PLAIN[14:], id="longer_header"),
        pytest.param(
            b"RIFF" + struct.pack("<L", len(PLAIN) + 12) + b"RMIDdata" + struct.pack("<L", len(PLAIN)) + PLAIN,
            id="riff",
        ),
        pytest.param(b"\x00" * 128 + PLAIN, id="macbinary"),
        pytest.param(file([track(MIDDLE_C)[:-4]]), id="no_end_of_track"),
        pytest.param(
            file([track(MIDDLE_C)]).replace(b"\x00\x00\x00\x0d", b"\x00\x00\x00\x7f"), id="track_said_too_long"
        ),
        pytest.param(
            file([track([tempo(0, 500_000)]), track([tempo(0, 500_000), *MIDDLE_C])]), id="tempo_in_every_track"
        ),
        pytest.param(file([track(note(0, 9600, 60))], division=9600), id="fine_clock"),
        pytest.param(file([track(note(0, 32767, 60))], division=32767), id="finest_clock"),
        pytest.param(file([track(note(0, 500, 60))], division=-(25 << 8) | 40), id="clock_of_pictures"),
        pytest.param(file([track(MIDDLE_C)], kind=0), id="format_0"),
        pytest.param(
            file([track([(0, b"\x99\x24\x40"), (9, b"\x89\x24\x00"), *MIDDLE_C])]), id="drums_in_the_same_track"
        ),
    ],
)
def test_what_no_note_depends_on_is_stepped_over(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path / "a.mid", content) == [[(60, 0.0, 0.5)]]


def test_a_struck_again_note_is_ended_by_its_own_end(tmp_path: Path) -> None:
    """Legato: each end comes 20 ms after the next onset of the same pitch, and lasts that long."""
    legato = [event for onset in range(4) for event in note(onset * 960, onset * 960 + 979, 60)]
    ((first, *_, last),) = read(tmp_path / "a.mid", file([track(legato)]))
    assert (first, last) == ((60, 0.0, round(979 / 960, 6)), (60, 3.0, round(3 + 979 / 960, 6)))


def test_a_note_is_ended_in_its_own_channel(tmp_path: Path) -> None:
    """A violin's part has pizzicato in a channel of its own."""
    violin = track([*note(0, 2880, 60, 0), *note(480, 960, 60, 1)])
    part, _ = read(tmp_path / "a.mid", file([violin, track(note(0, 480, 48, 2))]))
    assert part == [(60, 0.0, 3.0), (60, 0.5, 1.0)]


def test_a_note_without_an_end_lasts_to_the_end_of_its_track(tmp_path: Path) -> None:
    (part,) = read(tmp_path / "a.mid", file([track([note(0, 480, 60)[0], *note(480, 960, 62)])]))
    assert part == [(60, 0.0, 1.0), (62, 0.5, 1.0)]


@dataclass(frozen=True)
class Drawn:
    """A score as it should be read: the content of a file, and the notes of each part."""

    content: bytes
    parts: list[list[tuple[int, float, float]]]


@st.composite
def scores(draw: st.DrawFn) -> Drawn:
    """Files of any type, clock and tempo map, with strange events between the notes; no two notes of one pitch overlap."""
    kind = draw(st.sampled_from([0, 1]))
    fps = draw(st.sampled_from([0, 24, 25, 29, 30]))
    clock = draw(st.sampled_from([1, 24, 96, 480, 19200, 32767])) if not fps else draw(st.sampled_from([1, 4, 40, 100]))
    tempi = draw(st.dictionaries(st.integers(0, 2000), st.integers(1, 2**24 - 1), max_size=4))

    def seconds(tick: int) -> float:
        if fps:
            return tick / ((30000 / 1001 if fps == 29 else fps) * clock)
        beats_s = [
            tempi[max(at for at in tempi if at <= step)] if min(tempi, default=1e9) <= step else 500_000
            for step in range(tick)
        ]
        return sum(beats_s) / 1e6 / clock

    strange = st.sampled_from(
        [
            b"\xff\x59\x02\xf8\x00",
            b"\xff\x01\x01\xff",
            b"\xf0\x01\xf7",
            b"\xb3\x65\x7f",
            b"\xe0\x00\x40",
            b"\xff\x20\x01\x00",
        ]
    )
    tracks, parts = [], []
    channels = draw(st.lists(st.sampled_from([0, 1, 5, 15]), min_size=1, max_size=3, unique=True))
    for channel in sorted(channels):
        events, notes, now = [], [], 0
        for rest, length, pitch in draw(
            st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300), st.integers(0, 127)), min_size=1, max_size=5)
        ):
            start, end = now + rest, now + rest + length
            ends_with = draw(st.booleans())
            events.append((start, bytes([0x90 | channel, pitch, 80])))
            events.append((end, bytes([0x90 | channel, pitch, 0]) if ends_with else bytes([0x80 | channel, pitch, 64])))
            notes.append((pitch, seconds(start), seconds(end)))
            now = end
        events += [(draw(st.integers(0, now)), draw(strange)) for _ in range(draw(st.integers(0, 2)))]
        tracks.append(events)
        parts.append(notes)
    whose = draw(st.lists(st.integers(0, len(tracks) - 1), min_size=len(tempi), max_size=len(tempi)))
    for at, number_of in zip(tempi, whose, strict=True):
        tracks[number_of].append(tempo(at, tempi[at]))
    if kind == 0:
        tracks = [[event for events in tracks for event in events]]
    running = draw(st.booleans())
    # Tempi are put before what happens at their time.
    written = [
        track(sorted(events, key=lambda event: event[1][:2] != b"\xff\x51"), running=running) for events in tracks
    ]
    division = -(fps << 8) | clock if fps else clock
    return Drawn(file(written, kind=kind, division=division, count=draw(st.sampled_from([None, 0, 9]))), parts)


@given(scores())
def test_every_note_is_read_at_its_time(tmp_path_factory: pytest.TempPathFactory, drawn: Drawn) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.mid"
    path.write_bytes(drawn.content)
    found = midi.parts(path)
    assert [[each.pitch for each in part.notes] for part in found] == [
        [pitch for pitch, _, _ in part] for part in drawn.parts
    ]
    times = [time_s for part in found for each in part.notes for time_s in (each.start, each.end)]
    true = [time_s for part in drawn.parts for _, start_s, end_s in part for time_s in (start_s, end_s)]
    np.testing.assert_allclose(times, true, rtol=1e-9, atol=1e-9)


def test_ten_thousand_damaged_files_give_notes_or_one_sentence(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    strings = [
        event for string in range(6) for event in note(string * 200, string * 200 + 150, 40 + 5 * string, string)
    ]
    wholes = [
        file(
            [track([tempo(0, 400_000), *MIDDLE_C]), track([*note(0, 200, 48), program(1, 42), *note(100, 300, 50, 1)])]
        ),
        file([track(strings)], kind=0),
        b"RIFF" + struct.pack("<L", 99) + b"RMIDdata" + struct.pack("<L", len(PLAIN)) + PLAIN,
    ]
    path = tmp_path / "a.mid"
    sentences = []
    for number_of in range(10_000):
        content = bytearray(wholes[number_of % len(wholes)])
        for place in generator.integers(0, len(content), generator.integers(1, 5)):
            content[place] = generator.integers(0, 256)
        cut = generator.integers(0, len(content)) if generator.random() < 0.2 else len(content)
        path.write_bytes(content[:cut])
        begin = time.perf_counter()
        try:
            parts, _ = score.of_players(path, 1)
            score.in_frames(path, parts[0], 1, 375, 62.5, Notes(lowest_midi=21, highest_midi=108), to_end=True)
        except FileError as error:
            sentences.append(f"{error}; {error.advice}")
        assert time.perf_counter() - begin < 10
    assert 1000 < len(sentences) < 9000
    assert not any("\n" in sentence or sentence.endswith("; ") for sentence in sentences)


VIOLIN, PIANO = 40, 0


def duet(*programs: int) -> bytes:
    """A part for each program, one pitch each: 50, 51 and so on."""
    return file([track([program(0, each), *note(0, 480, 50 + place)]) for place, each in enumerate(programs)])


@pytest.mark.parametrize(
    ("programs", "players", "expected", "said"),
    [
        ((VIOLIN,), 1, [[50]], []),
        ((VIOLIN, 42), 2, [[50], [51]], []),
        ((PIANO, PIANO), 2, [[50], [51]], []),
        ((PIANO, PIANO), 1, [[50, 51]], ["2 parts in it for one player, who plays them all"]),
        ((VIOLIN, 42), 1, [[50, 51]], ["2 parts in it for one player, who plays them all"]),
        (
            (VIOLIN, PIANO, PIANO),
            2,
            [[50], [51, 52]],
            ["3 parts in it where 2 play; neighbours of one program were taken for one player's"],
        ),
        ((VIOLIN, 41, 42), 2, [[50], [51]], ["3 parts in it where 2 play; the first were taken"]),
    ],
)
def test_whose_part_is_whose(
    tmp_path: Path, programs: tuple[int, ...], players: int, expected: list[list[int]], said: list[str]
) -> None:
    (tmp_path / "a.mid").write_bytes(duet(*programs))
    parts, remarks = score.of_players(tmp_path / "a.mid", players)
    assert [[each.pitch for each in part] for part in parts] == expected
    assert [what for what, _ in remarks] == said
    assert all(advice for _, advice in remarks)


def test_the_strings_of_a_guitar_are_one_players(tmp_path: Path) -> None:
    """Guitar software writes each string to a channel of its own."""
    strings = [
        event for string in range(6) for event in note(string * 480, string * 480 + 400, 64 - 5 * string, string)
    ]
    (tmp_path / "a.mid").write_bytes(file([track(strings)], kind=0))
    (part,), remarks = score.of_players(tmp_path / "a.mid", 1)
    assert [each.pitch for each in part] == [64, 59, 54, 49, 44, 39]
    assert len(remarks) == 1


def test_a_score_beyond_the_video_is_refused(tmp_path: Path) -> None:
    late = [Note(64, 60, 30.0, 31.0)]
    with pytest.raises(FileError, match=r"player 2 has no note in it that is in range and within the recording"):
        score.in_frames(tmp_path / "a.mid", late, 2, 375, 62.5, Notes(lowest_midi=21, highest_midi=108), to_end=True)
