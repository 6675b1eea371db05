"""Notes as events: what the code keeps, what the published one drops, and the table of notes."""

from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import Note

from pipeline.notes import midi_file, note_table
from pipeline.notes.events import LOWEST, NO_OFF, SHIFTS_S, Code

PUBLISHED, CARRIED = Code(False, 32, 512), Code(True, 8, 512)

# Chords, repeated notes and notes that overlap, on the keys of a piano, within 6 s.
SCORES = st.lists(
    st.builds(
        lambda pitch, velocity, start, length: Note(velocity, pitch, start, start + length),
        st.integers(21, 108),
        st.integers(1, 127),
        st.floats(0, 5.99),
        st.floats(0.02, 2),
    ),
    max_size=40,
)


def onsets(notes: list[Note]) -> list[tuple[float, int]]:
    return sorted((note.start, note.pitch) for note in notes)


def test_the_vocabulary_is_the_published_one() -> None:
    """88 + 88 + 32 + 32 events, start 240, end 241, padding 242; shifts from 15.4 ms to 1.17 s."""
    assert (PUBLISHED.first_velocity, PUBLISHED.first_shift) == (176, 208)
    assert (PUBLISHED.start, PUBLISHED.end, PUBLISHED.padding, PUBLISHED.tokens) == (240, 241, 242, 243)
    assert SHIFTS_S[[0, 31]] == pytest.approx([0.01538, 1.17144], abs=1e-4)


def test_tokens_of_a_note() -> None:
    """Golden: A4 from 0.5 s to 1.0 s. 0.4396 + 0.0539 s is the greedy sum below 0.5; carried, it is rounded up."""
    note = [Note(64, 69, 0.5, 1.0)]
    shifts = [PUBLISHED.first_shift + k for k in (24, 9)]
    assert PUBLISHED.encode(note, 4)[:9].tolist() == [*shifts, 176 + 15, 48, *shifts, 48 + NO_OFF, 241, 242][:9]
    (decoded,) = PUBLISHED.decode(PUBLISHED.encode(note, 4))
    assert (decoded.pitch, decoded.start) == (69, pytest.approx(SHIFTS_S[24] + SHIFTS_S[9]))


@settings(max_examples=1000)
@given(SCORES)
def test_carried_every_event_keeps_its_time(notes: list[Note]) -> None:
    """Every onset and its pitch come back within 8 ms, however long the score; and nothing else does."""
    tokens = np.array([*CARRIED.events(notes, 6), CARRIED.end])
    found, asked = onsets(CARRIED.decode(tokens)), onsets(notes)
    assert len(found) == len(asked)
    for pitch in range(21, 109):  # rounding may swap notes of different pitches that start together
        here, there = ([time_s for time_s, each in notes if each == pitch] for notes in (found, asked))
        assert here == pytest.approx(there, abs=0.008)


@settings(max_examples=300)
@given(SCORES, st.sampled_from([PUBLISHED, CARRIED]))
def test_a_note_ends_where_it_ended(notes: list[Note], code: Code) -> None:
    """Carried, within 16 ms, unless it was struck again; published, never early by more than what was dropped."""
    pitches = [note.pitch for note in notes]
    alone = [note for note in notes if pitches.count(note.pitch) == 1 and note.end <= 6]
    ends = {note.pitch: note.end for note in code.decode(np.array([*code.events(notes, 6), code.end]))}
    for note in alone if code.carry else []:
        assert ends[note.pitch] == pytest.approx(note.end, abs=0.016)
    assert all(ends[note.pitch] > 0 for note in alone)


def test_published_the_rest_of_a_gap_is_lost() -> None:
    """Sixteen notes a quarter of a second apart: the last one is 0.16 s early, carried in time."""
    notes = [Note(64, 60 + number % 5, 0.24 * number, 0.24 * number + 0.1) for number in range(16)]
    late = {code: code.decode(code.encode(notes, 4))[-1].start - notes[-1].start for code in (PUBLISHED, CARRIED)}
    assert late[PUBLISHED] < -0.1
    assert abs(late[CARRIED]) < 0.008


def test_published_notes_have_a_shortest_length() -> None:
    notes = [Note(64, 60, 0, 0.1)]
    assert PUBLISHED.decode(PUBLISHED.encode(notes, 4))[0].end == 0.25
    assert CARRIED.decode(CARRIED.encode(notes, 4))[0].end == pytest.approx(0.1, abs=0.008)


def test_a_note_that_sounds_on_has_no_end() -> None:
    """It lasts a second, as published; and one beyond the keys or before the window has no tokens."""
    tokens = CARRIED.encode([Note(64, 60, 1, 5), Note(64, 10, 1, 2), Note(64, 61, -1, 2)], 4)
    assert not ((tokens >= NO_OFF) & (tokens < CARRIED.first_velocity)).any()
    (note,) = CARRIED.decode(tokens)
    assert note.end - note.start == pytest.approx(1.0)


def test_too_long_a_score_ends_all_the_same() -> None:
    notes = [Note(64, 40 + number, 0.1 * number, 0.1 * number + 0.05) for number in range(30)]
    tokens = Code(True, 8, 20).encode(notes, 4)
    assert len(tokens) == 20
    assert tokens[-1] == CARRIED.end


def test_the_clock_is_the_time_that_was_reached() -> None:
    """Before each token, so that no token's own shift is in it."""
    tokens = CARRIED.encode([Note(64, 60, 0.5, 1.0), Note(64, 62, 1.7, 2.0)], 4)
    clock_s = CARRIED.clock(tokens)
    decoded = CARRIED.decode(tokens)
    assert clock_s[0] == 0
    assert clock_s[tokens < NO_OFF] == pytest.approx([note.start for note in decoded], abs=1e-5)
    assert CARRIED.clock(tokens[None])[0] == pytest.approx(clock_s)


@pytest.mark.parametrize("code", [PUBLISHED, CARRIED])
def test_velocity_comes_back_within_its_step(code: Code) -> None:
    for velocity in range(1, 128):
        (note,) = code.decode(code.encode([Note(velocity, 60, 0, 1)], 4))
        assert abs(note.velocity - min(max(velocity, 21), 108)) <= 88 / code.velocity_steps / 2 + 1


@settings(max_examples=100)
@given(SCORES)
def test_what_was_decoded_opens_as_midi(tmp_path_factory: pytest.TempPathFactory, notes: list[Note]) -> None:
    path = tmp_path_factory.mktemp("midi") / "out.mid"
    for code in (PUBLISHED, CARRIED):
        decoded = code.decode(np.array([*code.events(notes, 6), code.end]))
        midi_file.write(path, decoded, 42, "cello")
        midi = pretty_midi.PrettyMIDI(str(path))
        read = [note for track in midi.instruments for note in track.notes]
        # Published, a pitch that is struck again within 0.25 s overlaps with itself, which MIDI cannot tell apart.
        if code.carry:
            assert len(read) == len(decoded)
            assert sorted(note.start for note in read) == pytest.approx(
                sorted(note.start for note in decoded), abs=1e-3
            )


def test_nonsense_decodes_to_notes() -> None:
    """Any tokens at all: nothing raises, and every note has a length."""
    rng = np.random.default_rng(0)
    for code in (PUBLISHED, CARRIED):
        for note in code.decode(rng.integers(0, code.end, 5000)):
            assert note.end > note.start >= 0
            assert LOWEST <= note.pitch <= 108


def test_the_table_comes_back(tmp_path: Path) -> None:
    notes = [Note(70, 62, 1.5, 2.0), Note(64, 60, 0.5, 1.0)]
    table = note_table.rows("a", notes, "annotated")
    table.to_parquet(tmp_path / "notes.parquet", index=False)
    found = note_table.read(tmp_path / "notes.parquet")["a"]
    assert [(note.velocity, note.pitch, note.start, note.end) for note in found] == [
        (64, 60, 0.5, 1.0),
        (70, 62, 1.5, 2.0),
    ]
    assert table.source.unique().tolist() == ["annotated"]
    assert note_table.rows("", [], "midi").dtypes.to_dict() == table.dtypes.to_dict()


def test_a_window_has_the_notes_that_start_in_it() -> None:
    notes = [Note(64, 60, 0.9, 1.5), Note(64, 61, 1.0, 1.2), Note(64, 62, 4.9, 5.7), Note(64, 63, 5.0, 5.1)]
    here = note_table.window(notes, 1.0, 4.0)
    assert [(note.pitch, note.start, note.end) for note in here] == [
        (61, 0, pytest.approx(0.2)),
        (62, pytest.approx(3.9), 4.0),
    ]
