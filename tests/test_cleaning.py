"""Movement is finite, centred, of unit size and evenly timed, and gaps are filled along the limb they belong to."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.keypoints import cleaning
from pipeline.keypoints.skeleton import (
    JOINTS,
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_SHOULDER,
    NECK,
    PARENTS,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)


def player(frames: int, seed: int = 0, fps: float = 25.0) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [frames, 47, 3] of somebody who moves, every joint found, and their times."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 40, (JOINTS, 2)) + 300
    rest[[NECK, RIGHT_SHOULDER, LEFT_SHOULDER]] = [[300, 200], [260, 205], [340, 205]]
    times = np.arange(frames) / fps
    speed, phase, reach = rng.uniform(0.5, 2, (3, JOINTS, 2))
    moves = 5 * reach * np.sin(2 * np.pi * speed * times[:, None, None] + phase)
    keypoints = np.concatenate([rest + moves, np.ones((frames, JOINTS, 1))], axis=-1)
    return keypoints.astype(np.float32), times


def hide(keypoints: np.ndarray, frames: object, joints: object = slice(None)) -> np.ndarray:
    hidden = keypoints.copy()
    hidden[frames, joints] = 0
    return hidden


def clean(keypoints: np.ndarray, times: np.ndarray, fps: float = 25.0) -> np.ndarray:
    return cleaning.clean(keypoints, times, fps, min_confidence=0.1)[0]


def near(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).max()) <= tolerance


masks = st.tuples(st.integers(2, 40), st.integers(0, 2**32 - 1), st.floats(0, 0.95))


@settings(max_examples=60)
@given(masks, st.sampled_from([5.0, 20.0, 25.0, 29.97, 60.0]), st.floats(0, 3))
def test_whatever_is_missing_the_result_is_finite_and_centred(mask, source_fps, start_s):
    frames, seed, share = mask
    keypoints, times = player(frames, seed, source_fps)
    keypoints[np.random.default_rng(seed).random((frames, JOINTS)) < share] = 0
    both = keypoints[:, [NECK, RIGHT_SHOULDER, LEFT_SHOULDER], 2].all(axis=1)
    assume(both.any())
    motion, interpolated = cleaning.clean(keypoints, times + start_s, 25.0, 0.1)
    assert motion.dtype == np.float32
    assert motion.shape == (int(np.floor((times[-1] + start_s) * 25 + 1e-6)) + 1, JOINTS, 2)
    assert np.isfinite(motion).all()
    assert (motion[:, NECK] == 0).all()
    assert interpolated == pytest.approx((keypoints[..., 2] == 0).mean())


@settings(max_examples=40)
@given(masks, st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.1, 20))
def test_place_and_size_of_the_player_do_not_matter(mask, x_px, y_px, scale):
    frames, seed, share = mask
    keypoints, times = player(frames, seed)
    keypoints[np.random.default_rng(seed).random((frames, JOINTS)) < share] = 0
    assume(keypoints[:, [NECK, RIGHT_SHOULDER, LEFT_SHOULDER], 2].all(axis=1).any())
    moved = keypoints.copy()
    moved[..., :2] = keypoints[..., :2] * np.float32(scale) + np.array([x_px, y_px], np.float32)
    assert near(clean(moved, times), clean(keypoints, times), 2e-3)


def test_complete_data_at_the_same_rate_is_only_centred_and_scaled():
    keypoints, times = player(50)
    positions = keypoints[..., :2].astype(np.float64)
    width = np.median(np.linalg.norm(positions[:, RIGHT_SHOULDER] - positions[:, LEFT_SHOULDER], axis=-1))
    motion, interpolated = cleaning.clean(keypoints, times, 25.0, 0.1)
    assert near(motion, (positions - positions[:, [NECK]]) / width, 1e-6)
    assert interpolated == 0


def test_the_median_shoulder_width_is_one():
    motion = clean(*player(51))
    across = np.linalg.norm(motion[:, RIGHT_SHOULDER] - motion[:, LEFT_SHOULDER], axis=-1)
    assert np.median(across) == pytest.approx(1, abs=1e-6)


@settings(max_examples=40)
@given(st.integers(1, JOINTS - 1), st.integers(1, 20), st.integers(21, 39))
def test_a_gap_in_even_motion_relative_to_the_parent_is_restored(joint, first, last):
    keypoints, times = player(41, seed=5)  # the parent moves as it likes
    parent = keypoints[:, PARENTS[joint], :2]
    keypoints[:, joint, :2] = parent + np.array([30, 10]) + times[:, None] * np.array([-25, 40])
    gap = hide(keypoints, slice(first, last), joint)
    is_seen = cleaning.seen(gap, 0.1)
    filled = cleaning.interpolate(gap[..., :2].astype(np.float64), is_seen, times)
    assert near(filled, keypoints[..., :2], 1e-3)
    assert (filled[is_seen] == keypoints[..., :2][is_seen]).all()


def test_a_hidden_hand_goes_on_moving_with_its_arm():
    keypoints, times = player(40)
    keypoints[:, LEFT_HAND, :2] = keypoints[:, [LEFT_ELBOW], :2] + np.arange(42).reshape(21, 2)
    gap = hide(keypoints, slice(10, 30), LEFT_HAND)
    assert near(clean(gap, times), clean(keypoints, times), 1e-4)


def test_uneven_times_are_taken_as_they_are():
    keypoints, _ = player(60)
    times = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.09, 60))
    times -= times[0]
    keypoints[:, RIGHT_WRIST, :2] = keypoints[:, RIGHT_ELBOW, :2] + times[:, None] * np.array([10, -20])
    gap = hide(keypoints, slice(20, 50), RIGHT_WRIST)
    assert near(clean(gap, times), clean(keypoints, times), 1e-4)


def test_rows_lie_at_even_times_from_zero():
    times = np.array([0.1, 0.3, 0.35, 1.0])
    line = np.zeros((4, JOINTS, 2))
    line[:, 1, 0] = times * 100
    rows = cleaning.resample(line, times, fps=10)
    assert len(rows) == 11
    assert rows[:, 1, 0] == pytest.approx(np.maximum(np.arange(11) * 10, 10))  # the first position holds before 0.1 s


def test_a_jump_lands_in_the_row_of_its_time():
    times = np.arange(100) / 29.97
    step = np.zeros((100, JOINTS, 2))
    step[60:, 5, 1] = 1
    rows = cleaning.resample(step, times, fps=25)[:, 5, 1]
    assert abs(np.argmax(rows > 0.5) / 25 - times[60]) <= 1 / 25


def test_first_and_last_frames_without_anyone_hold_the_nearest_pose():
    keypoints, times = player(40)
    motion = clean(hide(hide(keypoints, slice(0, 10)), slice(30, 40)), times)
    assert near(motion[:10], np.broadcast_to(motion[10], (10, JOINTS, 2)), 1e-6)
    assert near(motion[30:], np.broadcast_to(motion[29], (10, JOINTS, 2)), 1e-6)
    assert not near(motion[10], motion[29], 1e-2)


def test_a_player_who_leaves_for_a_while_glides_back():
    keypoints, times = player(40)
    motion = clean(hide(keypoints, slice(15, 25)), times)
    assert near(
        motion[[14, 25]], clean(keypoints, times)[[14, 25]], 0.05
    )  # the unit is that of the frames with a player
    steps = np.diff(motion[14:26], axis=0)
    assert near(steps, np.broadcast_to(steps[0], steps.shape), 1e-5)


def test_a_joint_that_is_never_seen_lies_on_its_parent():
    keypoints, times = player(20)
    motion = clean(hide(keypoints, slice(None), LEFT_HAND), times)
    assert (motion[:, LEFT_HAND] == motion[:, [LEFT_ELBOW]]).all()


def test_confidence_below_the_threshold_counts_as_missing():
    keypoints, times = player(20)
    doubtful = keypoints.copy()
    doubtful[5:10, RIGHT_WRIST] = [5000, 5000, 0.05]
    assert near(clean(doubtful, times), clean(hide(keypoints, slice(5, 10), RIGHT_WRIST), times), 0)
    _, share = cleaning.clean(doubtful, times, 25.0, 0.1)
    assert share == pytest.approx(5 / (20 * JOINTS))
    assert cleaning.seen(hide(keypoints, 3), 0.0)[3].sum() == 0  # 0 is "not found" even where all else counts


@pytest.mark.parametrize(
    ("joints", "says"),
    [(slice(None), "shoulders are never seen"), (NECK, "neck is never seen"), (LEFT_SHOULDER, "never seen together")],
)
def test_no_player_is_said_in_words(joints, says):
    keypoints, times = player(20)
    with pytest.raises(ValueError, match=says):
        clean(hide(keypoints, slice(None), joints), times)


def test_shoulders_in_one_place_are_no_player():
    keypoints, times = player(20)
    keypoints[:, LEFT_SHOULDER] = keypoints[:, RIGHT_SHOULDER]
    with pytest.raises(ValueError, match=r"0\.0 px wide"):
        clean(keypoints, times)


def test_one_frame_is_one_row():
    keypoints, times = player(1)
    assert clean(keypoints, times).shape == (1, JOINTS, 2)
