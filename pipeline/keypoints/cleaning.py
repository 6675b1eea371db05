"""Turns a detector's joints into movement that a model can learn from: no gaps, an even rate, one origin and scale.

The offset of a missing joint *from its parent* is interpolated linearly in time and added to the parent (paper, section
3), so a hidden hand keeps moving with its arm. Before a joint is first seen and after it is last seen, it keeps the
nearest offset that was seen. A joint that is never seen lies on its parent.
"""

import numpy as np

from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, NECK, PARENTS, RIGHT_SHOULDER

SMALLEST_SHOULDERS_PX = 1.0  # below it there is no movement to see, and dividing by the width would amplify noise


def seen(keypoints: np.ndarray, min_confidence: float) -> np.ndarray:
    """Which joints of keypoints [frames, 47, 3] count as found: bool [frames, 47]."""
    confidence = keypoints[:, :, 2]
    return (confidence > 0) & (confidence >= min_confidence)


def interpolate(positions: np.ndarray, is_seen: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Fill in the joints that were not seen.

    Args:
        positions: float [frames, 47, 2]; any value where a joint was not seen.
        is_seen: bool [frames, 47].
        times: float [frames], increasing, s.

    Returns:
        float64 [frames, 47, 2], unchanged where a joint was seen.

    Raises:
        ValueError: the neck is never seen, so the other joints have no root.
    """
    if not is_seen[:, NECK].any():
        raise ValueError("the player's neck is never seen")
    filled = np.zeros(positions.shape)
    for joint in range(JOINTS):  # parents come before their children
        parent = filled[:, PARENTS[joint]]  # zero for the neck, which is its own parent
        here = is_seen[:, joint]
        if here.all():
            filled[:, joint] = positions[:, joint]
        elif here.any():
            offset = positions[here, joint] - parent[here]
            for axis in range(2):
                guess = parent[:, axis] + np.interp(times, times[here], offset[:, axis])
                filled[:, joint, axis] = np.where(here, positions[:, joint, axis], guess)
        else:
            filled[:, joint] = parent
    return filled


def shoulder_width(positions: np.ndarray, is_seen: np.ndarray) -> float:
    """The player's median shoulder width over the frames in which both shoulders were seen, in the unit of positions.

    Raises:
        ValueError: there is no such frame, or the width is below `SMALLEST_SHOULDERS_PX`.
    """
    both = is_seen[:, RIGHT_SHOULDER] & is_seen[:, LEFT_SHOULDER]
    if not both.any():
        raise ValueError("the player's shoulders are never seen together")
    across = positions[both, RIGHT_SHOULDER] - positions[both, LEFT_SHOULDER]
    width = float(np.median(np.linalg.norm(across, axis=-1)))
    if not width >= SMALLEST_SHOULDERS_PX:
        raise ValueError(f"the player's shoulders are {width:.1f} px wide: there is no movement to see")
    return width


def resample(positions: np.ndarray, times: np.ndarray, fps: float) -> np.ndarray:
    """Resample positions [frames, 47, 2] to an even rate: row i is at i / fps s, from 0 to the last of the times.

    Positions between two times are interpolated linearly. Before the first time, the first position holds.
    """
    rows = int(np.floor(times[-1] * fps + 1e-6)) + 1  # 1e-6: rounding must not lose the last row
    flat = positions.reshape(len(positions), -1)
    even = np.arange(rows) / fps
    return np.stack([np.interp(even, times, column) for column in flat.T], axis=1).reshape(rows, *positions.shape[1:])


def clean(keypoints: np.ndarray, times: np.ndarray, fps: float, min_confidence: float) -> tuple[np.ndarray, float]:
    """A track's movement.

    Args:
        keypoints: float32 [frames, 47, 3] = x px, y px, confidence in 0..1.
        times: float64 [frames], increasing, s.
        fps: rate of the result.
        min_confidence: a joint below it counts as not found.

    Returns:
        movement, float32 [rows, 47, 2], finite: the neck is the origin in every row, and the player's median shoulder
            width is the unit.
        share of the joints, over all frames, that were interpolated.

    Raises:
        ValueError: no player can be seen; the message says why.
    """
    is_seen = seen(keypoints, min_confidence)
    positions = keypoints[:, :, :2].astype(np.float64)
    unit_px = shoulder_width(positions, is_seen)
    even = resample(interpolate(positions, is_seen, times), times, fps)
    motion = (even - even[:, [NECK]]) / unit_px
    return motion.astype(np.float32), float(1 - is_seen.mean())
