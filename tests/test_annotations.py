"""URMP's Notes and F0s files are read as they are, and what is wrong with one is said with its line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import FileError
from pipeline.notes import annotations, note_index
from pipeline.params import Notes


def test_notes_are_read_whatever_stands_between_the_numbers(tmp_path: Path) -> None:
    """Tabs, double tabs, blanks, empty lines, Windows' line ends and its byte order mark; and put into order."""
    path = tmp_path / "Notes_1_vn_01_Jupiter.txt"
    path.write_bytes(b"\xef\xbb\xbf2.5\t\t440.00\t\t0.25\r\n\r\n  0.674 \t 1.98e2 \t1\r\n")
    table = annotations.read_notes(path)
    assert table.dtype == np.float64
    assert table.tolist() == [[0.674, 198.0, 1.0], [2.5, 440.0, 0.25]]


def test_pitches_over_time_are_read(tmp_path: Path) -> None:
    path = tmp_path / "F0s_1_vn_01_Jupiter.txt"
    path.write_text("0.023\t0.000\n0.033\t441.5\n")
    assert annotations.read_f0s(path).tolist() == [[0.023, 0.0], [0.033, 441.5]]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "nothing in it"),
        (b"\n \n", "nothing in it"),
        (b"1 440 1\n2 A4 1\n", "line 2 is not numbers ('2 A4 1')"),
        (b"\xff\xfe1\x00 \x004\x00", "line 1 is not numbers"),
        (b"1 440\n", "line 1 has 2 numbers, not 3"),
        (b"1 440 1 1\n", "line 1 has 4 numbers, not 3"),
        (b"1 440 1\n\n2 nan 1\n3 inf 1\n", "line 3 and 1 more: NaN or infinite"),
        (b"-1 440 1\n", "line 1: its onset is negative"),
        (b"1 0 1\n", "line 1: its pitch is not above 0 Hz"),
        (b"1 440 1e30\n", "line 1: its onset or duration is longer than a day"),
        (b"1 440 -0.5\n", "line 1: its duration is not above 0 s"),
    ],
)
def test_notes_that_are_none_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        annotations.read_notes(path)
    assert error.value.what.startswith(what)
    assert str(error.value) == f"{path}: {error.value.what}"
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "nothing in it"),
        ("0 440 1\n", "line 1 has 3 numbers, not 2"),
        ("0 440\n0 440\n", "line 2: its time is not after that of the line before"),
        ("0 -440\n", "line 1: its pitch is negative"),
        ("-1 440\n", "line 1: its time is negative"),
    ],
)
def test_pitches_that_are_none_are_named(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "f0s.txt"
    path.write_text(content)
    with pytest.raises(FileError) as error:
        annotations.read_f0s(path)
    assert error.value.what.startswith(what)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.txt: cannot be read"):
        annotations.read_notes(tmp_path / "none.txt")


@example(b"0 1e300 1")
@example(b"0 1e-300 1e-300")
@given(st.binary(max_size=60) | st.text("0123456789.-+eEnaif \t\r\n", max_size=60).map(str.encode))
def test_any_bytes_give_notes_or_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands in a file, a stage goes on; and what comes out can be used without looking again."""
    path = tmp_path_factory.getbasetemp() / "notes.txt"
    path.write_bytes(content)
    for read, columns in ((annotations.read_notes, 3), (annotations.read_f0s, 2)):
        try:
            table = read(path)
        except FileError:
            continue
        assert table.shape[1] == columns
        assert len(table) > 0
        assert np.isfinite(table).all()
        assert (table >= 0).all()
        assert (np.diff(table[:, 0]) >= 0).all()
        if columns == 3:
            index, _, _ = note_index.indices(
                note_index.annotated(table), 10, 62.5, Notes(lowest_midi=21, highest_midi=108)
            )
            assert len(index) == 10
