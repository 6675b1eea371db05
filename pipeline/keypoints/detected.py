"""The result of a detector."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Detected:
    """A track's joints.

    Attributes:
        keypoints: float32 [frames, 47, 3] = x px, y px of the whole picture, confidence in 0..1 (0 = not found).
        times: float64 [frames], s from the track's start.
        width_px, height_px: of the whole picture.
    """

    keypoints: np.ndarray
    times: np.ndarray
    width_px: int
    height_px: int
