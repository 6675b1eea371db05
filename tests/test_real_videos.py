"""Does the benchmark on real clips say yes to music that follows, and no to music that does not?"""

from importlib import metadata

import numpy as np
import pytest

from benchmarks import judges, real_videos
from benchmarks.real_videos import Clip, row, scores

RATE_HZ = 16000
TOLERANCE_S = 0.05


def clip(track: str, heard: str = "violin") -> Clip:
    return Clip(track, "violin", 10.0, {}, {}, [heard], np.zeros(0))


def drawn(generator: np.random.Generator, count: int) -> np.ndarray:
    return np.sort(generator.uniform(0, 10, count))


def judged(truth_s: np.ndarray, made_s: np.ndarray) -> np.ndarray:
    found = scores(truth_s, [made_s], 10.0, TOLERANCE_S)
    assert found is not None
    return found


def figures(follows: bool) -> dict[str, float]:
    generator, found = np.random.default_rng(1), []
    for _ in range(20):
        truth = drawn(generator, 20)
        # Half of the onsets are those of the recording, or none.
        made = np.sort(np.concatenate([truth[::2], drawn(generator, 10)])) if follows else drawn(generator, 20)
        found.append(judged(truth, made))
    return row(found, [], seed=1)


def test_onsets_that_follow_are_told_from_as_many_others() -> None:
    yes, no = figures(follows=True), figures(follows=False)
    assert yes["z"] > 2
    assert yes["p"] < 0.001
    assert abs(no["z"]) < 3 * no["± s.e."]
    assert no["p"] > 0.05
    assert abs(no["F1"] - no["shifted"]) < 0.05


def test_dense_onsets_do_not_pass_for_right_ones() -> None:
    """Another clip's onsets were the control once. A denser set then looked better than chance."""
    generator = np.random.default_rng(2)
    dense = row([judged(drawn(generator, 40), drawn(generator, 60)) for _ in range(20)], [], seed=1)
    assert dense["F1"] > figures(follows=False)["F1"] + 0.1
    assert abs(dense["z"]) < 3 * dense["± s.e."]


def test_what_every_sound_does_at_its_ends_does_not_count() -> None:
    """All sounds begin at the start of a clip, and some end with a click. That is no sign of following anybody."""
    generator, ends = np.random.default_rng(3), [0.01, 0.2, 9.8, 9.99]
    both = [[np.sort([*ends, *drawn(generator, 15)]) for _ in range(2)] for _ in range(20)]
    figures = row([judged(*each) for each in both], [], seed=1)
    assert abs(figures["z"]) < 3 * figures["± s.e."]


def test_onsets_of_one_grid_do_not_pass_for_right_ones() -> None:
    """Within 50 ms lie 7 steps of a grid of 16 ms, but 6.25 of a shifted one: the same two sets agree less after a shift."""
    generator = np.random.default_rng(4)
    both = [[np.unique(np.round(drawn(generator, 30) / 0.016)) * 0.016 for _ in range(2)] for _ in range(100)]
    figures = row([judged(*each) for each in both], [], seed=1)
    assert abs(figures["z"]) < 3 * figures["± s.e."]


def test_a_delay_is_chosen_on_other_recordings() -> None:
    """Eleven recordings sound 75 ms after what is told, and two shots of one other 75 ms before. The two get the others' delay."""
    generator, clips = np.random.default_rng(5), []
    for number, track in enumerate([*(f"film{i}" for i in range(11)), "odd__shot_1", "odd__shot_2"]):
        sounds_s = np.arange(0.7, 9.3, 0.43) + generator.uniform(-0.1, 0.1, 21)
        told_s = sounds_s - 0.075 if number < 11 else sounds_s + 0.075
        clips.append(
            Clip(track, "violin", 10.0, {"told": {judge: [told_s] for judge in judges.JUDGES}}, {}, [], sounds_s)
        )
    best = real_videos.delays(clips, TOLERANCE_S)
    assert list(best) == [clip.track for clip in clips]
    assert all(0.04 < delay_s < 0.11 for delay_s in best.values())


def test_too_little_to_judge_is_left_out() -> None:
    few, many = np.array([1.0, 2.0]), np.arange(10.0)
    assert scores(few, [many], 10.0, TOLERANCE_S) is None
    assert scores(many, [many[:0]], 10.0, TOLERANCE_S) is None


@pytest.mark.parametrize(
    ("track", "family"),
    [
        ("harp", "plucked"),
        ("double_bass__shot_1", "bowed"),
        ("violin_guitar_duo", "several"),
        ("jazz_quartet", "several"),
    ],
)
def test_a_family_is_that_of_one_instrument(track: str, family: str) -> None:
    assert real_videos.family(track) == family


def test_heard_right_is_compared_with_other_players() -> None:
    from pipeline.models.classifier import Classifier

    classifier = Classifier(bins=64, instruments=["cello", "violin"], channels=4, dropout=0.0)
    clips = [clip("tabla", heard) for heard in ("violin", "cello", "cello")]
    said = real_videos.heard_right(clips, classifier)
    assert said.startswith("heard right: 0.33 of 3 clips, shuffled 0.33")


def test_peaks_are_the_highest_values_nearby() -> None:
    curve = np.zeros(250)
    curve[[50, 51, 120, 200]] = 1.0, 0.5, 0.8, 0.9
    assert real_videos.peaks(curve, 25, 1.0).tolist() == [2.0, 4.8, 8.0]
    assert not len(real_videos.peaks(np.zeros(250), 25, 0.0))


def struck(onsets_s: list[float], duration_s: float) -> np.ndarray:
    times_s, sound = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ, np.zeros(round(duration_s * RATE_HZ))
    for number, onset_s in enumerate(onsets_s):
        since_s = np.maximum(times_s - onset_s, 0)
        tone = sum(np.sin(2 * np.pi * 220 * 1.3**number * k * since_s) / k for k in range(1, 6))
        sound += 0.2 * np.exp(-3 * since_s) * tone * (times_s >= onset_s)
    return sound.astype(np.float32)


@pytest.mark.parametrize("judge", [*judges.JUDGES])
def test_judges_hear_struck_notes_in_place(judge: str) -> None:
    if judge != "librosa":
        pytest.importorskip("onnxruntime", reason="a judge that benchmarks alone use")
        try:
            metadata.files("basic-pitch")
        except metadata.PackageNotFoundError:
            pytest.skip("basic-pitch is a judge that benchmarks alone use")
    onsets_s = [0.5, 1.1, 1.9, 2.6, 3.3, 4.7]
    heard = judges.JUDGES[judge](struck(onsets_s, 6), RATE_HZ)
    assert np.abs(heard - onsets_s).max() < 0.03
