"""A walk through a latent space: to a point, linger there, go straight to the next one.

After Bryan (2019), "Music viz with autoencoders": the points are a Markov chain, and so is lingering.
"""

from collections.abc import Iterable, Iterator

import numpy as np

ROUNDING = 1e-9  # of the sum of the steps of a way


def walk(
    latent: int,
    fps: float,
    memory: float,
    lingers_s: float,
    travels_s: float,
    generator: np.random.Generator,
    paces: Iterable[float],
) -> Iterator[np.ndarray]:
    """Yield the place at each frame, float64 [latent].

    The points are an autoregressive process of order 1, each coordinate of mean 0 and variance 1. On the way between two of them
    the variance is smaller.

    Args:
        fps: frames a second.
        memory: correlation of each point with the next, from 0 to below 1.
        lingers_s: mean time at a point, s. It is left at each frame with the same probability, so the times are geometric.
        travels_s: time from a point to the next, s, rounded to a frame or more.
        paces: how fast the time of the walk runs up to each frame, 1 for as it is.
    """
    leaves, step = 1 / (lingers_s * fps), 1 / max(round(travels_s * fps), 1)
    point, way = generator.standard_normal(latent), 0.0
    goal: np.ndarray | None = None
    for pace in paces:
        if goal is not None:
            way += step * pace
        elif generator.random() < leaves * pace:
            goal = memory * point + (1 - memory**2) ** 0.5 * generator.standard_normal(latent)
            way = step * max(pace - 1, 0)
        if goal is not None and way >= 1 - ROUNDING:
            point, goal = goal, None
        yield point if goal is None else point + (goal - point) * way
