"""Hands for tests, and detectors that see them alone, or nobody."""

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.keypoints.skeleton import JOINTS, LEFT_HAND, RIGHT_HAND
from pipeline.params import Keypoints


def hand(wrist: tuple[float, float]) -> np.ndarray:
    """21 joints of a hand that points down, whose palm is 50 long."""
    joints = np.array(wrist) + np.zeros((21, 2))
    for finger in range(5):
        for part in range(4):
            joints[1 + 4 * finger + part] += (10 * (finger - 2), 50 + 20 * part)
    return joints


def playing(frames: int = 50) -> np.ndarray:
    """Two hands as a camera in front sees them, the right one on the left: each wrist goes up and down. float32 [frames, 47, 3]."""
    found = np.zeros((frames, JOINTS, 3), np.float32)
    for frame in range(frames):
        found[frame, RIGHT_HAND, :2] = hand((100, 200 + 10 * np.sin(frame / 3)))
        found[frame, LEFT_HAND, :2] = hand((220, 200 + 10 * np.cos(frame / 5)))
    found[:, RIGHT_HAND, 2] = found[:, LEFT_HAND, 2] = 1
    return found


def no_one(pictures: Iterable[np.ndarray], _: Keypoints) -> Iterator[np.ndarray]:
    for _picture in pictures:
        yield np.zeros((JOINTS, 3), np.float32)


def two_hands(pictures: Iterable[np.ndarray], _: Keypoints) -> Iterator[np.ndarray]:
    for joints, _picture in zip(playing(500), pictures, strict=False):
        yield joints
