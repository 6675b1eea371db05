"""Percentage of correct keypoints (PCK): how accurate are a detector's joints?

Conventions
-----------
Joints are float [frames, joints, 2], in px. A joint is correct if it is within `threshold` shoulder widths of the true joint.
The shoulder width is the median over all frames of the true distance between the player's shoulders, so that frames in which the
player turns are not judged more strictly. A joint that was not found is wrong.

Metrics
-------
* :func:`pck`: share of the joints that are correct, 0..1.

Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts" (PAMI 2013), who use the size
of the person's box as the unit. Here the unit is the shoulder width, since only the upper body is in view.
"""

import numpy as np

from pipeline.keypoints.skeleton import BODY, JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER


def validate(reference: np.ndarray, estimated: np.ndarray, found: np.ndarray) -> None:
    """Check the arguments of :func:`pck`.

    Raises:
        ValueError: shapes do not match, there are no frames, or the true joints are not finite or have no shoulder width.
    """
    if reference.ndim != 3 or reference.shape[1:] != (JOINTS, 2):
        raise ValueError(f"true joints are {list(reference.shape)}, not [frames, {JOINTS}, 2]")
    if estimated.shape != reference.shape:
        raise ValueError(f"{len(reference)} frames of true joints for {len(estimated)} frames of estimated ones")
    if found.shape != reference.shape[:2]:
        raise ValueError(f"found is {list(found.shape)}, not {list(reference.shape[:2])}")
    if not len(reference):
        raise ValueError("no frames to compare")
    if not np.isfinite(reference).all():
        raise ValueError("true joints with NaN or infinite coordinates")
    if not _shoulder_width(reference) > 0:
        raise ValueError("true shoulders in one place: there is no unit to measure in")


def pck(
    reference: np.ndarray,
    estimated: np.ndarray,
    found: np.ndarray,
    joints: tuple[int, ...] = BODY,
    threshold: float = 0.2,
) -> float:
    """Share of correct joints.

    Args:
        reference: true joints, float [frames, 47, 2], px.
        estimated: the detector's joints, float [frames, 47, 2], px.
        found: whether the detector found each joint, bool [frames, 47].
        joints: indices of the joints that count.
        threshold: the largest error of a correct joint, in shoulder widths.

    Returns:
        From 0 (none correct) to 1 (all correct).

    Raises:
        ValueError: see `validate`.
    """
    validate(reference, estimated, found)
    chosen = list(joints)
    error_px = np.linalg.norm(estimated[:, chosen].astype(np.float64) - reference[:, chosen], axis=-1)
    return float((found[:, chosen] & (error_px <= threshold * _shoulder_width(reference))).mean())


def _shoulder_width(joints: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(joints[:, RIGHT_SHOULDER] - joints[:, LEFT_SHOULDER], axis=-1)))
