"""The movement of hands without a body, such as a pianist's from above, for a model that knows players with bodies.

The unit is that of other movement, a shoulder width: a palm is `PALM` of it. The hands lie where those of a pianist lie, below the
neck, which is the origin: the mid-point of the wrists, by its median over time, is that of `WRISTS`. Neck, shoulders and elbows
keep still at their usual places. They are not put on their parents, as joints that are never seen are elsewhere: models
standardise each joint, and shoulders without a width would be farther from all that they know than any movement.

If the right hand is to the right, the camera looks from behind or above the player. The picture is turned by half a circle then, to
show what a camera in front sees.
"""

import numpy as np

from pipeline.keypoints import cleaning
from pipeline.keypoints.skeleton import (
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NECK,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)

# In shoulder widths, from the neck; of the studio's players. The length of a palm is from the wrist to the middle finger's knuckle.
PALM, KNUCKLE = 0.27, 9
BODY = {
    RIGHT_SHOULDER: (-0.5, 0.0),
    LEFT_SHOULDER: (0.5, 0.0),
    RIGHT_ELBOW: (-0.7, 0.9),
    LEFT_ELBOW: (0.7, 0.9),
}
WRISTS = {RIGHT_WRIST: np.array([-0.3, 0.9]), LEFT_WRIST: np.array([0.3, 0.9])}
HANDS = {RIGHT_WRIST: RIGHT_HAND, LEFT_WRIST: LEFT_HAND}
LEAST = 0.5  # share of the pictures in which a hand must be seen to move; one that is seen in fewer lies still


def clean(keypoints: np.ndarray, times: np.ndarray, fps: float, min_confidence: float) -> np.ndarray:
    """As `cleaning.clean`, from the hands alone.

    Args:
        keypoints: float32 [frames, 47, 3] = x px, y px, confidence in 0..1; times: float64 [frames], increasing, s.

    Returns:
        movement, float32 [rows, 47, 2] at `fps`, finite.

    Raises:
        ValueError: no hand is seen in half of the pictures, or the hands have no size.
    """
    is_seen = cleaning.seen(keypoints, min_confidence)
    there = [wrist for wrist in HANDS if is_seen[:, wrist].mean() >= LEAST]
    if not there:
        raise ValueError("no hand is seen in half of its pictures")
    positions = keypoints[:, :, :2].astype(np.float64)
    palms_px = [
        np.linalg.norm(positions[is_seen[:, wrist], wrist + KNUCKLE] - positions[is_seen[:, wrist], wrist], axis=-1)
        for wrist in there
    ]
    unit_px = float(np.median(np.concatenate(palms_px))) / PALM
    if not unit_px >= cleaning.SMALLEST_SHOULDERS_PX:
        raise ValueError("its hands have no size")
    only_hands = np.zeros_like(is_seen)
    for wrist in there:
        only_hands[:, HANDS[wrist]] = is_seen[:, HANDS[wrist]]
    positions[:, NECK], only_hands[:, NECK] = 0, True  # a fixed point, from which the wrists are interpolated
    even = cleaning.resample(cleaning.interpolate(positions, only_hands, times), times, fps) / unit_px
    if len(there) == 2 and np.median(even[:, RIGHT_WRIST, 0] - even[:, LEFT_WRIST, 0]) > 0:
        even = -even
    middle = np.mean([np.median(even[:, wrist], axis=0) for wrist in there], axis=0)
    even += np.mean([WRISTS[wrist] for wrist in there], axis=0) - middle
    motion = np.zeros_like(even)
    for joint, place in BODY.items():
        motion[:, joint] = place
    for wrist, hand in HANDS.items():
        motion[:, hand] = even[:, hand] if wrist in there else WRISTS[wrist]
    return motion.astype(np.float32)
