"""Joints are found where they are, the same run after run, killed or not."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from make_media import REAL, REPO, USUAL, blank, corpus_params, digests, players, run_stage, workplace, write_video

from pipeline.corpus import reading, sides
from pipeline.corpus.track import Track, read_tracks, true_joints
from pipeline.dataset.shards import Shards
from pipeline.keypoints import detection
from pipeline.keypoints.people_finder import finder
from pipeline.keypoints.skeleton import BODY, JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER
from pipeline.metrics.pck import pck, validate
from pipeline.params import Split

pytestmark = pytest.mark.slow

PIECES = [("ob", "cl"), ("sax",), ("cl",)]


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A corpus of four drawn players in three pieces of 2 s."""
    return players(tmp_path_factory.mktemp("studio"), PIECES, duration_s=2)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory, studio):
    """A folder in which stages.extract ran to its end, with one worker."""
    place = workplace(tmp_path_factory.mktemp("whole"), corpus={"name": "studio", "root": str(studio)})
    done = run_stage(place, "tracks", "extract", LOKY_MAX_CPU_COUNT="1")
    assert done.returncode == 0, done.stderr
    return place, done


def test_joints_are_found_where_they_were_drawn(extracted):
    place, _ = extracted
    index = pd.read_parquet(place / "data/keypoints/index.parquet").set_index("track")
    assert list(index.index) == ["01_Prelude_1_ob", "01_Prelude_2_cl", "02_Minuet_1_sax", "03_Nocturne_1_cl"]
    assert (index["rows"] == 40).all()
    assert index["fps"].to_numpy() == pytest.approx(20, rel=1e-3)
    assert list(index["width_px"]) == [640, 640, 320, 320]
    assert (index["body_found"] > 0.9).all()
    assert (index["pck"] > 0.8).all()
    shards = Shards(place / "data/keypoints")
    for track, (left_px, right_px) in {"01_Prelude_1_ob": (0, 320), "01_Prelude_2_cl": (320, 640)}.items():
        neck_px = shards.rows("keypoints", track)[:, NECK, 0]
        assert left_px < np.median(neck_px) < right_px
    keypoints = shards.rows("keypoints", "03_Nocturne_1_cl")
    assert keypoints.dtype == np.float32
    # Seen from the front, a player's right shoulder is on the picture's left.
    assert (keypoints[:, RIGHT_SHOULDER, 0] < keypoints[:, LEFT_SHOULDER, 0]).mean() > 0.9
    assert ((keypoints[..., 2] >= 0) & (keypoints[..., 2] <= 1)).all()
    assert (keypoints[keypoints[..., 2] == 0] == 0).all()
    assert shards.rows("times", "03_Nocturne_1_cl") == pytest.approx(np.arange(40) / 20, abs=1e-3)


def test_no_label_is_in_what_the_models_will_read(extracted):
    place, _ = extracted
    assert "instrument" not in pd.read_parquet(place / "data/keypoints/index.parquet").columns


def test_metrics_have_a_row_an_instrument_and_end_in_a_newline(extracted):
    place, _ = extracted
    text = (place / "metrics/keypoints.json").read_text()
    assert text.endswith("}\n")
    summary = json.loads(text)
    index = pd.read_parquet(place / "data/keypoints/index.parquet")
    assert summary["pck"] == pytest.approx(index["pck"].mean(), abs=1e-4)
    table = pd.read_csv(place / "metrics/keypoints.csv").set_index("instrument")
    assert list(table.index) == ["clarinet", "oboe", "saxophone"]
    assert list(table["tracks"]) == [2, 1, 1]
    assert summary["hand_found"] == pytest.approx(table["hand_found"].median(), abs=1e-4)


def test_the_run_shows_its_progress_and_nothing_of_mediapipes_talk(extracted):
    _, done = extracted
    assert "frame/s" in done.stderr
    assert "160/160" in done.stderr
    for noise in ("W0000", "INFO", "XNNPACK", "Warning"):
        assert noise not in done.stderr


def test_killed_and_run_again_it_ends_with_the_same_bytes_and_repeats_nothing(extracted, studio, tmp_path):
    whole, _ = extracted
    place = workplace(tmp_path, corpus={"name": "studio", "root": str(studio)})
    assert run_stage(place, "tracks").returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.extract"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(REPO), "LOKY_MAX_CPU_COUNT": "2"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that the workers can be killed with it, as a power cut would
    )
    kept = place / "work/extract"
    deadline = time.monotonic() + 120
    while not list(kept.glob("[!.]*.npz")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.npz")}
    assert 0 < len(finished) < 4
    assert not (place / "data/keypoints/index.parquet").exists()

    again = run_stage(place, "extract", LOKY_MAX_CPU_COUNT="2")
    assert again.returncode == 0, again.stderr
    assert digests(place / "data/keypoints") == digests(whole / "data/keypoints")
    assert digests(place / "metrics") == digests(whole / "metrics")
    assert finished.items() <= {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.npz")}.items()


@pytest.fixture(scope="module")
def half_simulated(tmp_path_factory):
    """stages.extract over five saxophones of 1 s: two are held out, one of the others is detected. One joints file is torn."""
    root = players(tmp_path_factory.mktemp("saxophones"), [("sax",)] * 5, duration_s=1)
    place = workplace(
        tmp_path_factory.mktemp("half"), corpus={"name": "studio", "root": str(root)}, split={"test_share": 0}
    )
    assert run_stage(place, "tracks").returncode == 0
    tracks = read_tracks(place / "data/tracks.parquet")
    detected = sides.detected(tracks, Split(test_share=0, choose_share=0), 0.33)
    torn = next(track for track in tracks if track.name not in detected)
    torn.joints.write_bytes(torn.joints.read_bytes()[:-100])
    done = run_stage(place, "extract", LOKY_MAX_CPU_COUNT="1")
    assert done.returncode == 0, done.stderr
    return place, done, tracks, detected, torn


def test_where_true_joints_are_known_a_share_is_detected_and_measured(half_simulated):
    place, done, tracks, detected, torn = half_simulated
    assert sorted(detected.values()) == ["choose", "test", "train"]
    assert "60/60" in done.stderr, "no picture of another track is looked at"
    index = pd.read_parquet(place / "data/keypoints/index.parquet").set_index("track")
    assert list(index.index) == [track.name for track in tracks if track is not torn]
    assert set(index.index[index["detected"]]) == set(detected)
    assert (index["pck"].notna() == index["detected"]).all()
    assert json.loads((place / "metrics/keypoints.json").read_text())["pck"] == pytest.approx(
        index["pck"].mean(), abs=1e-4
    )
    assert list(pd.read_csv(place / "metrics/keypoints.csv")["tracks"]) == [3]


def test_a_track_that_was_not_detected_has_true_joints_with_noise(half_simulated):
    place, _, tracks, detected, torn = half_simulated
    (track,) = [track for track in tracks if track.name not in detected and track is not torn]
    shards = Shards(place / "data/keypoints")
    keypoints, truth_px = shards.rows("keypoints", track.name), true_joints(track.joints)
    assert keypoints.dtype == np.float32
    assert shards.rows("times", track.name) == pytest.approx(np.arange(20) / 20)
    assert pck(truth_px, keypoints[:, :, :2], keypoints[:, :, 2] > 0) > 0.8
    assert (keypoints[:, :, :2] != truth_px).all()


def test_a_torn_file_of_true_joints_is_named_where_they_were_to_be_used(half_simulated):
    _, done, _, _, torn = half_simulated
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert torn.joints.name in line
    assert "make it again together with its video" in line


def test_kept_work_is_taken_up_for_the_same_video_strip_and_parameters_only(tmp_path, monkeypatch):
    from stages.extract import KEPT, detect

    runs = []

    def count(pictures, p):
        runs.append(p)
        for _ in pictures:
            yield np.zeros((JOINTS, 3), np.float32)

    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, count))
    monkeypatch.chdir(tmp_path)
    KEPT.mkdir(parents=True)
    video = write_video(tmp_path / "v.mp4", blank(1))
    track = Track("t", "p", "unknown", video, video)
    strict = USUAL.model_copy(update={"min_detection_confidence": 0.9})
    assert detect(track, USUAL) == detect(track, USUAL)
    assert detect(track, USUAL) == detect(track, USUAL.model_copy(update={"detected_share": 1.0}))
    assert len(runs) == 1
    # Another name is another track, which may have another file of joints for the same pictures.
    others = [
        detect(track, strict),
        detect(replace(track, left=0.5), USUAL),
        detect(replace(track, name="other"), USUAL),
    ]
    assert len({detect(track, USUAL), *others}) == 4
    assert len(runs) == 4
    write_video(video, blank(2))
    assert detect(track, USUAL).exists()
    assert len(runs) == 5


def test_clean_makes_movement_of_it(extracted):
    place, _ = extracted
    edited = workplace(place, corpus={"name": "studio"}, windows={"duration_s": 1})
    done = run_stage(edited, "clean")
    assert done.returncode == 0, done.stderr
    shards = Shards(place / "data/motion")
    assert list(shards.index["rows"]) == [49] * 4  # from 0 to 1.95 s, 25 a second
    for track in shards.index.index:
        motion = shards.rows("motion", track)
        assert np.isfinite(motion).all()
        assert (motion[:, NECK] == 0).all()
    share = json.loads((place / "metrics/motion.json").read_text())["interpolated"]
    assert share == pytest.approx(shards.index["interpolated_share"].mean(), abs=1e-4)
    assert 0 <= share < 0.5


def test_a_detector_sees_the_players_strip_only_and_its_joints_come_back_into_the_whole_picture(tmp_path, monkeypatch):
    halves = [(t, np.concatenate([p, p[:, :32] + 100], axis=1)) for t, p in blank(1, size_px=64)]
    video = write_video(tmp_path / "v.mp4", halves)
    seen = []

    def middle(pictures, _):
        for picture in pictures:
            seen.append(picture.shape)
            joints = np.zeros((JOINTS, 3), np.float32)
            joints[:7] = [picture.shape[1] / 2, picture.shape[0] / 2, 0.5]
            yield joints

    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, middle))
    track = Track("t", "p", "unknown", video, video, left=2 / 3, right=1)
    ticks: list[None] = []
    found = detection.detect(track, USUAL, lambda: ticks.append(None))
    assert seen == [(64, 32, 3)] * 10
    assert len(ticks) == 10
    assert (found.width_px, found.height_px) == (96, 64)
    assert (found.keypoints[:, :7] == [80, 32, 0.5]).all()
    assert (found.keypoints[:, 7:] == 0).all()
    assert found.times == pytest.approx(np.arange(10) / 10)


def test_a_hand_counts_as_found_by_its_fingers_not_by_its_wrist():
    keypoints = np.zeros((4, JOINTS, 3), np.float32)
    keypoints[:3, list(BODY), 2] = 0.9
    keypoints[1, 27:47, 2] = 1
    shares = detection.found_shares(keypoints)
    assert shares == {"body_found": 0.75, "left_hand_found": 0.25, "right_hand_found": 0.0}


def truth(frames: int = 4) -> np.ndarray:
    joints = np.random.default_rng(0).uniform(0, 500, (frames, JOINTS, 2))
    joints[:, RIGHT_SHOULDER] = [100, 100]
    joints[:, LEFT_SHOULDER] = [200, 100]
    return joints


def test_pck_counts_joints_within_a_fifth_of_the_shoulder_width():
    reference = truth()
    found = np.ones((4, JOINTS), bool)
    assert pck(reference, reference, found) == 1
    assert pck(reference, reference + np.array([11.9, 16.0]), found) == 1
    assert pck(reference, reference + np.array([12.1, 16.0]), found) == 0  # 20 px are a fifth of the shoulders' 100 px
    one_off = reference.copy()
    one_off[0, BODY[3]] += 50
    assert pck(reference, one_off, found) == pytest.approx(27 / 28)
    found[1, BODY[:2]] = False
    assert pck(reference, one_off, found) == pytest.approx(25 / 28)
    assert pck(reference, one_off, found, joints=(BODY[3],)) == 0.75
    assert pck(3 * reference, 3 * one_off, found) == pytest.approx(25 / 28)


def test_pck_measures_in_the_median_shoulder_width():
    reference = truth()
    reference[3, LEFT_SHOULDER] = reference[3, RIGHT_SHOULDER]  # turned to the side for a moment
    assert pck(reference, reference + np.array([0, 15.0]), np.ones((4, JOINTS), bool)) == 1


@pytest.mark.parametrize(
    ("reference", "estimated", "says"),
    [
        (truth()[:, :7], truth(), "not .frames, 47, 2."),
        (truth(), truth(5), "4 frames of true joints for 5 frames"),
        (truth(0), truth(0), "no frames"),
        (truth() * np.nan, truth(), "NaN"),
        (truth() * 0, truth(), "shoulders in one place"),
    ],
)
def test_pck_says_what_is_wrong_with_its_input(reference, estimated, says):
    with pytest.raises(ValueError, match=says):
        pck(reference, estimated, np.ones(estimated.shape[:2], bool))


def test_true_joints_that_do_not_fit_are_named_and_the_track_goes_on(studio, tmp_path):
    from stages.extract import _score

    track = reading.read(corpus_params("studio", studio), finder)[0][0]
    wrong = tmp_path / "Joints.npy"
    np.save(wrong, np.zeros((3, JOINTS, 2)))
    found = detection.Detected(np.zeros((4, JOINTS, 3), np.float32), np.arange(4.0), 320, 320)
    score, (item,) = _score(replace(track, joints=wrong), found, tmp_path)
    assert np.isnan(score)
    assert item.file == "Joints.npy"
    assert "3 frames of true joints for 4" in item.what


@pytest.mark.parametrize("shape", [(), (4,), (4, JOINTS), (4, JOINTS, 1), (4, JOINTS, 5), (4, 3)])
def test_true_joints_of_another_shape_are_named_and_not_cut_to_fit(tmp_path, shape):
    """Depth is a third number of each joint; any other shape is no array of joints, and must not pass as one."""
    np.save(tmp_path / "Joints.npy", np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="true joints are"):
        validate(true_joints(tmp_path / "Joints.npy"), np.zeros((4, JOINTS, 2)), np.ones((4, JOINTS), bool))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not on this machine")
def test_a_person_in_a_real_clip_is_found():
    path = REAL / "clips" / "electric_guitar.mp4"  # the head is out of the picture
    found = detection.detect(Track("t", "p", "unknown", path, path), USUAL)
    assert min(detection.found_shares(found.keypoints).values()) > 0.9
    right_px, left_px = found.keypoints[:, RIGHT_SHOULDER, 0], found.keypoints[:, LEFT_SHOULDER, 0]
    assert (left_px - right_px).min() > 0.1 * found.width_px  # the player's right is on the picture's left
