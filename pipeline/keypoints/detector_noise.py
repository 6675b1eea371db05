"""Gives true joints the noise of a detector, so that not every track has to be detected.

A detector smooths over pictures: its joints follow the true movement late, and not in full. `response` measures this for
each joint. All else that it adds is the residual: bias, jitter and joints that are not found. A track takes it from
another player, in shoulder widths, moved in time.

A finger's response is that of its offset from the wrist. Otherwise the arm would decide it, because it moves more.
"""

from collections.abc import Iterable

import numpy as np

from pipeline.keypoints.skeleton import (
    JOINTS,
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)

PICTURES = 8  # length of a response: the present picture and those before it
STILL = 0.001  # shoulder widths; a joint that moves less than this does not show its response

FINGERS = [*range(JOINTS)[RIGHT_HAND][1:], *range(JOINTS)[LEFT_HAND][1:]]
WRISTS = [RIGHT_WRIST] * 20 + [LEFT_WRIST] * 20  # of FINGERS


def response(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """How much of a joint's true movement, in the present and in each earlier picture, a detector shows.

    Least squares, with a ridge towards a detector that shows everything at once.

    Args:
        pairs: tracks at one frame rate: true joints, float [frames, 47, 2], px; and what the detector found, float
            [frames, 47, 3] = x px, y px, confidence (0 = not found).

    Returns:
        float64 [47, PICTURES], the present picture first. A joint that was never found has 1, 0, 0, …
    """
    squares = np.zeros((JOINTS, PICTURES, PICTURES))
    products = np.zeros((JOINTS, PICTURES))
    for truth, detected in pairs:
        width_px = _shoulder_width(truth)
        found = detected[:, :, 2] > 0
        found[:, FINGERS] &= found[:, WRISTS]
        past = _past(_offsets(truth) / width_px)
        errors = _offsets(detected[:, :, :2]) / width_px - past[..., 0]
        for joint in np.flatnonzero(found.any(axis=0)):
            here, error = past[found[:, joint], joint], errors[found[:, joint], joint]
            here = (here - here.mean(axis=0)).reshape(-1, PICTURES)
            squares[joint] += here.T @ here + len(here) * STILL**2 * np.eye(PICTURES)
            products[joint] += here.T @ (error - error.mean(axis=0)).ravel()
    weights = np.eye(1, PICTURES).repeat(JOINTS, axis=0)
    known = squares.any(axis=(1, 2))
    weights[known] += np.linalg.solve(squares[known], products[known, :, None])[..., 0]
    return weights


def add_noise(
    truth: np.ndarray, weights: np.ndarray, other_truth: np.ndarray, other_detected: np.ndarray, shift: int
) -> np.ndarray:
    """What the detector might have found in a track, from what it found in another one.

    Args:
        truth: true joints of the track, float [frames, 47, 2], px.
        weights: a `response`.
        other_truth, other_detected: of the other track, as in `response`.
        shift: the other track's picture from which the residual is taken. It runs to the end of that track, then
            backwards to its start, and so on, so that it has no jump.

    Returns:
        float32 [frames, 47, 3] = x px, y px, confidence. A joint that was not found in the other track's picture has
            x = y = confidence = 0.
    """
    residual = (other_detected[:, :, :2] - _followed(other_truth, weights)) / _shoulder_width(other_truth)
    last = len(other_truth) - 1
    pictures = last - np.abs(last - (np.arange(len(truth)) + shift) % max(2 * last, 1))
    confidence = other_detected[pictures, :, 2:]
    positions = _followed(truth, weights) + residual[pictures] * _shoulder_width(truth)
    return np.where(confidence > 0, np.concatenate([positions, confidence], axis=2), 0).astype(np.float32)


def _followed(truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """True joints [frames, 47, 2] as a detector with this response, and without a residual, would show them."""
    offsets = _offsets(truth)
    rest = offsets.mean(axis=0)
    shown = rest + np.einsum("fjap,jp->fja", _past(offsets - rest), weights)
    shown[:, FINGERS] += shown[:, WRISTS]
    return shown


def _offsets(joints: np.ndarray) -> np.ndarray:
    """Joints [frames, 47, 2] with the fingers as offsets from their wrist, float64."""
    offsets = joints.astype(np.float64)
    offsets[:, FINGERS] -= offsets[:, WRISTS]
    return offsets


def _past(positions: np.ndarray) -> np.ndarray:
    """Positions [frames, 47, 2] in the present and earlier pictures: [frames, 47, 2, PICTURES]. The first one holds."""
    rows = np.arange(len(positions))[:, None] - np.arange(PICTURES)
    return np.moveaxis(positions[np.maximum(rows, 0)], 1, -1)


def _shoulder_width(truth: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(truth[:, RIGHT_SHOULDER] - truth[:, LEFT_SHOULDER], axis=-1)))
