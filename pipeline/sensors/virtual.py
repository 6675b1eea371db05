"""Virtual inertial sensors: what a sensor on each forearm would read, from the movement in a video.

An accelerometer reads the acceleration less gravity: at rest, 9.81 m/s² upwards. The sensor sits at the wrist and turns with the
forearm, from elbow to wrist. A video shows two dimensions, so the sensor has two axes and one turn rate, all in the plane of the
picture. Movement has the neck as its origin: if the whole player sways, the sensor does not notice.

Source: virtual sensors from video are those of IMUTube (Kwon et al. 2020, arXiv 2006.05675), which works in three dimensions.

A reading is float [frames, 3, 2]: along the forearm in m/s², across it in m/s², turn rate in rad/s; of the right arm, of the left.
Across is a quarter turn clockwise from along, and a clockwise turn is positive, as the camera sees it.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pipeline.keypoints.skeleton import LEFT_ELBOW, LEFT_WRIST, RIGHT_ELBOW, RIGHT_WRIST

SIDES = ("right", "left")
CHANNELS = ("along_m_s2", "across_m_s2", "turn_rate_rad_s")
ACCELERATIONS, TURN_RATE = slice(0, 2), 2
GRAVITY_M_S2 = 9.81
STILL = 1e-6  # a channel that deviates by less stands still


def readings(motion: np.ndarray, fps: float, *, shoulders_m: float, smoothing_s: float) -> np.ndarray:
    """Readings float32 [frames, 3, 2] of movement.

    Args:
        motion: float [frames, 47, 2] at `fps`, in shoulder widths; three frames or more.
        shoulders_m: shoulder width of the player in m.
        smoothing_s: standard deviation of the Gaussian that smooths the joints.
    """
    sigma, metres = smoothing_s * fps, motion.astype(np.float64) * shoulders_m
    found = np.zeros((len(motion), 3, 2))
    for side, (elbow, wrist) in enumerate(((RIGHT_ELBOW, RIGHT_WRIST), (LEFT_ELBOW, LEFT_WRIST))):
        # Differences of the smoothed path: the derivative of a sampled Gaussian would let the place itself leak in.
        path = gaussian_filter1d(metres[:, wrist], sigma, axis=0, mode="nearest")
        acceleration = fps**2 * np.pad(np.diff(path, 2, axis=0), ((1, 1), (0, 0)), mode="edge")
        force = acceleration - np.array([0, GRAVITY_M_S2])  # y points down in a picture
        forearm = gaussian_filter1d(metres[:, wrist] - metres[:, elbow], sigma, axis=0, mode="nearest")
        angle = np.unwrap(np.arctan2(forearm[:, 1], forearm[:, 0]))
        cos, sin = np.cos(angle), np.sin(angle)
        found[:, 0, side] = cos * force[:, 0] + sin * force[:, 1]
        found[:, 1, side] = cos * force[:, 1] - sin * force[:, 0]
        found[:, TURN_RATE, side] = np.gradient(angle) * fps
    return found.astype(np.float32)


def standardise(readings: np.ndarray) -> np.ndarray:
    """Readings [frames, 3, 2] as a model takes them, whatever the unit and the mounting: float32, of mean 0.

    The mean square of the two accelerations of a sensor is 1, and so is that of its turn rate. What stands still is 0.
    """
    deviation = readings - readings.mean(axis=0, dtype=np.float64)
    square = (deviation**2).mean(axis=0)  # (3, 2)
    moving = (square > STILL**2).astype(float)
    square[ACCELERATIONS] = square[ACCELERATIONS].sum(0) / np.maximum(moving[ACCELERATIONS].sum(0), 1)
    return (deviation * moving / np.sqrt(np.where(square > STILL**2, square, 1))).astype(np.float32)
