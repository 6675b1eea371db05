"""Draws the skeleton into pictures."""

import cv2
import numpy as np

from pipeline.keypoints.detected import Detected
from pipeline.keypoints.skeleton import BONES

LINE = (0, 200, 255)  # colour of the skeleton, BGR


def draw_at(found: Detected, time_s: float, picture: np.ndarray) -> None:
    """Draw the joints found nearest to a time into the picture of that time, uint8 [height, width, 3], in place."""
    # Not every picture was looked at, so take the joints of the nearest one that was.
    middles = (found.times[1:] + found.times[:-1]) / 2
    draw_skeleton(picture, found.keypoints[np.searchsorted(middles, time_s)])


def draw_skeleton(picture: np.ndarray, joints: np.ndarray) -> None:
    """Draw joints float32 [47, 3] into a picture, uint8 [height, width, 3], in place."""
    wide = max(1, picture.shape[0] // 240)
    for a, b in BONES:
        if joints[a, 2] > 0 and joints[b, 2] > 0:
            ends = [(int(joints[joint, 0]), int(joints[joint, 1])) for joint in (a, b)]
            cv2.line(picture, ends[0], ends[1], LINE, wide, cv2.LINE_AA)
