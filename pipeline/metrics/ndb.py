"""Number of statistically different bins (NDB): are samples distributed like the training data?

Conventions
-----------
A window is one flattened row. The k-means cells are fitted to the training windows only. In each cell, the share of samples is
tested against the share of training windows. NDB counts the cells where the two differ. Lower is better, and 0 is the best. If
both sets come from one source, about `significance * cells` cells still differ. NDB grows with both sample sizes, so state
them with every figure.

The paper's test takes every window for an independent draw. Windows of one track resemble each other, so many windows of few
tracks differ from the training windows in far more cells, even if the tracks come from one source. The calibrated NDB takes
whole tracks for the independent draws. It deals them anew to the two sets many times, and a cell differs if few of these deals
differ as much. Then at most about `significance * cells` cells differ if the tracks come from one source, however alike the
windows of a track are. In a cell that few tracks reach, deals are often equally different; such a cell rarely counts. A track
for which a model made samples is one unit too: its samples share one movement.

Metrics
-------
* :func:`compare`: NDB and Jensen-Shannon divergence of two sets of shares.
* :func:`evaluate`: the same from windows.
* :func:`calibrated`: NDB by a permutation test over tracks.
* :func:`resampled`: NDB with other sets of tracks, by the bootstrap.

Source: Richardson and Weiss, "On GANs and GMMs", NeurIPS 2018; used in the paper, section 4.
Permutation p values: Phipson and Smyth, "Permutation P-values Should Never Be Zero" (Statistical Applications in Genetics and
Molecular Biology 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, rel_entr
from threadpoolctl import threadpool_limits

# Of the bootstrap, whose spread is then known to 2 %; and of the deals: a p value of 0.05 is then known to 0.007.
DRAWS = 1000


@dataclass(frozen=True)
class NDB:
    """`ndb`: number of cells that differ. `jsd`: in nats, 0..ln 2. The shares and `different` have one value per cell: [cells]."""

    ndb: int
    jsd: float
    training_share: np.ndarray
    sample_share: np.ndarray
    different: np.ndarray


def validate(training: np.ndarray, samples: np.ndarray) -> None:
    """Raise ValueError unless both are finite, 2-D, not empty and of equal width."""
    for name, windows in (("training", training), ("samples", samples)):
        if windows.ndim != 2 or not len(windows):
            raise ValueError(f"{name} must be [windows, dimensions] with at least one window, not {windows.shape}")
        if not np.isfinite(windows).all():
            raise ValueError(f"{name} holds values that are not finite")
    if training.shape[1] != samples.shape[1]:
        raise ValueError(f"training has {training.shape[1]} dimensions, samples have {samples.shape[1]}")


def cells(training: np.ndarray, count: int, seed: int) -> np.ndarray:
    """k-means centres, float32 [count, dimensions], of training windows [windows, dimensions]."""
    from sklearn.cluster import KMeans  # takes a second, and most of what imports this module does not cluster

    # With several threads, sums depend on the order in which threads finish, and the bits would differ from run to run.
    with threadpool_limits(limits=1):
        return KMeans(count, n_init=1, random_state=seed).fit(training.astype(np.float32)).cluster_centers_


def nearest(windows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The cell of each window: int64 [windows]."""
    windows, centres = windows.astype(np.float64), centres.astype(np.float64)
    return ((centres**2).sum(1) - 2 * windows @ centres.T).argmin(1)


def shares(windows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Share of the windows in each cell: float64 [cells]."""
    return np.bincount(nearest(windows, centres), minlength=len(centres)) / len(windows)


def compare(p: np.ndarray, training: int, q: np.ndarray, samples: int, significance: float) -> NDB:
    """Compare the shares p of `training` windows and q of `samples` windows over the same cells.

    Args:
        significance: level of the two-sided test of two proportions in each cell.
    """
    pooled = (p * training + q * samples) / (training + samples)
    error = np.sqrt(pooled * (1 - pooled) * (1 / training + 1 / samples))
    z = np.divide(p - q, error, out=np.zeros_like(p), where=error > 0)  # the error is 0 if a cell has no window, or all
    different = erfc(np.abs(z) / np.sqrt(2)) < significance  # twice the normal tail beyond |z|
    middle = (p + q) / 2
    jsd = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    return NDB(int(different.sum()), float(jsd), p, q, different)


def resampled(
    p: np.ndarray, training: int, cell: np.ndarray, track: np.ndarray, significance: float, seed: int
) -> np.ndarray:
    """NDB of `DRAWS` other sets of tracks: int64 [draws].

    Windows of one track resemble each other, so tracks are resampled, not windows. Each draw takes as many tracks as there are,
    with replacement.

    Args:
        p, training, significance: as of :func:`compare`.
        cell, track: the cell and the track of each sample, both [samples].
    """
    tracks, place = np.unique(track, return_inverse=True)
    counts = np.zeros((len(tracks), len(p)))
    np.add.at(counts, (place, cell), 1)
    draws = np.random.default_rng(seed).multinomial(len(tracks), np.full(len(tracks), 1 / len(tracks)), size=DRAWS)
    drawn = draws @ counts  # [draws, cells]
    results = (compare(p, training, row / row.sum(), int(row.sum()), significance) for row in drawn)
    return np.array([result.ndb for result in results])


def calibrated(training: np.ndarray, samples: np.ndarray, strata: Sequence[str], significance: float, seed: int) -> int:
    """NDB by a permutation test over tracks: the number of cells in which the two sets of tracks differ.

    A set's share of a cell is the mean of its tracks' shares, so every track counts alike, however many windows it has. Each of
    `DRAWS` deals gives whole tracks anew to the two sets, as many of each stratum to each set as there are. The p value of a cell
    is the share of deals, the given one among them, whose shares differ by at least as much.

    Args:
        training, samples: windows of each track in each cell, int [tracks, cells]. A track of samples is the one for which they
            were made.
        strata: of the training tracks, and then of those of the samples: what the split holds equal, such as the
            instrument. Tracks of a stratum that only one set has stay where they are.
        significance: level of the test in each cell.
        seed: for the deals.

    Raises:
        ValueError: the counts are not of two sets of tracks over the same cells, or a track has no window or no stratum.
    """
    for name, counts in (("training", training), ("samples", samples)):
        if counts.ndim != 2 or not counts.size:
            raise ValueError(f"{name} must be [tracks, cells] with at least one track and cell, not {counts.shape}")
        if (counts < 0).any() or not counts.any(1).all():
            raise ValueError(f"{name} must have at least one window of each track, and no count below 0")
    if training.shape[1] != samples.shape[1]:
        raise ValueError(f"training has {training.shape[1]} cells, samples have {samples.shape[1]}")
    counts = np.concatenate([training, samples])
    if len(strata) != len(counts):
        raise ValueError(f"{len(strata)} strata of {len(counts)} tracks")
    share = counts / counts.sum(1, keepdims=True)
    sampled = np.arange(len(counts)) >= len(training)
    stratum = np.unique(strata, return_inverse=True)[1]
    keys = np.random.default_rng(seed).random((DRAWS, len(counts)))
    order = np.argsort(stratum + keys)  # [draws, tracks]: stratum by stratum, at random in each
    dealt = np.empty_like(keys)
    np.put_along_axis(dealt, order, sampled[np.argsort(stratum, kind="stable")][None], axis=1)

    def difference(in_samples: np.ndarray) -> np.ndarray:  # (..., tracks) -> (..., cells)
        return np.abs(in_samples @ share / len(samples) - (1 - in_samples) @ share / len(training))

    # Deals that differ as much as the given one must count, so they may be smaller by a rounding error.
    as_different = difference(dealt) >= difference(sampled.astype(float)) - 1e-9  # [draws, cells]
    p = (1 + as_different.sum(0)) / (1 + DRAWS)
    return int((p < significance).sum())


def evaluate(training: np.ndarray, samples: np.ndarray, centres: np.ndarray, significance: float) -> NDB:
    """NDB of windows [windows, dimensions], with the centres [cells, dimensions] from :func:`cells`."""
    validate(training, samples)
    return compare(shares(training, centres), len(training), shares(samples, centres), len(samples), significance)
