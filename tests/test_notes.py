"""Scores become one note index a frame: what is heard when is in the right frame, and nothing is lost without a count."""

import struct
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from make_media import blank, run_stage, tone, workplace, write_video, write_wav
from pretty_midi import Note

from pipeline.dataset.set_aside import read_set_aside
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import FileError
from pipeline.notes import midi, note_index, score
from pipeline.notes.note_index import Counts
from pipeline.params import Notes
from pipeline.studio import score as studio_score
from pipeline.studio.instruments import BY_CODE

ALL = Notes(lowest_midi=21, highest_midi=108)
FPS = 62.5

Event = tuple[int, int, int, int]  # onset and end in ticks, pitch, channel


def midi_file(
    path: Path, tracks: Sequence[Sequence[Event]], tempi: Sequence[tuple[int, float]] = (), **header: int
) -> Path:
    """A MIDI file, 100 ticks a beat, written without pretty_midi; tempi are (tick, beats a minute) in the first track."""
    file = mido.MidiFile(**({"ticks_per_beat": 100} | header))
    for number, track in enumerate(tracks):
        events = [(tick, 0, mido.MetaMessage("set_tempo", tempo=round(6e7 / bpm))) for tick, bpm in tempi if not number]
        for start, end, pitch, channel in track:
            events.append((start, 2, mido.Message("note_on", note=pitch, velocity=64, channel=channel)))
            events.append((end, 1, mido.Message("note_off", note=pitch, velocity=0, channel=channel)))
        now, written = 0, mido.MidiTrack()
        for tick, _, message in sorted(events, key=lambda event: event[:2]):
            written.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(written)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def test_golden(tmp_path: Path) -> None:
    """At 10 frames/s, first 120 beats/min, so 100 ticks are 0.5 s = 5 frames, then from tick 200 = 1 s on 60, so 10 frames."""
    first = [
        (0, 100, 60, 0),  # frames 0 to 4
        (200, 260, 62, 0),  # after a rest of 5 frames: 1.0 to 1.6 s, frames 10 to 15
        (240, 250, 64, 0),  # begins at 1.4 s within the one before, ends at 1.5 s; the one before does not go on
        (300, 320, 20, 0),  # 2.0 to 2.2 s, below the lowest: a rest
        (320, 321, 65, 0),  # 2.2 s, 10 ms: one frame
        (800, 900, 70, 0),  # 7 s: beyond the end
    ]
    path = midi_file(tmp_path / "duo.mid", [[], first, [(100, 240, 108, 3)]], tempi=[(0, 120), (200, 60)])
    one, two = (part.notes for part in midi.parts(path))
    index, onsets, counts = note_index.indices(one, 24, 10, ALL)
    assert index.dtype == np.int16
    assert onsets.nonzero()[0].tolist() == [0, 10, 14, 22]
    assert index.tolist() == [40] * 5 + [0] * 5 + [42] * 4 + [44] + [0] * 7 + [45] + [0]
    assert counts == Counts(notes=5, overlaps=1, out_of_range=1, beyond_end=1)
    index, _, counts = note_index.indices(two, 24, 10, ALL)
    assert index.tolist() == [0] * 5 + [88] * 9 + [0] * 10
    assert counts == Counts(notes=1, overlaps=0, out_of_range=0, beyond_end=0)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60), st.integers(19, 110)), max_size=12),
    st.integers(0, 70),
    st.integers(1, 80),
)
def test_a_stretch_has_the_notes_that_the_whole_has_there(
    events: list[tuple[int, int, int]], start: int, length: int
) -> None:
    """A shot's notes are the recording's, with what sounds on from before, and no note begins at a cut that did not before."""
    part = [Note(64, pitch, onset / 64, (onset + duration) / 64) for onset, duration, pitch in events]
    index, onsets, _ = note_index.indices(part, start + length, 16, ALL)
    moved = note_index.from_second(part, start / 16)
    cut_index, cut_onsets, counts = note_index.indices(moved, length, 16, ALL)
    assert cut_index.tolist() == index[start:].tolist()
    assert cut_onsets.tolist() == onsets[start:].tolist()
    assert counts.notes <= len(events)
    if not start:
        assert [(n.velocity, n.pitch, n.start, n.end) for n in moved] == [
            (n.velocity, n.pitch, n.start, n.end) for n in part
        ]


def slowly(part: list[Note], frames: int, fps: float, settings: Notes) -> list[int]:
    """The rule, frame by frame: the last note that has begun is heard until it ends, and none after it."""

    def nearest(time_s: float) -> int:
        return min(range(frames + 2), key=lambda frame: (abs(frame - time_s * fps), -frame))

    index = []
    for frame in range(frames):
        begun = [note for note in part if nearest(note.start) <= frame]
        last = max(begun, key=lambda note: (note.start, note.pitch, note.end), default=None)
        sounds = last is not None and (frame < nearest(last.end) or frame == nearest(last.start))
        in_range = sounds and settings.lowest_midi <= last.pitch <= settings.highest_midi
        index.append(last.pitch - settings.lowest_midi + 1 if in_range else 0)
    return index


# Times on a grid of eighths of a frame, that halves of a frame and equal onsets are met.
@st.composite
def parts_of_eighths(draw: st.DrawFn) -> list[Note]:
    notes_drawn = draw(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60), st.integers(0, 127)), max_size=12))
    return [Note(64, pitch, start / 8, (start + length) / 8) for start, length, pitch in notes_drawn]


@given(parts_of_eighths(), st.integers(1, 24))
@example([], 5)
@example([Note(64, 60, 0, 2), Note(64, 60, 0, 1)], 4)
@example([Note(64, 60, 0, 10), Note(64, 60, 2, 3)], 12)
def test_every_frame_has_the_note_that_the_rule_gives(part: list[Note], frames: int) -> None:
    settings = Notes(lowest_midi=40, highest_midi=90)
    index, _, counts = note_index.indices(part, frames, 1.0, settings)
    assert index.tolist() == slowly(part, frames, 1.0, settings)
    assert counts.notes + counts.beyond_end == len(part)
    assert counts.overlaps <= max(counts.notes - 1, 0)
    assert counts.out_of_range <= counts.notes


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40), st.integers(21, 108)), min_size=1, max_size=30))
def test_a_note_without_an_overlap_is_never_lost(drawn: list[tuple[int, int, int]]) -> None:
    """Each rest and each length, in hundredths of a second, down to 10 ms: shorter than a frame of 16 ms."""
    part, now = [], 0
    for rest, length, pitch in drawn:
        part.append(Note(64, pitch, (now + 2 + rest) / 100, (now + 2 + rest + length) / 100))
        now += 2 + rest + length
    index, _, counts = note_index.indices(part, round(now / 100 * FPS) + 2, FPS, ALL)
    assert (counts.notes, counts.overlaps) == (len(part), 0)
    for note in part:
        before = int(note.start * FPS)
        assert note.pitch - ALL.lowest_midi + 1 in index[before : before + 2]


def test_the_studios_midi_says_what_its_notes_files_say(tmp_path: Path) -> None:
    """The two are written apart: a wrong tempo, part or offset in either way of reading shows in every frame."""
    players = [BY_CODE["vn"], BY_CODE["tbn"], BY_CODE["fl"]]
    parts = studio_score.compose(players, 12.0, np.random.default_rng(5))
    studio_score.write_midi(tmp_path / "trio.mid", players, parts)
    read = [part.notes for part in midi.parts(tmp_path / "trio.mid")]
    assert len(read) == 3
    for part, heard in zip(parts, read, strict=True):
        table = studio_score.notes_table(part)
        true = [Note(64, round(69 + 12 * np.log2(hz / 440)), start, start + length) for start, hz, length in table]
        index, _, counts = note_index.indices(heard, 750, FPS, ALL)
        expected, _, _ = note_index.indices(true, 750, FPS, ALL)
        assert counts == Counts(notes=len(table), overlaps=0, out_of_range=0, beyond_end=0)
        # Ticks may move a time by 0.5 ms, and so at most to the next frame.
        assert (index != expected).mean() < 0.01


def test_a_part_is_a_track_whatever_its_channels_and_programs(tmp_path: Path) -> None:
    """Notation programs give pizzicato a channel or a program of its own: the second player's part stays the second."""
    path = midi_file(
        tmp_path / "a.mid",
        [[(0, 50, 60, 0), (50, 99, 61, 1)], [(0, 50, 35, 9)], [(0, 50, 48, 2)]],
    )
    file = mido.MidiFile(path)
    file.tracks[0].insert(2, mido.Message("program_change", channel=0, program=45))
    file.tracks[2].insert(0, mido.Message("program_change", channel=2, program=45))
    file.save(path)
    assert [[note.pitch for note in part.notes] for part in midi.parts(path)] == [[60, 61], [48]]


def test_in_a_file_of_one_track_a_part_is_a_channel(tmp_path: Path) -> None:
    """In their order, not in that in which their first notes end."""
    track = [(0, 90, 60, 0), (0, 30, 48, 1), (10, 20, 35, 9), (95, 99, 62, 0)]
    path = midi_file(tmp_path / "a.mid", [track], type=0)
    assert [[note.pitch for note in part.notes] for part in midi.parts(path)] == [[60, 62], [48]]


def test_fewer_parts_than_players_are_refused(tmp_path: Path) -> None:
    """Two players' notes in one part would teach both the other's notes."""
    path = midi_file(tmp_path / "a.mid", [[(0, 50, 60, 0), (0, 50, 48, 0)]])
    assert len(midi.parts(path)) == 1
    with pytest.raises(FileError, match=r"a\.mid: 1 part in it for 2 players"):
        score.of_players(path, 2)


def _chunks(*tracks: bytes, kind: int = 1, division: int = 100) -> bytes:
    header = b"MThd" + struct.pack(">Lhhh", 6, kind, len(tracks), division)
    return header + b"".join(b"MTrk" + struct.pack(">L", len(track)) + track for track in tracks)


ONE = [[(0, 50, 60, 0)]]
NOTE = b"\x00\x90\x3c\x40\x32\x80\x3c\x00"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"", "empty, 0 bytes", id="empty"),
        pytest.param(b"hello " * 100, "no MIDI file", id="text"),
        pytest.param(b"MThd", "damaged (it ends too early)", id="header_only"),
        pytest.param(_chunks(NOTE)[:-3], "damaged (it ends too early)", id="truncated"),
        pytest.param(_chunks(), "damaged (no track in it)", id="no_tracks"),
        pytest.param(_chunks(b""), "no notes in it", id="track_without_events"),
        pytest.param(_chunks(b"\x00\xff\x2f\x00"), "no notes in it", id="track_without_notes"),
        pytest.param(
            _chunks(NOTE.replace(b"\x90", b"\x99").replace(b"\x80", b"\x89")),
            "only drums in it (channel 10)",
            id="drums",
        ),
        pytest.param(_chunks(b"\x00\x3c\x40"), "damaged (byte 1 of a track is no event)", id="running_status"),
        pytest.param(_chunks(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE), "damaged (a beat of 0 s)", id="tempo_0"),
        pytest.param(_chunks(b"\xff" * 50_000), "damaged (a number without an end)", id="endless_number"),
        pytest.param(_chunks(b"\x00\xff\x01\xff\xff\xff\x7f"), "damaged (it ends too early)", id="huge_message"),
        pytest.param(_chunks(NOTE, kind=2), "of MIDI format 2, whose tracks have no common clock", id="format_2"),
        pytest.param(_chunks(NOTE, division=0), "its clock has no ticks", id="division_0"),
        pytest.param(_chunks(NOTE, division=-25 * 256), "its clock has no ticks", id="frames_without_ticks"),
        pytest.param(
            _chunks(b"\x00\xff\x01" + b"\x80" * 3 + b"\x00" + b"\x00" * midi.MAX_BYTES),
            "larger than 2 MiB",
            id="huge_file",
        ),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "score.mid"
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        midi.parts(path)
    assert error.value.what.startswith(what)
    assert str(error.value) == f"{path}: {error.value.what}"
    assert "\n" not in error.value.what


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.mid: cannot be read"):
        midi.parts(tmp_path / "none.mid")


WHOLE = _chunks(b"\x00\xff\x51\x03\x07\xa1\x20" + NOTE * 3 + b"\x00\xff\x2f\x00", NOTE + b"\x00\xff\x2f\x00")


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=6))
def test_any_damage_gives_notes_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, place: int, bytes_: bytes
) -> None:
    """Whatever bytes stand in a file, a stage goes on."""
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(WHOLE[:place] + bytes_ + WHOLE[place + len(bytes_) :])
    try:
        part = midi.parts(path)[0].notes
    except FileError:
        return
    index, _, counts = note_index.indices(part, 100, FPS, ALL)
    assert counts.notes + counts.beyond_end == len(part)
    assert index.max() <= ALL.indices - 1


def corpus_of(root: Path, names: Sequence[str]) -> None:
    """Videos that hold next to nothing, and the spectrograms' shards that belong to them, 250 frames each."""
    for name in names:
        write_video(root / "videos" / f"{name}.mp4", blank(0.5), tone(0.5))
    with ShardWriter(root / "data" / "spectrograms") as shards:
        for name in names:
            shards.add(name, {"spectrogram": np.zeros((250, 2), np.float16)})


def test_the_stage_keeps_what_has_a_score_and_names_what_is_wrong(tmp_path: Path) -> None:
    place = workplace(tmp_path, corpus={"name": "folder", "root": "videos"})
    corpus_of(place, ["good", "late", "more", "none", "torn"])
    midi_file(place / "videos" / "good.mid", [[(0, 100, 60, 0), (50, 100, 62, 0), (100, 200, 5, 0)]])  # 0.5 s a beat
    midi_file(place / "videos" / "late.mid", [[(2000, 2100, 60, 0)]])
    midi_file(place / "videos" / "more.mid", [[(0, 100, 60, 0)], [(100, 200, 48, 0)]])
    (place / "videos" / "torn.mid").write_bytes(WHOLE[:30])
    done = run_stage(place, "tracks", "notes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "notes: 2 tracks, 5 notes, 1 overlaps, 1 out of range"
    shards = Shards(place / "data" / "notes")
    assert shards.index[["rows", "notes", "overlaps", "out_of_range"]].to_dict("index") == {
        "good": {"rows": 250, "notes": 3, "overlaps": 1, "out_of_range": 1},
        "more": {"rows": 250, "notes": 2, "overlaps": 0, "out_of_range": 0},
    }
    expected = np.zeros(250, np.int16)
    expected[:16], expected[16:31] = 40, 42
    np.testing.assert_array_equal(shards.rows("notes", "good"), expected)
    items = {(item.file, item.what.split(" (")[0]): item for item in read_set_aside(place / "data/notes/set_aside.csv")}
    assert set(items) == {
        ("good.mid", "1 notes of player 1 are out of range, and became rests"),
        ("late.mid", "player 1 has no note in it that is in range and within the recording"),
        ("more.mid", "2 parts in it for one player, who plays them all"),
        ("torn.mid", "damaged"),
    }
    assert all(item.advice and str(item) in done.stdout for item in items.values())


def test_a_file_with_too_few_parts_serves_none_of_its_players(tmp_path: Path) -> None:
    place = workplace(tmp_path, corpus={"name": "urmp", "root": "pieces"})
    home = place / "pieces" / "01_Duo_vn_vc"
    write_video(home / "Vid_01_Duo_vn_vc.mp4", blank(0.5))
    write_wav(home / "AuSep_1_vn_01_Duo.wav", tone(0.5))
    write_wav(home / "AuSep_2_vc_01_Duo.wav", tone(0.5))
    midi_file(home / "Sco_01_Duo_vn_vc.mid", ONE)
    with ShardWriter(place / "data" / "spectrograms") as shards:
        for name in ("01_Duo_1_vn", "01_Duo_2_vc"):
            shards.add(name, {"spectrogram": np.zeros((250, 2), np.float16)})
    done = run_stage(place, "tracks", "notes")
    assert done.returncode == 0, done.stderr
    (item,) = read_set_aside(place / "data/notes/set_aside.csv")
    assert (item.file, item.what) == ("01_Duo_vn_vc/Sco_01_Duo_vn_vc.mid", "1 part in it for 2 players")
    assert "no track has a score" in done.stdout


def test_annotated_notes_are_the_truth_and_the_score_only_stands_in(tmp_path: Path) -> None:
    """URMP's MIDI is the score, at a tempo of its own; its Notes files say what was heard when."""
    place = workplace(tmp_path, corpus={"name": "urmp", "root": "pieces"})
    home = place / "pieces" / "01_Trio_vn_va_vc"
    write_video(home / "Vid_01_Trio_vn_va_vc.mp4", blank(0.5))
    for part in ("1_vn", "2_va", "3_vc"):
        write_wav(home / f"AuSep_{part}_01_Trio.wav", tone(0.5))
    midi_file(home / "Sco_01_Trio_vn_va_vc.mid", [[(0, 100, pitch, 0)] for pitch in (60, 50, 40)])
    (home / "Notes_1_vn_01_Trio.txt").write_text("2.0\t452.0\t0.16\n1.0\t430.0\t0.16\n")
    (home / "Notes_3_vc_01_Trio.txt").write_text("")
    with ShardWriter(place / "data" / "spectrograms") as shards:
        for part in ("1_vn", "2_va", "3_vc"):
            shards.add(f"01_Trio_{part}", {"spectrogram": np.zeros((250, 2), np.float16)})
    done = run_stage(place, "tracks", "notes")
    assert done.returncode == 0, done.stderr
    made = Shards(place / "data" / "notes")
    assert list(made.index.index) == ["01_Trio_1_vn", "01_Trio_2_va"]
    heard = np.zeros(250, np.int16)
    heard[63:73], heard[125:135] = 69 - 20, 69 - 20  # 430 and 452 Hz are nearer to A4 than to its neighbours
    np.testing.assert_array_equal(made.rows("notes", "01_Trio_1_vn"), heard)
    assert made.rows("onsets", "01_Trio_1_vn").nonzero()[0].tolist() == [63, 125]
    np.testing.assert_array_equal(np.unique(made.rows("notes", "01_Trio_2_va")), [0, 50 - 20])
    (item,) = read_set_aside(place / "data/notes/set_aside.csv")
    assert item.file == "01_Trio_vn_va_vc/Notes_3_vc_01_Trio.txt"
    assert item.what.startswith("nothing in it")


@pytest.mark.slow
def test_a_corpus_without_scores_leaves_a_folder_that_can_be_read(tmp_path: Path) -> None:
    """A track without MIDI is normal: nothing is set aside, and the models without content go on."""
    place = workplace(tmp_path, corpus={"name": "folder", "root": "videos"})
    corpus_of(place, ["one", "two"])
    done = run_stage(place, "tracks", "notes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "notes: no track has a score (MIDI) that can be used: models with content will be skipped"
    )
    assert read_set_aside(place / "data/notes/set_aside.csv") == []
    assert list(Shards(place / "data" / "notes").index.index) == []
