"""Percentile bootstrap over tracks: how far would a figure move with other tracks?

Conventions
-----------
Windows of one track are alike, so tracks are drawn, never windows: with replacement, as many as there are. A figure is a ratio
of sums over tracks (squared error over variance, say). The draws depend on the seed and the number of tracks alone.

Metrics
-------
* :func:`ratio`: interval of sum(numerator) / sum(denominator).
* :func:`reduction`: interval of the relative reduction from one system to another over the same tracks, paired.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics 1979); percentiles as in Efron and
Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
"""

import numpy as np

DRAWS = 10_000  # the bounds of a 95 % interval then rest on 250 draws each


def validate(numerator: np.ndarray, denominator: np.ndarray, confidence: float) -> None:
    """Raise ValueError unless both are finite, 1-D and equally long, two tracks or more, and denominators are above 0."""
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
        numerator, denominator: float [tracks], each track's own sum.
        confidence: of the interval; (1 - confidence) / 2 of the draws lie beyond either bound.
        seed: of the draws.

    Returns:
        the lower and the upper bound.

    Raises:
        ValueError: as `validate`.
    """
    validate(numerator, denominator, confidence)
    tracks = len(numerator)
    # How often each track is drawn, rather than which are: [draws, tracks].
    counts = np.random.default_rng(seed).multinomial(tracks, np.full(tracks, 1 / tracks), size=DRAWS)
    drawn = (counts @ numerator) / (counts @ denominator)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def reduction(old: np.ndarray, new: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Percentile interval of the relative reduction 1 - sum(new) / sum(old); arguments and errors as in `ratio`."""
    low, high = ratio(new, old, confidence, seed)
    return 1 - high, 1 - low
