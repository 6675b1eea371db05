"""Movement seen worse is worse by as much as is said, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import params
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.evaluation import degraded

SETTINGS = params.load(Path(__file__).parent.parent / "profiles" / "smoke.yaml")
FRAMES = 100  # of a window of 4 s


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, float | None], np.ndarray]:
    """Every case for two windows of a movement in which coordinate c of joint j at frame i is i + 1000 j + 100000 c, but for
    joint 46's y, which is 1 in even frames and -1 in odd ones."""
    monkeypatch.setattr(degraded, "true_motion", lambda places, settings: {})
    with ShardWriter(tmp_path / "codes") as codes, ShardWriter(tmp_path / "motion") as motion:
        codes.add("a", {"codes": np.zeros(500, np.int16)})
        path = np.arange(200)[:, None, None] + 1000 * np.arange(47)[:, None] + 100000 * np.arange(2)
        path[:, 46, 1] = 1 - 2 * (np.arange(200) % 2)
        motion.add("a", {"motion": path.astype(np.float32)})
    sources = {
        "codes": Source(Shards(tmp_path / "codes"), "codes", 62.5),
        "motion": Source(Shards(tmp_path / "motion"), "motion", 25.0, between=True),
    }
    windows = Windows(sources, ["a"], 4.0)
    return {(how, amount): motion for how, amount, motion in degraded.cases(windows, [("a", 0), ("a", 125)], SETTINGS)}


def test_every_case_is_there_once_and_as_long_as_the_window(
    cases: dict[tuple[str, float | None], np.ndarray],
) -> None:
    asked = SETTINGS.degrade
    amounts = {"noise": asked.noise, "dropped": asked.dropped, "fps": asked.fps, "late": asked.late_s}
    assert set(cases) == {("as it is", None), *((how, amount) for how, values in amounts.items() for amount in values)}
    assert {motion.shape for motion in cases.values()} == {(2, FRAMES, 47, 2)}
    assert {motion.dtype for motion in cases.values()} == {np.dtype(np.float32)}


def test_each_way_of_seeing_worse_does_what_it_says(cases: dict[tuple[str, float | None], np.ndarray]) -> None:
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
