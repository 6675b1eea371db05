"""True joints get what a detector adds, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.keypoints.detector_noise import FINGERS, PICTURES, add_noise, response
from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST

SEEDS = st.integers(0, 1000)
FRAMES = st.integers(1, 40)
SHIFTS = st.integers(0, 200)
AT_ONCE = np.eye(1, PICTURES).repeat(JOINTS, axis=0)


def player(seed: int, frames: int = 200) -> np.ndarray:
    """True joints of somebody who moves: a random walk of each joint, px."""
    steps = np.random.default_rng(seed).normal(0, 3, (frames, JOINTS, 2))
    joints = 200 + steps.cumsum(axis=0)
    joints[:, RIGHT_SHOULDER] = [150, 200]
    joints[:, LEFT_SHOULDER] = [250, 200]
    joints[:, FINGERS] += joints[:, [RIGHT_WRIST] * 20 + [LEFT_WRIST] * 20] - 200  # hands move with their arms
    return joints


def found(positions: np.ndarray, confidence: float | np.ndarray = 1.0) -> np.ndarray:
    """What a detector gives that finds all joints there."""
    values = np.broadcast_to(np.asarray(confidence), positions.shape[:2])
    return np.concatenate([positions, values[..., None]], axis=2).astype(np.float32)


def seen_badly(truth: np.ndarray, seed: int) -> np.ndarray:
    """Truth with noise, of which a fifth is not found."""
    random = np.random.default_rng([seed, 1])  # not the numbers of `player`
    noisy = found(truth + random.normal(0, 5, truth.shape), random.uniform(0.1, 1, truth.shape[:2]))
    noisy[random.uniform(size=truth.shape[:2]) < 0.2] = 0
    return noisy


@settings(max_examples=40)
@given(SEEDS, FRAMES, FRAMES, SHIFTS)
def test_a_perfect_detector_adds_nothing(seed: int, frames: int, other_frames: int, shift: int) -> None:
    truth, other = player(seed, frames), player(seed + 1, other_frames)
    weights = response([(other, found(other).astype(np.float64))])
    assert weights == pytest.approx(AT_ONCE, abs=1e-3)
    noisy = add_noise(truth, weights, other, found(other), shift)
    assert noisy.dtype == np.float32
    assert noisy == pytest.approx(found(truth), abs=1e-3)


@given(SEEDS, FRAMES, FRAMES, SHIFTS)
def test_what_the_detector_missed_is_missing_and_what_it_found_has_its_confidence(
    seed: int, frames: int, other_frames: int, shift: int
) -> None:
    other = player(seed + 1, other_frames)
    detected = seen_badly(other, seed)
    noisy = add_noise(player(seed, frames), AT_ONCE, other, detected, shift)
    rows = {row[:, 2].tobytes() for row in detected}
    assert all(row[:, 2].tobytes() in rows for row in noisy)
    assert (noisy[noisy[..., 2] == 0] == 0).all()
    assert np.isfinite(noisy).all()


@settings(max_examples=40)
@given(SEEDS, FRAMES, st.floats(0.3, 3), st.floats(-100, 100), SHIFTS)
def test_the_noise_grows_with_the_player_and_does_not_care_where_it_stands(
    seed: int, frames: int, scale: float, aside_px: float, shift: int
) -> None:
    truth, other = player(seed, frames), player(seed + 1, 40)
    detected = seen_badly(other, seed)
    weights = response([(other, detected)])
    noisy = add_noise(truth, weights, other, detected, shift)
    moved = add_noise(scale * truth + aside_px, weights, other, detected, shift)
    expected = np.where(noisy[..., 2:] > 0, scale * noisy[..., :2] + aside_px, 0)
    assert moved[..., :2] == pytest.approx(expected, abs=0.01)


@given(FRAMES, FRAMES, SHIFTS)
def test_the_noise_runs_on_without_a_jump(frames: int, other_frames: int, shift: int) -> None:
    other = player(0, other_frames)
    numbers = np.arange(1, other_frames + 1)[:, None]  # each picture's confidence is its number
    noisy = add_noise(player(1, frames), AT_ONCE, other, found(other, numbers), shift)
    steps = np.abs(np.diff(noisy[:, 0, 2]))
    assert (steps == (1 if other_frames > 1 else 0)).all()


def test_a_late_detector_is_late_for_others_too() -> None:
    """Smoothing over pictures would otherwise be taken for noise, and true movement would come early."""
    two_late = np.maximum(np.arange(200) - 2, 0)
    other, truth = player(0), player(1)
    weights = response([(other, found(other[two_late]))])
    moves = [joint for joint in range(JOINTS) if joint not in (RIGHT_SHOULDER, LEFT_SHOULDER)]
    assert weights[moves] == pytest.approx(np.eye(1, PICTURES, 2).repeat(len(moves), axis=0), abs=0.02)
    noisy = add_noise(truth, weights, other, found(other[two_late]), 0)
    error_px = np.abs(noisy[10:, :, :2] - truth[two_late][10:]).mean()
    assert error_px < 0.5 < np.abs(noisy[10:, :, :2] - truth[10:]).mean()


def test_several_tracks_tell_more_of_a_response_than_one() -> None:
    pairs = [(truth, seen_badly(truth, seed)) for seed, truth in ((seed, player(seed, 50)) for seed in range(8))]
    one, all_of_them = (np.abs(response(some) - AT_ONCE).mean() for some in (pairs[:1], pairs))
    assert all_of_them < one / 2


def test_fingers_are_followed_apart_from_their_arm() -> None:
    """A detector that sees the arm in full and the fingers' own movement by half."""
    truth = player(0)
    shown, wrists = truth.copy(), truth[:, [RIGHT_WRIST] * 20 + [LEFT_WRIST] * 20]
    shown[:, FINGERS] = wrists + (truth[:, FINGERS] - wrists) / 2
    weights = response([(truth, found(shown))])
    assert weights[FINGERS, 0] == pytest.approx(np.full(40, 0.5), abs=0.01)
    assert weights[[RIGHT_WRIST, LEFT_WRIST], 0] == pytest.approx(np.ones(2), abs=0.01)


def test_a_joint_that_was_never_found_has_no_response_and_is_not_found() -> None:
    truth = player(0)
    detected = found(truth)
    detected[:, RIGHT_WRIST] = 0
    weights = response([(truth, detected)])
    assert (weights[RIGHT_WRIST] == AT_ONCE[0]).all()
    assert (add_noise(player(1), weights, truth, detected, 7)[:, RIGHT_WRIST] == 0).all()


def test_a_bias_is_carried_over_in_shoulder_widths() -> None:
    other, truth = player(0), 2 * player(1)  # shoulders of 100 px and of 200 px
    noisy = add_noise(truth, AT_ONCE, other, found(other + np.array([5, -3])), 3)
    assert noisy[..., :2] - truth == pytest.approx(np.broadcast_to([10, -6], truth.shape), abs=1e-3)
