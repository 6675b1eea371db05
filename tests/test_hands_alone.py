"""Hands without a body: what they do is kept, wherever the camera is; and a video of nothing else can be sonified by notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_hands import hand, playing
from make_media import PROFILE, REAL

from pipeline.keypoints import hands_alone, mediapipe_hands, skeleton
from pipeline.keypoints.skeleton import JOINTS, LEFT_HAND, LEFT_SHOULDER, LEFT_WRIST, NECK, RIGHT_HAND, RIGHT_WRIST
from pipeline.media import picture_files

FPS = 25.0
PIANO = REAL / "wild" / "piano_top_scarlatti.mp4"


def cleaned(keypoints: np.ndarray) -> np.ndarray:
    return hands_alone.clean(keypoints, np.arange(len(keypoints)) / FPS, FPS, 0.5)


def test_hands_have_the_size_and_the_place_of_a_players() -> None:
    motion = cleaned(playing())
    assert motion.shape == (50, JOINTS, 2)
    assert motion.dtype == np.float32
    palms = np.linalg.norm(motion[:, [RIGHT_WRIST + 9, LEFT_WRIST + 9]] - motion[:, [RIGHT_WRIST, LEFT_WRIST]], axis=-1)
    assert palms == pytest.approx(hands_alone.PALM, abs=1e-5)
    middle = np.median(motion[:, [RIGHT_WRIST, LEFT_WRIST]], axis=0).mean(0)
    assert middle == pytest.approx(np.mean([*hands_alone.WRISTS.values()], axis=0), abs=1e-5)
    assert motion[:, RIGHT_WRIST, 0].max() < motion[:, LEFT_WRIST, 0].min()
    still = [NECK, skeleton.RIGHT_SHOULDER, LEFT_SHOULDER, skeleton.RIGHT_ELBOW, skeleton.LEFT_ELBOW]
    assert not np.diff(motion[:, still], axis=0).any()
    assert motion[0, LEFT_SHOULDER, 0] - motion[0, skeleton.RIGHT_SHOULDER, 0] == 1
    up_and_down = playing()[:, RIGHT_WRIST, 1]
    assert np.corrcoef(motion[:, RIGHT_WRIST, 1], up_and_down)[0, 1] > 0.999


@given(st.floats(0.2, 5), st.floats(-500, 500), st.floats(-500, 500), st.booleans())
def test_the_camera_makes_no_difference(zoom: float, right: float, down: float, above: bool) -> None:
    """Nearer, aside, or above the player, who is then seen the other way round."""
    seen = playing()
    seen[..., :2] *= -zoom if above else zoom
    seen[..., :2] += (right, down)
    assert cleaned(seen) == pytest.approx(cleaned(playing()), abs=1e-3)


def test_a_hand_that_is_missed_goes_on() -> None:
    """Half of the pictures are enough: in the others the wrist is on the line between its places."""
    whole, gaps = playing(), playing()
    gaps[1:-1:2, RIGHT_HAND] = 0
    assert cleaned(gaps) == pytest.approx(cleaned(whole), abs=0.01)


def test_a_single_hand_plays() -> None:
    """The other lies still at its place; mistaken for one in a few pictures, it does not jump."""
    seen = playing()
    seen[10:, LEFT_HAND] = 0
    motion = cleaned(seen)
    assert not np.diff(motion[:, LEFT_HAND], axis=0).any()
    assert np.median(motion[:, RIGHT_WRIST], axis=0) == pytest.approx(hands_alone.WRISTS[RIGHT_WRIST], abs=1e-5)
    assert motion[:, RIGHT_WRIST, 1].std() > 0.01


@pytest.mark.parametrize(("change", "said"), [("seldom", "no hand is seen in half"), ("points", "no size")])
def test_what_is_no_hand_is_refused(change: str, said: str) -> None:
    seen = playing()
    if change == "seldom":
        seen[20:] = 0
    else:
        seen[..., :2] = 7
    with pytest.raises(ValueError, match=said):
        cleaned(seen)


def test_two_hands_of_one_name_are_two_hands() -> None:
    """MediaPipe names sides as a mirror shows them. The surer hand keeps its name."""
    first, second = hand((0.1, 0.2)), hand((0.5, 0.6))
    size = np.array([100, 10])
    joints = mediapipe_hands.placed([("Left", 0.6, first), ("Left", 0.9, second)], size)
    assert joints[RIGHT_WRIST].tolist() == pytest.approx([50, 6, 1])
    assert joints[LEFT_WRIST].tolist() == pytest.approx([10, 2, 1])
    assert not joints[NECK].any()
    assert not mediapipe_hands.placed([], size).any()


@pytest.mark.skipif(not PIANO.exists(), reason="recordings that are not part of the project")
def test_a_real_pianist_from_above() -> None:
    """Both hands are found in nearly all pictures, the right one on the right; and they become movement."""
    near = [
        picture for _, picture in zip(range(60), (p for _, p in picture_files.frames(PIANO, 5.0, 7.5)), strict=False)
    ]
    found = np.stack(list(mediapipe_hands.detect(iter(near), PROFILE.keypoints)))
    both = (found[:, [RIGHT_WRIST, LEFT_WRIST], 2] > 0).all(1)
    assert both.mean() > 0.8
    assert (found[both, RIGHT_WRIST, 0] > found[both, LEFT_WRIST, 0]).mean() > 0.9
    motion = hands_alone.clean(found, np.arange(len(found)) / 30, FPS, PROFILE.motion.min_confidence)
    assert np.abs(motion).max() < 6
