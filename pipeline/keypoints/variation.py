"""Varies movement in training: the same music, played by somebody else before another camera.

Each window gets a size, a width, a tilt, a shear and a side; some also get a slower camera, a detector's errors, or a hand that
is not seen. Movement is that of `cleaning`: the neck is the origin, the shoulder width the unit.
"""

import numpy as np

from pipeline import params
from pipeline.keypoints.skeleton import JOINTS, LEFT_HAND, LEFT_WRIST, NECK, RIGHT_HAND, RIGHT_SHOULDER, RIGHT_WRIST

_ARM = JOINTS // 2  # joints of one side
OTHER_SIDE = [NECK, *range(RIGHT_SHOULDER + _ARM, JOINTS), *range(RIGHT_SHOULDER, RIGHT_SHOULDER + _ARM)]
HANDS = ((RIGHT_HAND, RIGHT_WRIST), (LEFT_HAND, LEFT_WRIST))


def vary(motion: np.ndarray, chosen: params.Variation, fps: float, generator: np.random.Generator) -> np.ndarray:
    """Windows of movement, float32 [windows, frames, joints, 2], each varied by itself; the given ones stay as they are."""
    windows = len(motion)
    sides = generator.random(windows) < chosen.mirrored
    varied = np.where(sides[:, None, None, None], mirrored(motion), motion)
    varied = np.einsum("wij,wfkj->wfki", _views(windows, chosen, generator), varied)
    for window in np.flatnonzero(generator.random(windows) < chosen.slow_camera):
        varied[window] = _seen_at(generator.uniform(chosen.lowest_fps, fps), varied[window], fps, generator)
    level = np.exp(generator.uniform(np.log(chosen.noise / 10), np.log(chosen.noise), windows))
    level *= generator.random(windows) < chosen.noisy
    varied += level[:, None, None, None] * _errors(motion.shape, chosen, generator)
    for window in np.flatnonzero(generator.random(windows) < chosen.lost_hand):
        _lose_hand(varied[window], chosen.lost_s * fps, generator)
    return varied.astype(np.float32)


def mirrored(motion: np.ndarray) -> np.ndarray:
    """Movement [..., joints, 2] of the same player in a mirror: the right hand is the left one."""
    return motion[..., OTHER_SIDE, :] * np.array([-1, 1], motion.dtype)


def _views(windows: int, chosen: params.Variation, generator: np.random.Generator) -> np.ndarray:
    """Size, width, shear and tilt as matrices [windows, 2, 2]."""
    size = np.exp(generator.uniform(-1, 1, windows) * np.log(chosen.size))
    width = generator.uniform(chosen.narrowest, 1, windows)
    shear = generator.uniform(-chosen.shear, chosen.shear, windows)
    tilt = np.radians(generator.uniform(-chosen.tilt_degrees, chosen.tilt_degrees, windows))
    turned = np.stack([np.cos(tilt), -np.sin(tilt), np.sin(tilt), np.cos(tilt)], axis=1).reshape(-1, 2, 2)
    squeezed = np.stack([width, shear, np.zeros(windows), np.ones(windows)], axis=1).reshape(-1, 2, 2)
    return size[:, None, None] * turned @ squeezed


def _seen_at(slow_fps: float, motion: np.ndarray, fps: float, generator: np.random.Generator) -> np.ndarray:
    """One window [frames, joints, 2] as a camera of a lower frame rate shows it, interpolated between its pictures."""
    frames_s = np.arange(len(motion)) / fps
    pictures_s = np.arange(-generator.random() / slow_fps, frames_s[-1] + 1 / slow_fps, 1 / slow_fps)
    pictures_s = pictures_s.clip(0, frames_s[-1])
    weights = _between(frames_s, pictures_s) @ _between(pictures_s, frames_s)
    return (weights @ motion.reshape(len(motion), -1)).reshape(motion.shape)


def _between(wanted_s: np.ndarray, known_s: np.ndarray) -> np.ndarray:
    """Weights [wanted, known] of linear interpolation between ascending times."""
    after = np.searchsorted(known_s, wanted_s, side="right").clip(1, len(known_s) - 1)
    gap = known_s[after] - known_s[after - 1]
    share = (wanted_s - known_s[after - 1]) / np.where(gap > 0, gap, 1)
    weights, rows = np.zeros((len(wanted_s), len(known_s))), np.arange(len(wanted_s))
    weights[rows, after - 1], weights[rows, after] = 1 - share, share
    return weights


def _errors(shape: tuple[int, ...], chosen: params.Variation, generator: np.random.Generator) -> np.ndarray:
    """A detector's errors [windows, frames, joints, 2]: of variance 1 from frame to frame, half of it slow, and a bias.

    A finger has the error of its wrist, and one of its own. The neck is the origin, so it has none.
    """
    slow, white = generator.standard_normal((2, *shape), dtype=np.float32)
    for frame in range(1, shape[1]):
        slow[:, frame] *= (1 - chosen.noise_correlation**2) ** 0.5
        slow[:, frame] += chosen.noise_correlation * slow[:, frame - 1]
    errors = (slow + white) / 2**0.5
    errors += chosen.bias * generator.standard_normal((shape[0], 1, *shape[2:]), dtype=np.float32)
    for hand, wrist in HANDS:
        errors[:, :, hand.start + 1 : hand.stop] += errors[:, :, [wrist]]
    errors[:, :, NECK] = 0
    return errors


def _lose_hand(motion: np.ndarray, longest: float, generator: np.random.Generator) -> None:
    """Hide one hand of a window [frames, joints, 2], for a while or always, and fill the gap as `cleaning` does."""
    hand, wrist = HANDS[generator.integers(2)]
    fingers = slice(hand.start + 1, hand.stop)
    first, frames = int(generator.integers(len(motion))), int(generator.integers(2, max(int(longest), 2) + 1))
    offsets = motion[:, fingers] - motion[:, [wrist]]
    if generator.random() < 0.3:  # never seen: its joints lie on the wrist
        offsets[:] = 0
    else:
        last = min(first + frames, len(motion) - 1)
        share = np.linspace(0, 1, last - first + 1)[:, None, None]
        offsets[first : last + 1] = offsets[first] * (1 - share) + offsets[last] * share
    motion[:, fingers] = motion[:, [wrist]] + offsets
