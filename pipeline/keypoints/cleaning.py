"""From a detector's joints to movement that a model can learn from: no gaps, an even rate, one place and size.

A missing joint is interpolated linearly in time *relative to its parent* and put back on it (paper, section 3): a
hidden hand goes on moving with its arm. Before a joint is first seen and after it is last seen it keeps the nearest
offset that was seen. A joint that is never seen lies on its parent.
"""

import numpy as np

from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, NECK, PARENTS, RIGHT_SHOULDER

SMALLEST_SHOULDERS_PX = 1.0  # below it the picture holds no movement, and dividing by it would make noise of it


def seen(keypoints: np.ndarray, min_confidence: float) -> np.ndarray:
    """Which joints of keypoints [frames, 47, 3] count as found: bool [frames, 47]."""
    confidence = keypoints[:, :, 2]
    return (confidence > 0) & (confidence >= min_confidence)


def interpolate(positions: np.ndarray, is_seen: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Fill in the joints that were not seen.

    Args:
        positions: float [frames, 47, 2]; where not seen, anything.
        is_seen: bool [frames, 47].
        times: float [frames], increasing, s.

    Returns:
        float64 [frames, 47, 2]: the same where a joint was seen.

    Raises:
        ValueError: the neck is never seen, so there is nothing to hang the rest on.
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
    """The player's median shoulder width in the frames in which both shoulders were seen, in the unit of positions.

    Raises:
        ValueError: there is no such frame, or the shoulders lie in one place.
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
    """Positions [frames, 47, 2] at an even rate: row i is at i / fps s, from 0 to the last of the times.

    Linear between the times. Before the first of the times the first position holds.
    """
    rows = int(np.floor(times[-1] * fps + 1e-6)) + 1  # a time that misses its row by the rounding of floats has it
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
        float32 [rows, 47, 2], finite: origin at the neck in every row, unit the player's median shoulder width; and the
        share of joints (over all frames) that were interpolated.

    Raises:
        ValueError: there is no player to see, in words.
    """
    is_seen = seen(keypoints, min_confidence)
    positions = keypoints[:, :, :2].astype(np.float64)
    unit_px = shoulder_width(positions, is_seen)
    even = resample(interpolate(positions, is_seen, times), times, fps)
    motion = (even - even[:, [NECK]]) / unit_px
    return motion.astype(np.float32), float(1 - is_seen.mean())
