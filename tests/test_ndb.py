"""The calibrated NDB: whole tracks are dealt, so it neither takes windows of one track for independent nor misses a difference."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.metrics import ndb

CELLS, SIGNIFICANCE = 20, 0.05


def tracks(number: int, windows: int, rng: np.random.Generator, among: int = CELLS) -> np.ndarray:
    """Tracks [number, cells] that keep to two or three of the first `among` cells each, any of them equally likely."""
    shares = rng.dirichlet(np.full(among, 0.1), size=number)
    return np.stack([rng.multinomial(windows, np.append(share, np.zeros(CELLS - among))) for share in shares])


def calibrated(training: np.ndarray, samples: np.ndarray, seed: int = 0, significance: float = SIGNIFICANCE) -> int:
    """Without strata."""
    return ndb.calibrated(training, samples, ["all"] * (len(training) + len(samples)), significance, seed)


def paper(training: np.ndarray, samples: np.ndarray) -> int:
    """The paper's NDB of the same counts."""
    windows = int(training.sum()), int(samples.sum())
    shares = training.sum(0) / windows[0], samples.sum(0) / windows[1]
    return ndb.compare(shares[0], windows[0], shares[1], windows[1], SIGNIFICANCE).ndb


def test_tracks_of_one_source_differ_in_few_cells_though_their_windows_are_alike() -> None:
    """20 tracks of 25 windows against 80 of 10: 1 cell of 20 is expected; the paper's test finds six times as many and more."""
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        training, samples = tracks(80, 10, rng), tracks(20, 25, rng)
        found.append((calibrated(training, samples, seed), paper(training, samples)))
    here, papers = np.mean(found, axis=0)
    assert 0.5 < here < 1.5
    assert papers > 6


def test_independent_windows_differ_in_as_few_cells_by_both_tests() -> None:
    """Where the paper's assumption holds, the two agree: each near 1 cell of 20."""
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        training, samples = (rng.multinomial(25, np.full(CELLS, 1 / CELLS), size=number) for number in (80, 20))
        found.append((calibrated(training, samples, seed), paper(training, samples)))
    assert np.mean(found, axis=0) == pytest.approx([1, 1], abs=0.5)


def test_another_source_is_found_by_both() -> None:
    """Samples keep to half of the cells. Each of them has twice its share, and each of the others none."""
    rng = np.random.default_rng(0)
    training, samples = tracks(200, 10, rng), tracks(60, 25, rng, among=CELLS // 2)
    assert calibrated(training, samples) > 15
    assert paper(training, samples) > 15


@pytest.mark.parametrize(("size", "cells"), [(3, 0), (4, 2)])
def test_golden_p_values(size: int, cells: int) -> None:
    """Two sets of n tracks with nothing in common: two of all deals differ as much, 2/20 of those of 3 tracks, 2/70 of 4."""
    training, samples = np.tile([5, 0], (size, 1)), np.tile([0, 9], (size, 1))
    assert calibrated(training, samples) == cells
    p = 2 / comb(2 * size, size)
    assert calibrated(training, samples, significance=p + 0.03) == 2
    assert calibrated(training, samples, significance=p - 0.025) == 0


def test_no_p_value_is_zero() -> None:
    """Of 1000 deals of 60 tracks none is as different; the given deal itself is one of 1001."""
    training, samples = np.tile([5, 0], (30, 1)), np.tile([0, 9], (30, 1))
    assert calibrated(training, samples, significance=1 / 1001 + 1e-9) == 2
    assert calibrated(training, samples, significance=1 / 1001) == 0


def test_every_track_counts_alike_however_many_windows_it_has() -> None:
    """Half of the tracks of each set in either cell: nothing differs, though most windows of the samples are in the first."""
    training, samples = np.array([[1, 0], [0, 1]] * 20), np.array([[99, 0], [0, 1]] * 20)
    assert calibrated(training, samples) == 0
    assert paper(training, samples) == 2


def test_tracks_are_dealt_within_their_stratum() -> None:
    """Each instrument fills a cell of its own. More tubas among the samples say nothing of how their tubas sound."""
    tuba, oboe = np.array([[9, 0]]), np.array([[0, 9]])
    training = np.concatenate([np.repeat(tuba, 4, axis=0), np.repeat(oboe, 30, axis=0)])
    samples = np.concatenate([np.repeat(tuba, 30, axis=0), np.repeat(oboe, 4, axis=0)])
    strata = ["tuba"] * 4 + ["oboe"] * 30 + ["tuba"] * 30 + ["oboe"] * 4
    assert ndb.calibrated(training, samples, strata, SIGNIFICANCE, 0) == 0
    assert calibrated(training, samples) == 2


counts = arrays(np.int64, st.tuples(st.integers(1, 9), st.just(3)), elements=st.integers(1, 9))


@settings(max_examples=30)
@given(counts)
def test_a_set_does_not_differ_from_itself(here: np.ndarray) -> None:
    assert calibrated(here, here) == 0


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_the_order_of_tracks_and_which_set_is_which_do_not_matter(seed: int) -> None:
    """Up to the draws: a p value near the level may fall to the other side, so the level stands clear of what is found."""
    rng = np.random.default_rng(seed)
    training, samples = np.tile([9, 9, 1], (20, 1)), np.tile([1, 9, 9], (10, 1))
    training[:5], samples[:3] = [1, 9, 9], [9, 9, 1]
    strata = np.array(["a", "b", "b", "b", "b"] * 4 + ["b", "b", "b", "b", "a"] * 2)
    alike = ndb.calibrated(training, samples, strata.tolist(), 0.2, seed)
    a, b = rng.permutation(20), rng.permutation(10)
    mixed = np.concatenate([strata[:20][a], strata[20:][b]]).tolist()
    assert ndb.calibrated(training[a], samples[b], mixed, 0.2, seed) == alike == 2
    assert ndb.calibrated(samples, training, np.roll(strata, 10).tolist(), 0.2, seed) == alike


@pytest.mark.parametrize(
    ("training", "samples", "strata", "said"),
    [
        (np.ones((0, 2), int), np.ones((3, 2), int), 3, "training must be"),
        (np.ones((3, 2), int), np.ones((3, 0), int), 6, "samples must be"),
        (np.ones((3, 2), int), np.ones(2, int), 5, "samples must be"),
        (np.ones((3, 2), int), np.ones((3, 5), int), 6, "2 cells, samples have 5"),
        (np.array([[1, 0], [0, 0]]), np.ones((3, 2), int), 5, "training must have"),
        (np.ones((3, 2), int), np.array([[1, -1]]), 4, "samples must have"),
        (np.ones((3, 2), int), np.ones((3, 2), int), 5, "5 strata of 6 tracks"),
    ],
)
def test_it_refuses_what_is_not_two_sets_of_tracks(
    training: np.ndarray, samples: np.ndarray, strata: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        ndb.calibrated(training, samples, ["all"] * strata, SIGNIFICANCE, 0)
