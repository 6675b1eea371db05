"""Movement seen worse, or of somebody else, differs by as much as is said, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import params
from pipeline.corpus.track import Track
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Places, Source, Windows
from pipeline.evaluation import degraded
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.skeleton import LEFT_ELBOW, LEFT_HAND

SETTINGS = params.load(Path(__file__).parent.parent / "profiles" / "smoke.yaml")
FRAMES = 100  # of a window of 4 s


Cases = dict[tuple[str, float | None], np.ndarray]


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cases:
    """Every case for two windows of a movement in which coordinate c of joint j at frame i is i + 1000 j + 100000 c, but for
    joint 46's y, which is 1 in even frames and -1 in odd ones."""
    monkeypatch.setattr(degraded, "true_motion", lambda places, settings, turned_degrees=0: {})
    windows = two_windows(tmp_path)
    return {(how, amount): motion for how, amount, motion in degraded.cases(windows, PLACES, SETTINGS)}


PLACES = [("a", 0), ("a", 125)]


def two_windows(tmp_path: Path) -> Windows:
    with ShardWriter(tmp_path / "codes") as codes, ShardWriter(tmp_path / "motion") as motion:
        codes.add("a", {"codes": np.zeros(500, np.int16)})
        path = np.arange(200)[:, None, None] + 1000 * np.arange(47)[:, None] + 100000 * np.arange(2)
        path[:, 46, 1] = 1 - 2 * (np.arange(200) % 2)
        motion.add("a", {"motion": path.astype(np.float32)})
    sources = {
        "codes": Source(Shards(tmp_path / "codes"), "codes", 62.5),
        "motion": Source(Shards(tmp_path / "motion"), "motion", 25.0, between=True),
    }
    return Windows(sources, ["a"], 4.0)


ALONE = ("as it is", "mirrored", "left hand unseen", "right hand unseen", "nothing below the elbows")


def test_every_case_is_there_once_and_as_long_as_the_window(cases: Cases) -> None:
    """Without true joints nobody is turned."""
    asked = SETTINGS.degrade
    amounts = {"size": asked.size, "tilted": asked.tilted_degrees}
    amounts |= {"noise": asked.noise, "dropped": asked.dropped, "fps": asked.fps, "late": asked.late_s}
    with_amounts = [(how, amount) for how, values in amounts.items() for amount in values]
    assert set(cases) == {*((how, None) for how in ALONE), *with_amounts}
    assert all(
        np.array_equal(motion, cases["as it is", None]) is (how == "as it is") for (how, _), motion in cases.items()
    )
    assert {motion.shape for motion in cases.values()} == {(2, FRAMES, 47, 2)}
    assert {motion.dtype for motion in cases.values()} == {np.dtype(np.float32)}


def test_another_size_is_larger_or_smaller_and_a_tilted_picture_is_turned(cases: Cases) -> None:
    """Clockwise in the picture for a tilt above 0: what points to the right then points down."""
    whole = cases["as it is", None].astype(np.float64)
    for amount in SETTINGS.degrade.size:
        np.testing.assert_allclose(cases["size", amount], amount * whole, rtol=1e-5)
    for amount in SETTINGS.degrade.tilted_degrees:
        turned = (whole[..., 0] + 1j * whole[..., 1]) * np.exp(1j * np.radians(amount))
        np.testing.assert_allclose(cases["tilted", amount], np.stack([turned.real, turned.imag], -1), atol=0.1)


def test_a_hand_that_is_not_seen_lies_on_what_is_seen_of_its_arm(cases: Cases) -> None:
    """As `cleaning` places joints that are never found; everything else is as it is."""
    whole, right, left = cases["as it is", None], [*range(4, 24)], [*range(27, 47)]
    for how, changed, onto in (
        ("right hand unseen", right, 3),
        ("left hand unseen", left, 26),
        ("nothing below the elbows", [3, *right], 2),
        ("nothing below the elbows", [26, *left], 25),
    ):
        assert (cases[how, None][:, :, changed] == whole[:, :, [onto]]).all()
    for how, changed in (
        ("right hand unseen", right),
        ("left hand unseen", left),
        ("nothing below the elbows", [3, *right, 26, *left]),
    ):
        others = [joint for joint in range(47) if joint not in changed]
        np.testing.assert_array_equal(cases[how, None][:, :, others], whole[:, :, others])


def test_a_hand_that_is_not_seen_is_what_cleaning_makes_of_one_that_was_never_found(cases: Cases) -> None:
    keypoints = np.concatenate([cases["as it is", None][0], np.ones((FRAMES, 47, 1))], axis=2).astype(np.float32)
    keypoints[:, 1, :2], keypoints[:, 24, :2] = [100, 0], [200, 0]  # shoulders
    missed = keypoints.copy()
    missed[:, 26:] = 0
    seen, unseen = (clean(each, np.arange(FRAMES) / 25, 25, 0.1)[0][None] for each in (keypoints, missed))
    np.testing.assert_allclose(degraded.without_hand(seen, LEFT_HAND, LEFT_ELBOW), unseen, rtol=1e-6)


def test_each_way_of_seeing_worse_does_what_it_says(cases: Cases) -> None:
    whole = cases["as it is", None]
    clear, even = whole[:, :, :46], {case: motion[:, :, :46] for case, motion in cases.items()}

    def changed(how: str, amount: float) -> float:
        """Share of the frames whose jerk is not seen, in the window that starts on a frame."""
        return float((np.abs(cases[how, amount] - whole)[0, :, 46, 1] > 0.1).mean())

    for amount in SETTINGS.degrade.noise:
        added = even["noise", amount][:, :, 0, 0] - clear[:, :, 0, 0]  # joint 0's x is small enough for float32
        assert added.std() == pytest.approx(amount, rel=0.2)
    for amount in SETTINGS.degrade.late_s:
        # The movement goes one unit a frame, so it is behind by as many units as frames; nothing lies before the first.
        behind = clear - even["late", amount]
        frames = amount * SETTINGS.motion.fps
        np.testing.assert_allclose(behind[:, 10:], frames, atol=0.02)
        np.testing.assert_allclose(behind[:, 0], 0, atol=0.02)
    for amount in SETTINGS.degrade.fps:
        # What moves evenly is seen as well at any rate, up to the last frame that is left.
        last = int((FRAMES - 1) / SETTINGS.motion.fps * amount) / amount * SETTINGS.motion.fps
        np.testing.assert_allclose(even["fps", amount][:, : int(last)], clear[:, : int(last)], atol=0.02)
    for amount in SETTINGS.degrade.dropped:
        np.testing.assert_allclose(even["dropped", amount][:, :80], clear[:, :80], atol=0.02)
        assert changed("dropped", amount) == pytest.approx(amount, abs=0.15)
    assert changed("fps", 12.5) == pytest.approx(0.5, abs=0.05)


def test_what_lies_between_two_known_frames_is_lost() -> None:
    """A jerk of one frame is seen by a camera that takes this frame, and by no other."""
    frames_s = np.arange(10) / 10
    jerk = np.zeros((10, 1, 2), np.float32)
    jerk[5] = 1
    np.testing.assert_array_equal(degraded.known_at(jerk, frames_s, frames_s), jerk)
    assert not degraded.known_at(jerk, frames_s, frames_s[::2]).any()
    np.testing.assert_allclose(degraded.known_at(jerk, frames_s, frames_s[1::2])[3:8, 0, 0], [0, 0.5, 1, 0.5, 0])


def test_of_a_player_who_is_turned_the_detectors_errors_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What turning does to the true joints is added to what was found. Here each degree moves everything by one, at once."""

    def true_motion(places: Places, settings: params.Params, turned_degrees: float = 0) -> dict[str, np.ndarray]:
        still = np.zeros((200, 47, 2), np.float32)
        return {"a": still + turned_degrees + np.arange(200, dtype=np.float32)[:, None, None]}

    monkeypatch.setattr(degraded, "true_motion", true_motion)
    made = list(degraded.cases(two_windows(tmp_path), PLACES, SETTINGS))
    cases = {(how, amount): motion for how, amount, motion in made}
    assert [how for how, _, _ in made[:2]] == ["as it is", "true joints"]
    frames = np.arange(FRAMES)[:, None, None]
    true = np.broadcast_to(np.stack([frames, frames + 50]), (2, FRAMES, 47, 2))  # the second window begins after 2 s
    np.testing.assert_allclose(cases["true joints", None], true, atol=1e-3)
    for amount in SETTINGS.degrade.turned_degrees:
        np.testing.assert_allclose(cases["turned", amount], cases["as it is", None] + amount, atol=0.05)


def test_turning_brings_what_is_near_to_the_players_left() -> None:
    """About the upright line through the neck. The player's left is on the right of the picture."""
    joints = np.zeros((2, 47, 2), np.float32)
    joints[..., 0], joints[..., 1] = 300, np.arange(47)
    joints[:, 24:, 0] = 340
    depths = np.full((2, 47), 10, np.float32)
    depths[:, 3:24] = 60  # the right hand is before the neck
    assert np.array_equal(degraded.turn(joints, depths, 0), joints)
    quarter = degraded.turn(joints, depths, 90)
    assert np.array_equal(quarter[..., 1], joints[..., 1])
    np.testing.assert_allclose(quarter[:, :3, 0], 300, atol=1e-3)
    np.testing.assert_allclose(quarter[:, 3:24, 0], 350, atol=1e-3)
    np.testing.assert_allclose(quarter[:, 24:, 0], 300, atol=1e-3)
    np.testing.assert_allclose(degraded.turn(joints, depths, -30)[:, 3:24, 0], 275, atol=1e-3)
    np.testing.assert_allclose(degraded.turn(joints, depths, -30)[:, 24:, 0], 300 + 40 * 0.75**0.5, atol=1e-3)
    assert joints.max() == 340


def test_nobody_is_turned_whose_depth_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus that was made before has joints without depth: their movement is still the true one."""
    joints = np.random.default_rng(0).uniform(0, 100, (20, 47, 3)).astype(np.float32)
    with ShardWriter(tmp_path / "keypoints") as writer:
        writer.add("a", {"times": np.arange(20) / 20.0})
    monkeypatch.setattr(degraded, "KEYPOINTS", tmp_path / "keypoints")
    track = Track("a", "piece", "violin", Path("a.mp4"), Path("a.wav"), joints=tmp_path / "Joints.npy")
    monkeypatch.setattr(degraded, "read_tracks", lambda: [track])
    found = {}
    for kept in (3, 2):
        np.save(tmp_path / "Joints.npy", joints[..., :kept])
        found[kept] = [degraded.true_motion([("a", 0)], SETTINGS, turned_degrees=turned) for turned in (0, 30)]
    assert found[2][1] == {}
    np.testing.assert_array_equal(found[2][0]["a"], found[3][0]["a"])
    assert not np.allclose(found[3][0]["a"], found[3][1]["a"])
