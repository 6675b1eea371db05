"""Vectors, hands and arms in the player's own space.

Units are cm. The origin lies between the shoulders; x points to the player's left, y up, z forward.
Arrays of points are float64 [..., 3]. If they have a frame axis, it is the first.
"""

import numpy as np

# Lengths in cm in a hand of 18 cm, from the wrist to the tip of the middle finger. Rows: index to little finger.
# Columns of _KNUCKLES: towards the thumb, along the fingers. Columns of _PHALANGES: from the palm to the tip.
_KNUCKLES = ((2.6, 8.6), (0.6, 9.0), (-1.4, 8.5), (-3.2, 7.6))
_PHALANGES = ((4.3, 2.6, 2.1), (4.7, 2.9, 2.2), (4.4, 2.8, 2.2), (3.5, 2.2, 1.9))
_FAN = (0.10, 0.02, -0.08, -0.18)  # spread of the extended fingers, radians towards the thumb
_BEND = np.array([1.25, 1.55, 0.95])  # angles of a finger's three joints when it is fully curled, radians


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def vec(*xyz: float) -> np.ndarray:
    return np.array(xyz, dtype=np.float64)


def turned(v: np.ndarray, axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Vectors [..., 3] rotated about an axis of length 1 by an angle [...] in radians."""
    angle = np.asarray(angle)[..., None]
    along = (v * axis).sum(-1, keepdims=True) * axis
    return along + (v - along) * np.cos(angle) + np.cross(axis, v) * np.sin(angle)


def rotation(x: np.ndarray | float, y: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    """Rotation matrices [..., 3, 3]. Degrees about x (head down), then z (tilt to the right), then y (to the left)."""
    x, y, z = np.broadcast_arrays(np.radians(x), np.radians(y), np.radians(z))
    one, nought = np.ones_like(x), np.zeros_like(x)

    def matrix(*rows: np.ndarray) -> np.ndarray:
        return np.stack(rows, axis=-1).reshape(*x.shape, 3, 3)

    about_x = matrix(one, nought, nought, nought, np.cos(x), -np.sin(x), nought, np.sin(x), np.cos(x))
    about_y = matrix(np.cos(y), nought, np.sin(y), nought, one, nought, -np.sin(y), nought, np.cos(y))
    about_z = matrix(np.cos(z), -np.sin(z), nought, np.sin(z), np.cos(z), nought, nought, nought, one)
    return about_y @ about_z @ about_x


def hand(
    left: bool, along: np.ndarray, palm: np.ndarray, curls: np.ndarray, size: float, spread: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The 21 joints of a hand, relative to its wrist.

    Args:
        along: [frames, 3], from the wrist to the fingers.
        palm: [frames, 3], roughly out of the palm. It is made perpendicular to `along`.
        curls: [frames, 5], thumb to little finger, 0 extended .. 1 fully curled.
        size: cm from the wrist to the middle finger's tip.

    Returns:
        joints [frames, 21, 3] and the hand's axes [frames, 3, 3] (rows: towards the thumb, along, out of the palm).
    """
    along = unit(along)
    palm = unit(palm - (palm * along).sum(-1, keepdims=True) * along)
    side = np.cross(along, palm) * (-1 if left else 1)
    axes = np.stack([side, along, palm], axis=-2)

    local = np.zeros((len(curls), 21, 3))
    thumb = curls[:, 0]
    local[:, 1] = (2.4, 2.6, 0.6)
    way = unit(np.stack([0.78 - 0.5 * thumb, np.full_like(thumb, 0.75), 0.1 + 0.7 * thumb], axis=-1))
    bent = unit(np.stack([0.55 - 0.8 * thumb, np.full_like(thumb, 0.85), 0.1 + 0.6 * thumb], axis=-1))
    local[:, 2] = local[:, 1] + 4.2 * way
    local[:, 3] = local[:, 2] + 3.2 * bent
    local[:, 4] = local[:, 3] + 2.6 * bent
    for finger in range(4):
        base = 5 + 4 * finger
        local[:, base] = (*_KNUCKLES[finger], 0.0)
        angles = np.cumsum(curls[:, finger + 1, None] * _BEND, axis=1)  # [frames, 3]
        fan = spread * _FAN[finger]
        for bone in range(3):
            cos, sin = np.cos(angles[:, bone]), np.sin(angles[:, bone])
            way = np.stack([cos * np.sin(fan), cos * np.cos(fan), sin], axis=-1)
            local[:, base + bone + 1] = local[:, base + bone] + _PHALANGES[finger][bone] * way
    return (size / 18.0) * np.einsum("tjk,tkc->tjc", local, axes), axes


def elbow(
    shoulder: np.ndarray, wrist: np.ndarray, upper_cm: float, fore_cm: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The elbow and the wrist, each [frames, 3]. A wrist that the arm cannot reach is moved to where it can.

    Args:
        pole: [3] or [frames, 3], the direction in which the elbow points.
    """
    way = wrist - shoulder
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    reached = np.clip(distance, abs(upper_cm - fore_cm) + 4.0, 0.985 * (upper_cm + fore_cm))
    way = way / distance
    along = (upper_cm**2 - fore_cm**2 + reached**2) / (2 * reached)
    out = np.sqrt(np.maximum(upper_cm**2 - along**2, 0.0))
    pole = np.broadcast_to(pole, way.shape)
    pole = unit(pole - (pole * way).sum(-1, keepdims=True) * way)
    return shoulder + along * way + out * pole, shoulder + reached * way
