"""NDB and KNN against golden values and against slower, obvious implementations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.metrics import knn, ndb


def obvious_ndb(
    training: np.ndarray, samples: np.ndarray, centres: np.ndarray, significance: float
) -> tuple[int, float]:
    """Count by count, cell by cell, with the normal distribution from the error function."""

    def counts(windows: np.ndarray) -> list[int]:
        nearest = [min(range(len(centres)), key=lambda c: float(((w - centres[c]) ** 2).sum())) for w in windows]
        return [nearest.count(c) for c in range(len(centres))]

    n, m = len(training), len(samples)
    different, jsd = 0, 0.0
    for a, b in zip(counts(training), counts(samples), strict=True):
        pooled = (a + b) / (n + m)
        if 0 < pooled < 1:
            z = (a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
            different += math.erfc(abs(z) / math.sqrt(2)) < significance
        for p, q in ((a / n, b / m), (b / m, a / n)):
            if p:
                jsd += p * math.log(2 * p / (p + q)) / 2
    return different, jsd


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_ndb_is_the_obvious_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    training, samples = rng.normal(size=(60, 3)), rng.normal(rng.normal(), 1, size=(40, 3))
    centres = rng.normal(size=(6, 3))
    result = ndb.evaluate(training, samples, centres, 0.05)
    different, jsd = obvious_ndb(training, samples, centres, 0.05)
    assert result.ndb == different
    assert result.jsd == pytest.approx(jsd)


def test_ndb_of_other_tracks() -> None:
    """Two tracks that fill a cell each match the training set together, and differ in both cells if one is drawn twice."""
    share, cell = np.array([0.5, 0.5]), np.repeat([0, 1], 50)
    drawn = ndb.resampled(share, 1000, cell, np.repeat(["a", "b"], 50), 0.05, seed=1)
    assert set(drawn) == {0, 2}
    assert drawn.mean() == pytest.approx(1, abs=0.1)  # half of the draws take one track twice
    assert set(ndb.resampled(share, 1000, cell, np.tile(["a", "b"], 50), 0.05, seed=1)) == {0}, "tracks that are alike"
    assert set(ndb.resampled(share, 1000, cell, np.repeat("a", 100), 0.05, seed=1)) == {0}, "a single track"


def test_ndb_golden() -> None:
    """Two cells. 50 of 100 against 30 of 100: z = 2.8868, p = 0.0039; 40 against 30: z = 1.4825, p = 0.138."""
    centres = np.array([[0.0], [1.0]])

    def windows(in_first: int) -> np.ndarray:
        return np.repeat([[0.0], [1.0]], [in_first, 100 - in_first], axis=0)

    assert ndb.evaluate(windows(50), windows(30), centres, 0.05).ndb == 2
    assert ndb.evaluate(windows(40), windows(30), centres, 0.05).ndb == 0
    assert ndb.evaluate(windows(50), windows(30), centres, 0.003).ndb == 0


def test_ndb_of_the_same_windows_is_zero_and_of_far_ones_all() -> None:
    rng = np.random.default_rng(0)
    training = rng.normal(size=(500, 4))
    centres = ndb.cells(training, 10, seed=0)
    same = ndb.evaluate(training, training, centres, 0.05)
    assert (same.ndb, same.jsd) == (0, 0)
    far = ndb.evaluate(training, np.tile(centres[:1], (500, 1)), centres, 0.05)
    assert far.ndb == 10
    assert far.jsd < math.log(2)


def test_cells_are_the_same_every_time() -> None:
    training = np.random.default_rng(0).normal(size=(300, 20))
    np.testing.assert_array_equal(ndb.cells(training, 8, 1), ndb.cells(training, 8, 1))
    assert not np.array_equal(ndb.cells(training, 8, 1), ndb.cells(training, 8, 2))


@pytest.mark.parametrize(
    ("training", "samples", "said"),
    [
        (np.zeros((0, 2)), np.zeros((3, 2)), "training must be"),
        (np.zeros((3, 2)), np.zeros(3), "samples must be"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), "samples holds"),
        (np.zeros((3, 2)), np.zeros((3, 5)), "5"),
    ],
)
def test_ndb_refuses_what_cannot_be_compared(training: np.ndarray, samples: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ndb.evaluate(training, samples, np.zeros((2, 2)), 0.05)


@settings(max_examples=50)
@given(
    arrays(np.float64, (7, 3), elements=st.integers(1, 9).map(float)),
    arrays(np.float64, (4, 3), elements=st.integers(1, 9).map(float)),
)
def test_knn_is_the_obvious_one(train: np.ndarray, test: np.ndarray) -> None:
    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(sum(a * b)) / math.sqrt(float(sum(a * a)) * float(sum(b * b)))

    predicted = knn.predict(train, [str(i) for i in range(7)], test)
    for row, label in zip(test, predicted, strict=True):
        # Neighbours as near as each other may differ by rounding; the one taken must be as near as the nearest.
        assert cosine(row, train[int(label)]) == pytest.approx(max(cosine(row, other) for other in train))


def test_knn_golden() -> None:
    """Cosine, not distance: the far point in the same direction is the nearest."""
    train = np.array([[100.0, 0.0], [1.0, 1.0]])
    assert knn.predict(train, ["far", "near"], np.array([[1.0, 0.1], [0.5, 0.6]])) == ["far", "near"]
    assert knn.accuracy(["a", "b", "c", "d"], ["a", "b", "x", "d"]) == 0.75


@pytest.mark.parametrize(
    ("train", "labels", "test"),
    [
        (np.ones((2, 3)), ["a"], np.ones((1, 3))),
        (np.zeros((1, 3)), ["a"], np.ones((1, 3))),
        (np.ones((1, 3)), ["a"], np.ones((1, 2))),
        (np.full((1, 3), np.inf), ["a"], np.ones((1, 3))),
    ],
)
def test_knn_refuses_rows_without_an_angle(train: np.ndarray, labels: list[str], test: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"row"):
        knn.predict(train, labels, test)
