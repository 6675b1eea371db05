"""Varied movement is the same music by somebody else: every change is what it is called, and as large as is set."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import params
from pipeline.keypoints import variation
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.skeleton import (
    JOINTS,
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NECK,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from pipeline.keypoints.variation import mirrored, vary
from pipeline.params import Variation

SEEDS = st.integers(0, 1000)
FPS = 25.0
SET = params.load(Path(__file__).parent.parent / "profiles" / "smoke.yaml").variation
NOTHING = SET.model_copy(
    update={
        "size": 1.0,
        "narrowest": 1.0,
        "shear": 0.0,
        "tilt_degrees": 0.0,
        "mirrored": 0.0,
        "slow_camera": 0.0,
        "noisy": 0.0,
        "lost_hand": 0.0,
    }
)
FINGERS = {wrist: slice(hand.start + 1, hand.stop) for hand, wrist in variation.HANDS}


def only(**changes: float) -> Variation:
    """One kind of variation and no other."""
    return NOTHING.model_copy(update=changes)


def movement(seed: int, windows: int = 6, frames: int = 60) -> np.ndarray:
    """Somebody who moves at random, in shoulder widths, as `cleaning` gives it: the neck is the origin."""
    steps = np.random.default_rng(seed).normal(0, 0.05, (windows, frames, JOINTS, 2))
    motion = np.random.default_rng([seed, 1]).normal(0, 1, (windows, 1, JOINTS, 2)) + steps.cumsum(axis=1)
    motion[:, :, NECK] = 0
    return motion.astype(np.float32)


def varied(motion: np.ndarray, chosen: Variation, seed: int = 0) -> np.ndarray:
    return vary(motion, chosen, FPS, np.random.default_rng(seed))


def hidden_hands(before: np.ndarray, after: np.ndarray) -> list[int]:
    """The wrists, of one window, whose fingers were changed."""
    return [wrist for wrist, fingers in FINGERS.items() if not np.array_equal(before[:, fingers], after[:, fingers])]


@given(SEEDS)
def test_twice_in_the_mirror_is_as_it_was(seed: int) -> None:
    motion = movement(seed)
    assert np.array_equal(mirrored(mirrored(motion)), motion)
    assert mirrored(motion).dtype == np.float32
    assert np.array_equal(mirrored(motion)[:, :, RIGHT_HAND], motion[:, :, LEFT_HAND] * np.float32([-1, 1]))
    assert np.array_equal(mirrored(motion)[:, :, RIGHT_SHOULDER], motion[:, :, LEFT_SHOULDER] * np.float32([-1, 1]))


def test_the_mirror_of_a_picture_is_the_mirror_of_its_movement() -> None:
    """A player who is filmed in a mirror is found with right for left, at the other side of the picture."""
    keypoints = np.concatenate([100 * movement(0)[0] + 300, np.ones((60, JOINTS, 1))], axis=2).astype(np.float32)
    keypoints[:, [RIGHT_SHOULDER, LEFT_SHOULDER], 0] = [250, 350]
    other_side = [(NECK, *range(24, 47), *range(1, 24))[joint] for joint in range(JOINTS)]
    flipped = np.concatenate([640 - keypoints[:, :, :1], keypoints[:, :, 1:]], axis=2)[:, other_side]
    times_s = np.arange(60) / FPS
    seen, in_mirror = (clean(each, times_s, FPS, 0.1)[0] for each in (keypoints, flipped))
    np.testing.assert_allclose(mirrored(seen), in_mirror, atol=1e-4)


@given(SEEDS)
def test_without_any_variation_movement_stays_as_it_is(seed: int) -> None:
    """What is set to nothing does nothing, whatever is drawn."""
    motion = movement(seed)
    same = varied(motion, NOTHING, seed)
    assert same.dtype == np.float32
    assert np.array_equal(same, motion)


@settings(max_examples=30)
@given(SEEDS, st.floats(12, 50), st.integers(2, 120))
def test_varied_movement_is_movement(seed: int, fps: float, frames: int) -> None:
    """Finite, float32, of the same shape, with its origin in the neck. The windows that were read stay as they are."""
    motion = movement(seed, frames=frames)
    kept = motion.copy()
    made = vary(motion, SET, fps, np.random.default_rng(seed))
    assert (made.dtype, made.shape) == (np.float32, motion.shape)
    assert np.isfinite(made).all()
    assert not made[:, :, NECK].any()
    assert np.array_equal(motion, kept)
    assert np.array_equal(made, vary(motion, SET, fps, np.random.default_rng(seed)))


def test_every_kind_is_drawn_anew_for_each_window() -> None:
    """Another generator varies otherwise, and so does the next window of the same batch."""
    motion = np.repeat(movement(0, windows=1), 40, axis=0)
    made = varied(motion, SET)
    assert len({window.tobytes() for window in made}) == 40
    assert not np.array_equal(made, varied(motion, SET, seed=1))


def views(chosen: Variation) -> np.ndarray:
    """What 300 windows do to the picture plane: matrices [windows, 2, 2]. The same one is found in every joint and frame."""
    motion = movement(0, windows=300, frames=10)
    made = varied(motion, chosen)
    matrices = np.stack(
        [
            np.linalg.lstsq(before.reshape(-1, 2), after.reshape(-1, 2), rcond=None)[0].T
            for before, after in zip(motion.astype(np.float64), made, strict=True)
        ]
    )
    np.testing.assert_allclose(np.einsum("wij,wfkj->wfki", matrices, motion), made, atol=1e-4)
    return matrices


def fills(values: np.ndarray, low: float, high: float) -> bool:
    """Whether values stay between two limits and come near to both."""
    room = 0.02 * (high - low)
    return bool(low - 1e-4 <= values.min() <= low + room and high - room <= values.max() <= high + 1e-4)


def test_size_is_drawn_evenly_up_to_its_limits() -> None:
    """As often larger as smaller: log size is uniform."""
    matrices = views(only(size=1.5))
    size = np.log(matrices[:, 0, 0])
    np.testing.assert_allclose(matrices, np.exp(size)[:, None, None] * np.eye(2), atol=1e-4)
    assert fills(size, -np.log(1.5), np.log(1.5))
    assert np.abs(size).mean() == pytest.approx(np.log(1.5) / 2, rel=0.1)


def test_tilt_turns_the_picture_up_to_its_limit() -> None:
    matrices = views(only(tilt_degrees=12.0))
    angle = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    np.testing.assert_allclose(matrices @ matrices.swapaxes(1, 2), np.broadcast_to(np.eye(2), (300, 2, 2)), atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-4)
    assert fills(angle, -12, 12)


@pytest.mark.parametrize(
    ("chosen", "row", "column", "low", "high"),
    [(only(narrowest=0.6), 0, 0, 0.6, 1), (only(shear=0.15), 0, 1, -0.15, 0.15)],
    ids=["width", "shear"],
)
def test_width_and_shear_move_joints_sideways_alone(
    chosen: Variation, row: int, column: int, low: float, high: float
) -> None:
    matrices = views(chosen)
    assert fills(matrices[:, row, column], low, high)
    matrices[:, row, column] = np.eye(2)[row, column]
    np.testing.assert_allclose(matrices, np.broadcast_to(np.eye(2), (300, 2, 2)), atol=1e-4)


def test_a_player_is_squeezed_and_sheared_before_the_camera_is_tilted() -> None:
    """All at once: each stays within its limits, and a tilted player is narrow along the shoulders, not along the picture."""
    chosen = only(size=1.45, narrowest=0.6, shear=0.15, tilt_degrees=12.0)
    for matrix in views(chosen):
        along = matrix[:, 0] / np.linalg.norm(matrix[:, 0])  # where the shoulders point
        upper = np.array([along, [-along[1], along[0]]]) @ matrix
        size, width, shear = upper[1, 1], upper[0, 0] / upper[1, 1], upper[0, 1] / upper[1, 1]
        assert abs(upper[1, 0]) < 1e-4
        assert abs(np.degrees(np.arctan2(along[1], along[0]))) <= 12.001
        assert 1 / 1.4501 <= size <= 1.4501
        assert 0.5999 <= width <= 1.0001
        assert abs(shear) <= 0.1501


@pytest.mark.parametrize("share", ["mirrored", "slow_camera", "noisy", "lost_hand"])
def test_as_many_windows_are_changed_as_is_said(share: str) -> None:
    motion = movement(0, windows=400, frames=20)
    changed = (varied(motion, only(**{share: 0.3})) != motion).any((1, 2, 3))
    assert changed.mean() == pytest.approx(0.3, abs=0.08)


def test_mirrored_windows_are_mirrored() -> None:
    motion = movement(0)
    assert np.array_equal(varied(motion, only(mirrored=1.0)), mirrored(motion))


def errors(**changes: float) -> np.ndarray:
    """The errors of 400 windows of 40 frames, at level 1."""
    return variation._errors((400, 40, JOINTS, 2), only(noisy=1.0, **changes), np.random.default_rng(0))


def test_errors_have_the_deviation_and_the_correlation_that_are_set() -> None:
    """A wrist's: of variance 1 in time, half of it slow; and a bias. A finger has as much again of its own."""
    for correlation in (0.0, 0.8):
        found = errors(bias=0.0, noise_correlation=correlation)
        wrist, finger = found[:, :, RIGHT_WRIST], found[:, :, FINGERS[RIGHT_WRIST]]
        assert wrist.std() == pytest.approx(1, rel=0.03)
        assert (finger - wrist[:, :, None]).std() == pytest.approx(1, rel=0.03)
        assert np.abs(wrist.mean((0, 1))).max() < 0.05
        for lag in (1, 2):
            product = (wrist[:, lag:] * wrist[:, :-lag]).mean()
            assert product == pytest.approx(correlation**lag / 2, abs=0.03)
        first, last = wrist[:, 0].std(), wrist[:, -1].std()
        assert first == pytest.approx(last, rel=0.1)  # no part of a window is seen better
    constant = errors(bias=1.5, noise_correlation=0.0).mean(1)  # over 40 frames
    assert constant[:, RIGHT_WRIST].std() == pytest.approx(np.hypot(1.5, 1 / 40**0.5), rel=0.1)
    apart = constant[:, FINGERS[LEFT_WRIST]] - constant[:, [LEFT_WRIST]]
    assert apart.std() == pytest.approx(np.hypot(1.5, 1 / 40**0.5), rel=0.1)
    assert not np.isclose(constant[:, RIGHT_WRIST], constant[:, LEFT_WRIST]).any()


def test_the_level_of_the_errors_is_between_the_noise_and_a_tenth_of_it() -> None:
    """In shoulder widths, and as often between 0.03 and 0.01 as between 0.01 and 0.003."""
    motion = movement(0, windows=400, frames=60)
    added = varied(motion, only(noisy=1.0, noise=0.03, noise_correlation=0.0, bias=0.0)) - motion
    level = added[:, :, [RIGHT_SHOULDER, LEFT_SHOULDER, RIGHT_WRIST, LEFT_WRIST]].std((1, 2, 3))
    assert level.min() > 0.003 * 0.85
    assert level.max() < 0.03 * 1.15
    assert np.median(level) == pytest.approx(0.03 / 10**0.5, rel=0.15)


def wrist_bound(motion: np.ndarray, wrist: int) -> np.ndarray:
    """Fingers of one window from their wrist."""
    return motion[:, FINGERS[wrist]] - motion[:, [wrist]]


def test_a_hand_that_is_not_seen_keeps_to_its_wrist() -> None:
    """Never seen, it lies on the wrist. For a while, its fingers go from where they were to where they are on straight lines,
    as seen from the wrist. The other hand, and all the rest, is as it was."""
    motion = movement(0, windows=300)
    made = varied(motion, only(lost_hand=1.0, lost_s=1.0))
    never, sides, lengths = 0, [], []  # lengths in frames
    for before, after in zip(motion, made, strict=True):
        hidden = hidden_hands(before, after)
        assert len(hidden) <= 1  # none, where the time without is over as soon as it has begun
        others = [joint for joint in range(JOINTS) if not any(joint in range(JOINTS)[FINGERS[w]] for w in hidden)]
        assert np.array_equal(after[:, others], before[:, others])
        for wrist in hidden:
            sides.append(wrist)
            seen, shown = wrist_bound(before, wrist), wrist_bound(after, wrist)
            if np.array_equal(after[:, FINGERS[wrist]], np.repeat(after[:, [wrist]], 20, axis=1)):
                never += 1
                continue
            changed = np.flatnonzero(~np.isclose(seen, shown, atol=1e-6).all((1, 2)))
            first, last = changed[0] - 1, changed[-1] + 1
            lengths.append(last - first)
            np.testing.assert_allclose(shown[[first, last]], seen[[first, last]], atol=1e-5)
            share = np.linspace(0, 1, last - first + 1)[:, None, None]
            line = seen[first] + (seen[last] - seen[first]) * share
            np.testing.assert_allclose(shown[first : last + 1], line, atol=1e-5)
    assert never / 300 == pytest.approx(0.3, abs=0.08)
    assert np.mean(np.array(sides) == LEFT_WRIST) == pytest.approx(0.5, abs=0.1)
    assert (min(lengths), max(lengths)) == (2, 25)  # at most one second


def straight(windows: int, frames: int) -> np.ndarray:
    """Every joint goes on a straight line of its own, evenly."""
    rng = np.random.default_rng(0)
    start, way = rng.normal(0, 1, (2, windows, 1, JOINTS, 2))
    motion = start + way * np.arange(frames)[:, None, None] / frames
    motion[:, :, NECK] = 0
    return motion.astype(np.float32)


@settings(max_examples=20)
@given(SEEDS, st.integers(2, 100), st.floats(5, 24))
def test_a_slower_camera_sees_even_movement_as_it_is(seed: int, frames: int, lowest_fps: float) -> None:
    """To the first and the last frame of the window."""
    motion = straight(4, frames)
    made = varied(motion, only(slow_camera=1.0, lowest_fps=lowest_fps), seed)
    np.testing.assert_allclose(made, motion, atol=1e-5)


def test_a_slower_camera_misses_what_is_between_its_pictures() -> None:
    """A wave of three frames is flattened by a camera of 8 pictures a second or more, and one of fifty is not. Nothing comes early
    or late, and nothing goes farther than it went."""
    frames = np.arange(100)
    quick, calm = (np.sin(2 * np.pi * frames / period) for period in (3, 50))
    motion = np.zeros((50, 100, JOINTS, 2), np.float32)
    motion[:, :, RIGHT_WRIST, 0], motion[:, :, LEFT_WRIST, 0] = quick, calm
    motion[:, [0, -1], RIGHT_SHOULDER] = 1  # a jerk at either end
    made = varied(motion, only(slow_camera=1.0, lowest_fps=7.9))
    assert np.abs(made).max() <= 1 + 1e-6
    assert made[:, :, RIGHT_WRIST, 0].std(1).mean() < 0.7 * quick.std()
    # A frame of fifty early or late is 0.13 away.
    np.testing.assert_allclose(made[:, :, LEFT_WRIST, 0], np.broadcast_to(calm, (50, 100)), atol=0.05)
