"""Percentile bootstrap over tracks: how much would a figure change with other tracks?

Conventions
-----------
Windows of one track resemble each other, so tracks are resampled, not windows. Each draw takes as many tracks as there are, with
replacement. A figure is a ratio of sums over tracks, for example squared error over variance. The draws depend only on the seed
and on the number of tracks.

Metrics
-------
* :func:`ratio`: interval of sum(numerator) / sum(denominator).
* :func:`reduction`: interval of the relative reduction from one system to another, paired over the same tracks.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics 1979); percentiles as in Efron and
Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
"""

import numpy as np

DRAWS = 10_000  # leaves 250 draws beyond each bound of a 95 % interval


def validate(numerator: np.ndarray, denominator: np.ndarray, confidence: float) -> None:
    """Raise ValueError unless both are finite, 1-D and of equal length (at least 2), and all denominators are above 0."""
    if numerator.ndim != 1 or numerator.shape != denominator.shape:
        raise ValueError(f"sums of shapes {numerator.shape} and {denominator.shape} are not of the same tracks")
    if len(numerator) < 2:
        raise ValueError("one track says nothing of the spread over tracks")
    if not np.isfinite(numerator).all() or not np.isfinite(denominator).all() or (denominator <= 0).any():
        raise ValueError("sums must be finite, and those of the denominator above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}: must be between 0 and 1")


def ratio(numerator: np.ndarray, denominator: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Percentile interval of sum(numerator) / sum(denominator).

    Args:
        numerator, denominator: sums for each track, float [tracks].
        confidence: 0..1. A share of (1 - confidence) / 2 of the draws lies beyond each bound.
        seed: for the draws.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: see `validate`.
    """
    validate(numerator, denominator, confidence)
    tracks = len(numerator)
    # How often each track is drawn: [draws, tracks].
    counts = np.random.default_rng(seed).multinomial(tracks, np.full(tracks, 1 / tracks), size=DRAWS)
    drawn = (counts @ numerator) / (counts @ denominator)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def reduction(old: np.ndarray, new: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Percentile interval of the relative reduction 1 - sum(new) / sum(old). Arguments and errors are those of `ratio`."""
    low, high = ratio(new, old, confidence, seed)
    return 1 - high, 1 - low
