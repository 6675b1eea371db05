"""A walk through a latent space: to a point, linger there, go straight to the next one.

After Bryan (2019), "Music viz with autoencoders": the points are a Markov chain, and so is lingering.
"""

from collections.abc import Iterator

import numpy as np


def walk(
    latent: int, fps: float, memory: float, lingers_s: float, travels_s: float, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the place at each frame, float64 [latent], without end.

    The points are an autoregressive process of order 1, each coordinate of mean 0 and variance 1. On the way between two of them
    the variance is smaller.

    Args:
        fps: frames a second.
        memory: correlation of each point with the next, from 0 to below 1.
        lingers_s: mean time at a point, s. It is left at each frame with the same probability, so the times are geometric.
        travels_s: time from a point to the next, s, rounded to a frame or more.
    """
    leaves, frames = min(1 / (lingers_s * fps), 1.0), max(round(travels_s * fps), 1)
    point = generator.standard_normal(latent)
    while True:
        for _ in range(generator.geometric(leaves)):
            yield point
        goal = memory * point + (1 - memory**2) ** 0.5 * generator.standard_normal(latent)
        for frame in range(1, frames):
            yield point + (goal - point) * frame / frames
        point = goal
