"""Note F1 and density: golden values, and what is refused."""

import math

import numpy as np
import pytest

from pipeline.metrics import notes

TRUE = np.array([[0.5, 1.0, 60], [1.0, 1.5, 62], [2.0, 2.5, 64]])


def test_note_f1_wants_pitch_and_onset() -> None:
    """Two of three right, of four found: precision 1/2, recall 2/3, F1 4/7."""
    found = np.array([[0.52, 0.6, 60], [1.0, 3.0, 62], [2.0, 2.5, 65], [2.2, 2.5, 64]])
    assert notes.f1(TRUE, found, 0.05) == pytest.approx(4 / 7)
    assert notes.f1(TRUE, TRUE, 0.05) == 1.0
    assert notes.f1(TRUE, TRUE + np.array([0.06, 0.06, 0]), 0.05) == 0.0


def test_nothing_asked_or_nothing_found() -> None:
    empty = np.zeros((0, 3))
    assert notes.f1(TRUE, empty, 0.05) == notes.f1(empty, TRUE, 0.05) == 0.0
    assert math.isnan(notes.f1(empty, empty, 0.05))


def test_density_is_over_all_windows() -> None:
    assert notes.density_ratio([TRUE, TRUE], [TRUE, TRUE[:0]]) == 0.5
    assert math.isnan(notes.density_ratio([TRUE[:0]], [TRUE]))


@pytest.mark.parametrize("wrong", [[[0.5, 0.5, 60]], [[-1, 1, 60]], [[0, np.nan, 60]], [[0, 1]]])
def test_what_is_no_note_is_refused(wrong: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="notes must"):
        notes.f1(TRUE, np.array(wrong), 0.05)
