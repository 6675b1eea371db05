"""Solos is read as published: every id is a track or a line that says why not, and its skeletons arrive unharmed."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import REAL, USUAL, blank, corpus_params, run_stage, tone, workplace, write_video

from benchmarks import interpolation
from pipeline.corpus import reading, solos
from pipeline.corpus.track import Skeleton, Track
from pipeline.dataset.set_aside import read_set_aside
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.errors import FileError, NothingLeft
from pipeline.keypoints import cleaning, detection, ready
from pipeline.keypoints.people_finder import finder
from pipeline.keypoints.skeleton import BODY as BODY_JOINTS
from pipeline.keypoints.skeleton import (
    JOINTS,
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NECK,
    PARENTS,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)

real = pytest.mark.skipif(not REAL.is_dir(), reason="the real skeleton of Solos is not on this machine")
Json = dict[str, Any]
BODY = [[300, 100], [250, 110], [220, 200], [200, 300], [350, 110], [380, 200], [400, 300]]  # px: neck, right, left arm


def player(frames: int, seed: int = 0) -> np.ndarray:
    """A player as Solos stores one, the right hand first: float32 [frames, 3, 47], confidences 0.3 to 1."""
    random = np.random.default_rng(seed)
    at_rest = np.concatenate(
        [BODY, BODY[3] + random.uniform(0, 40, (20, 2)), BODY[6] + random.uniform(-40, 0, (20, 2))]
    )
    sway = 10 * np.sin(np.arange(frames)[:, None, None] / 9 + random.uniform(0, 6, (1, 47, 1)))
    confidence = random.uniform(0.3, 1, (frames, 47, 1))
    return np.concatenate([at_rest + sway, confidence], axis=2).transpose(0, 2, 1).astype(np.float32)


def left_hand_first(rows: np.ndarray) -> np.ndarray:
    return rows[:, :, [*range(7), *range(27, 47), *range(7, 27)]]


def write(root: Path, ids: Json, stamps: Json, rows: Json, skeletons: np.ndarray) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, tree in (("solos_ids", ids), ("solos_timestamps", stamps), ("skeleton_dict", rows)):
        (root / f"{name}.json").write_text(json.dumps(tree))
    skeletons.tofile(root / "skeleton.npy")
    return root


def video(root: Path, name: str, duration_s: float) -> Path:
    kind = "matroska" if name.endswith("mkv") else "mp4"
    return write_video(root / name, blank(duration_s, fps=5), tone(duration_s), container_format=kind)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A corpus with every fault of the files: four videos of it can be used."""
    root = tmp_path_factory.mktemp("solos")
    good = {
        "aaaaaaaaaaa": [[0, 119], [130, 249]],
        "-bbbbbbbbbb": [[25, 199]],
        "ccccccccccc": [[0, 124]],
        "_d": [[0, 149]],
    }
    odd = {
        "no_video": [[0, 99]],
        "no_segments": [],
        "too_far": [[0, 50], [60, 100]],
        "falling": [[50, 99], [0, 40]],
        "no_pairs": [[0, 1, 2]],
        "too_long": [[0, 99]],
        "no_sound": [[0, 99]],
        "broken": [[0, 99]],
        "no_rows": [[0, 99]],
        "bad_rows": [[0, 99]],
        "twice": [[0, 99]],
    }
    lengths = {"aaaaaaaaaaa": 250, "-bbbbbbbbbb": 210, "ccccccccccc": 125, "_d": 150} | dict.fromkeys(odd, 100)
    ends = np.cumsum(list(lengths.values())).tolist()
    rows: Json = {name: [end - length, end] for (name, length), end in zip(lengths.items(), ends, strict=True)} | {
        "stray_rows": [0, 9],
        "no_stamps": [0, 9],
        "_counter": ends[-1],
    }
    del rows["no_rows"]
    rows["bad_rows"] = [99, 0]
    ids = {"Violin": ["aaaaaaaaaaa", "_d", *odd, "no_stamps"], "DoubleBass": ["-bbbbbbbbbb", "ccccccccccc", "twice"]}
    write(root, ids, {"Violin": good | odd, "Oboe": {"stray_stamps": [[0, 9]]}}, rows, player(ends[-1]))
    video(root, "Violin/aaaaaaaaaaa.mp4", 10)
    video(root, "DoubleBass/-bbbbbbbbbb.mkv", 8.4)
    video(root, "ccccccccccc.MP4", 6)  # a second longer than its skeleton
    video(root, "_d.mp4", 6)
    video(root, "again/_d.mp4", 6)
    video(root, "too_long.mp4", 8)
    video(root, "my_recital.mp4", 1)
    write_video(root / "no_sound.mp4", blank(4, fps=5))
    (root / "broken.mp4").write_text("no video")
    (root / "no_video.mp4.part").write_text("half a download")
    (root / "._no_video.mp4").write_text("passed over")
    for name in ("no_segments", "too_far", "falling", "no_rows", "bad_rows", "twice"):
        (root / f"{name}.mp4").symlink_to(root / "_d.mp4")
    return root


@pytest.fixture(scope="module")
def stages(tmp_path_factory, root):
    """A folder in which all stages that need no training ran over it."""
    place = workplace(tmp_path_factory.mktemp("run"), corpus={"name": "solos", "root": str(root)})
    for name in ("tracks", "extract", "clean", "spectrograms", "notes", "split"):
        done = run_stage(place, name)
        assert done.returncode == 0, done.stderr
    return place


def test_every_segment_of_a_video_that_is_there_is_a_track(root):
    tracks, _ = reading.read(corpus_params("solos", root), finder)
    assert [(t.name, t.instrument, t.start_s, t.end_s) for t in tracks] == [
        ("-bbbbbbbbbb_01", "double bass", 1.0, 8.0),
        ("_d_01", "violin", 0.0, 6.0),
        ("aaaaaaaaaaa_01", "violin", 0.0, 4.8),
        ("aaaaaaaaaaa_02", "violin", 5.2, 10.0),
        ("ccccccccccc_01", "double bass", 0.0, 5.0),
    ]
    assert [(t.skeleton.first, t.skeleton.end) for t in tracks if t.skeleton] == [
        (275, 450),
        (585, 735),
        (0, 120),
        (130, 250),
        (460, 585),
    ]
    assert {t.video.name for t in tracks} == {"-bbbbbbbbbb.mkv", "_d.mp4", "aaaaaaaaaaa.mp4", "ccccccccccc.MP4"}
    assert all(t.video == t.audio for t in tracks)


def test_every_id_is_used_or_named_once_and_so_is_every_video(root):
    _, aside = reading.read(corpus_params("solos", root), finder)
    said = {item.file: item.what for item in aside}
    assert len(said) == len(aside)
    for file, what in {
        "no_video": "no video of this name, of a player of violin",
        "no_segments": "no segment in solos_timestamps.json",
        "no_stamps": "not in solos_timestamps.json",
        "no_rows": "no skeleton of it",
        "too_far": "its segments end at frame 100, its skeleton at frame 99",
        "falling": "do not follow one another",
        "no_pairs": "are not pairs",
        "bad_rows": "its rows in skeleton_dict.json are [99, 0]",
        "twice": "under more than one instrument: double bass, violin",
        "stray_stamps": "not in solos_ids.json",
        "stray_rows": "not in solos_ids.json",
        "too_long.mp4": "8.0 s long, its skeleton 4.0 s",
        "no_sound.mp4": "no sound",
        "broken.mp4": "broken",
        "my_recital.mp4": "named by no id",
        "again/_d.mp4": "",
        "_d.mp4": "",
    }.items():
        assert what in said.pop(file, ""), file
    assert said == {}
    assert all(item.advice for item in aside)


def test_of_two_videos_of_one_id_the_other_is_named(root):
    _, aside = reading.read(corpus_params("solos", root), finder)
    assert [item.what for item in aside if item.file.endswith("_d.mp4")] == ["not used, as _d.mp4 is of the same id"]


def test_keypoints_are_the_published_ones_without_a_detector(stages, root):
    """Not a value may change on the way but in the order of the joints."""
    published = np.fromfile(root / "skeleton.npy", np.float32).reshape(-1, 3, 47)[130:250]
    shards = Shards(stages / "data/keypoints")
    keypoints = shards.rows("keypoints", "aaaaaaaaaaa_02")
    assert (keypoints.dtype, keypoints.shape) == (np.float32, (120, JOINTS, 3))
    order = [0, 1, 2, 3, *range(7, 27), 4, 5, 6, *range(27, 47)]
    assert np.array_equal(keypoints, published[:, :, order].transpose(0, 2, 1))
    assert shards.rows("times", "aaaaaaaaaaa_02") == pytest.approx(np.arange(120) / 25, abs=1e-9)
    assert set(shards.index["fps"].round(6)) == {25}
    assert set(shards.index["width_px"]) == set(shards.index["height_px"]) == {64}


def test_sound_and_movement_of_a_segment_are_of_one_length(stages):
    motion, sound = (Shards(stages / "data" / name) for name in ("motion", "spectrograms"))
    assert list(motion.index.index) == list(sound.index.index)
    assert len(motion.index) == 5
    assert sound.length("aaaaaaaaaaa_01") / 62.5 == pytest.approx(4.8, abs=0.04)
    assert motion.length("aaaaaaaaaaa_01") / 25 == pytest.approx(4.8, abs=0.04)


def test_segments_of_one_video_are_on_one_side_of_the_split(stages):
    parts = pd.read_parquet(stages / "data/splits.parquet").set_index("track").part
    assert parts["aaaaaaaaaaa_01"] == parts["aaaaaaaaaaa_02"]
    assert set(parts) == {"train", "test"}


def test_what_was_set_aside_is_in_the_runs_list(stages):
    files = {item.file for item in read_set_aside(stages / "data/set_aside.csv")}
    assert {"no_video", "too_long.mp4", "twice"} <= files


def test_kept_work_is_of_the_rows_and_not_of_the_video_or_the_place(tmp_path, monkeypatch):
    """A skeleton that was downloaded again must not leave the old one's joints in place."""
    from stages.extract import KEPT, detect

    monkeypatch.chdir(tmp_path)
    KEPT.mkdir(parents=True)
    rows = player(50)
    rows.tofile("skeleton.npy")
    path = write_video(tmp_path / "v.mp4", blank(1))
    skeleton = Skeleton(tmp_path / "skeleton.npy", 10, 20, 25.0, solos.joint_columns(rows), 0.2)
    track = Track("t", "p", "unknown", path, path, skeleton=skeleton)
    first = detect(track, USUAL)
    assert first == detect(track, USUAL)
    rows[15, 0, 3] += 1
    rows.tofile("skeleton.npy")
    assert detect(track, USUAL) != first


def test_a_joint_that_was_not_measured_counts_as_not_found(tmp_path):
    rows = player(4)
    rows[0, 2, 5], rows[1, 2, 5], rows[2, 0, 5], rows[3, 2, 5] = 0.2, 0.21, np.nan, 1.5
    rows.tofile(tmp_path / "s.npy")
    keypoints, _ = ready.read(Skeleton(tmp_path / "s.npy", 0, 4, 25.0, tuple(range(47)), 0.2))
    assert (keypoints[[0, 2], 5] == 0).all()
    assert keypoints[1, 5].tolist() == rows[1, :, 5].tolist()
    assert keypoints[3, 5, 2] == 1


def test_a_skeleton_file_that_is_cut_short_later_sets_its_tracks_aside(tmp_path):
    player(10).tofile(tmp_path / "s.npy")
    path = write_video(tmp_path / "v.mp4", blank(1))
    late = Skeleton(tmp_path / "s.npy", 5, 15, 25.0, tuple(range(47)), 0.2)
    with pytest.raises(FileError, match=r"s\.npy: rows 5 to 15 cannot be read"):
        detection.detect(Track("t", "p", "unknown", path, path, skeleton=late), USUAL)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.booleans(), st.floats(0, 0.7))
def test_the_hands_are_told_apart_by_their_wrists(seed, swap, unseen):
    """Whichever the file has first, and with most joints unseen: the wrong hand would be learnt without a word."""
    rows = player(200, seed)
    rows[:, 2][np.random.default_rng(seed).random((200, 47)) < unseen] = 0
    columns = solos.joint_columns(left_hand_first(rows) if swap else rows)
    assert sorted(columns) == list(range(47))
    assert columns[RIGHT_HAND.start + 1] == (27 if swap else 7)
    assert columns[LEFT_HAND.start + 1] == (7 if swap else 27)
    assert (columns[RIGHT_WRIST], columns[LEFT_WRIST]) == (3, 6)


def test_hands_that_cannot_be_told_apart_are_said_with_their_figures(tmp_path):
    both_left = player(100)
    both_left[:, :2, 7:27] = both_left[:, :2, 27:47]
    with pytest.raises(ValueError, match="0% and 0% of the rows"):
        solos.joint_columns(both_left)
    unseen = player(100)
    unseen[:, 2, 7:27] = 0.1
    with pytest.raises(ValueError, match="hand 1 of 2 is seen together with both wrists in 0 of 100 rows"):
        solos.joint_columns(unseen)
    write(tmp_path, {"Oboe": ["x"]}, {"Oboe": {"x": [[0, 99]]}}, {"x": [0, 100], "_counter": 100}, both_left)
    video(tmp_path, "x.mp4", 4)
    with pytest.raises(NothingLeft, match=r"skeleton\.npy: its two hands .* check that the file is whole"):
        reading.read(corpus_params("solos", tmp_path), finder)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda root: (root / "solos_timestamps.json").unlink(), r"solos_timestamps\.json: cannot be read"),
        (lambda root: (root / "solos_ids.json").write_text('{"Oboe": ['), r"solos_ids\.json: not JSON"),
        (lambda root: (root / "solos_ids.json").write_text("[" * 100_000), r"solos_ids\.json: not JSON"),
        (lambda root: (root / "skeleton_dict.json").write_text("[1]"), r"skeleton_dict\.json: not as Solos publishes"),
        (lambda root: (root / "skeleton_dict.json").write_text('{"x": [0, 100]}'), "no number of rows under _counter"),
        (lambda root: (root / "skeleton.npy").unlink(), r"no skeleton\.npy in it"),
        (lambda root: os.truncate(root / "skeleton.npy", 999), r"999 bytes long, not the 56400 of the 100 rows"),
        (lambda root: [(root / "skeleton.npy").rename(root / f"{n}.npy") for n in "a"], None),
        (
            lambda root: [(root / "skeleton.npy").rename(root / "a.npy"), (root / "b.npy").touch()],
            r"2 \.npy files in it, none named skeleton\.npy",
        ),
    ],
)
def test_a_file_of_the_datasets_own_that_is_not_as_published_is_one_line(tmp_path, break_it, says):
    write(tmp_path, {"Oboe": ["x"]}, {"Oboe": {"x": [[0, 99]]}}, {"x": [0, 100], "_counter": 100}, player(100))
    video(tmp_path, "x.mp4", 4)
    break_it(tmp_path)
    if says is None:  # under another name it is found where it is the only one
        assert len(reading.read(corpus_params("solos", tmp_path), finder)[0]) == 1
        return
    with pytest.raises(NothingLeft, match=says) as error:
        reading.read(corpus_params("solos", tmp_path), finder)
    assert "\n" not in str(error.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=200)
@given(anything, anything, anything, anything)
def test_whatever_the_json_files_say_every_id_in_them_is_accounted_for(tmp_path_factory, ids, x, stamps, rows):
    root = tmp_path_factory.mktemp("odd")
    tree = {"x": rows, "y": [0, 100], "_counter": 100}
    write(root, {"Oboe": ids, "Horn": ["y"]}, {"Oboe": {"x": stamps, "y": [[0, 99]]}, "Horn": x}, tree, player(100))
    tracks, aside = solos.read(root)
    assert tracks == []
    assert {"x", "y"} <= {item.file for item in aside}


@real
def test_all_754_ids_of_the_published_files_are_accounted_for(tmp_path):
    """No video of them is here, so each is named: once, with its instrument, or for having no segment."""
    for name in ("solos_ids", "solos_timestamps", "skeleton_dict"):
        (tmp_path / f"{name}.json").symlink_to(REAL / "solos" / f"{name}.json")
    tracks, aside = reading.read(corpus_params("solos", tmp_path), finder)
    ids = json.loads((REAL / "solos/solos_ids.json").read_text())
    assert tracks == []
    assert sorted(item.file for item in aside) == sorted(name for names in ids.values() for name in names)
    assert len(aside) == 754
    without = [item for item in aside if item.what == "no segment in solos_timestamps.json"]
    assert len(without) == 10
    named = re.compile(r"no video of this name, of a player of (double bass|[a-z]+)")
    assert all(named.fullmatch(item.what) for item in aside if item not in without)


@pytest.fixture(scope="module")
def real_root(tmp_path_factory):
    """The real skeleton as a corpus of one video, with its own segment of the published files."""
    root = tmp_path_factory.mktemp("real")
    name, rows = "OqH9szlahwU", np.load(REAL / "solos/skeleton_npy_test.npy", allow_pickle=False)
    stamps = json.loads((REAL / "solos/solos_timestamps.json").read_text())["Saxophone"][name]
    published = json.loads((REAL / "solos/skeleton_dict.json").read_text())[name]
    assert published[1] - published[0] == len(rows)
    write(root, {"Saxophone": [name]}, {"Saxophone": {name: stamps}}, {name: [0, 1619], "_counter": 1619}, rows)
    write_video(root / f"{name}.mp4", blank(1619 / 25, fps=1), tone(1619 / 25))
    return root


@real
def test_segments_count_rows_and_include_their_last(real_root):
    """What the published files do not say: seen in where the player of this video is found, and where not."""
    rows = np.load(REAL / "solos/skeleton_npy_test.npy", allow_pickle=False)
    (track,), aside = reading.read(corpus_params("solos", real_root), finder)
    assert aside == []
    assert track.skeleton
    seen = np.flatnonzero((rows[:, 2] > 0).any(axis=1))
    assert (seen[0], seen[-1] + 1) == (track.skeleton.first, track.skeleton.end) == (89, 1618)
    assert (track.start_s, track.end_s) == (89 / 25, 1618 / 25)


@real
def test_the_real_skeletons_hands_are_told_apart_in_any_part_of_it_and_either_order():
    rows = np.load(REAL / "solos/skeleton_npy_test.npy", allow_pickle=False)
    for part in np.array_split(rows[89:1618], 10):
        assert solos.joint_columns(part)[4] == 7
        assert solos.joint_columns(left_hand_first(part))[4] == 27


@real
def test_the_real_skeleton_goes_through_the_cleaning_and_into_a_window(tmp_path, real_root):
    (track,), _ = reading.read(corpus_params("solos", real_root), finder)
    found = detection.detect(track, USUAL)
    assert found.keypoints.shape == (1529, JOINTS, 3)
    shares = detection.found_shares(found.keypoints)
    assert shares["body_found"] > 0.99
    assert shares["left_hand_found"] > 0.99
    motion, interpolated = cleaning.clean(found.keypoints, found.times, 25.0, 0.1)
    assert motion.shape == (1529, JOINTS, 2)
    assert np.isfinite(motion).all()
    assert (motion[:, NECK] == 0).all()
    assert 0.1 < interpolated < 0.5
    across = motion[:, LEFT_SHOULDER] - motion[:, RIGHT_SHOULDER]
    assert np.median(np.linalg.norm(across, axis=1)) == pytest.approx(1, abs=0.01)
    for hand in (RIGHT_HAND, LEFT_HAND):  # no hand is larger than a forearm is long
        reach = np.linalg.norm(motion[:, hand] - motion[:, [hand.start]], axis=-1).max(axis=1)
        assert np.median(reach) < np.median(np.linalg.norm(motion[:, hand.start] - motion[:, hand.start - 1], axis=-1))
    with ShardWriter(tmp_path) as shards:
        shards.add(track.name, {"motion": motion})
    windows = Windows({"motion": Source(Shards(tmp_path), "motion", 25.0)}, [track.name], 4)
    (window,) = windows.batch([(track.name, 1429)])["motion"]
    assert window.shape == (100, JOINTS, 2)
    assert np.array_equal(window, motion[-100:])


@real
def test_between_measured_joints_the_interpolation_is_that_of_the_datasets_makers():
    """Their skeleton holds what they interpolated, by the same rule: a reference for ours that we did not make."""
    positions, measured = interpolation.load(str(REAL / "solos/skeleton_npy_test.npy"))
    times = np.arange(len(positions)) / 25
    filled = cleaning.interpolate(np.where(measured[:, :, None], positions, 0), measured, times)
    frames = np.arange(len(positions))[:, None]
    between = (frames > measured.argmax(axis=0)) & (frames < len(positions) - 1 - measured[::-1].argmax(axis=0))
    for joint in range(JOINTS):  # before its parent was ever measured, they put a joint elsewhere
        between[:, joint] &= between[:, PARENTS[joint]]
    gaps = between & ~measured
    assert gaps.sum() > 16_000
    assert np.linalg.norm(filled - positions, axis=-1)[gaps].max() < 0.01


@real
def test_interpolation_is_far_nearer_than_absolute_positions_and_than_holding():
    positions, measured = interpolation.load(str(REAL / "solos/skeleton_npy_test.npy"))
    for seed in range(3):
        _, off = interpolation.errors(positions, measured, "single joints", seed)
        ours = off["relative to the parent"].mean()
        assert ours < 0.75 * off["absolute"].mean()
        assert ours < 0.4 * off["hold the last"].mean()


@pytest.mark.parametrize("protocol", list(interpolation.PROTOCOLS))
def test_the_benchmark_hides_a_tenth_of_what_was_measured_of_the_fingers_in_runs(protocol):
    measured = np.random.default_rng(0).random((1000, JOINTS)) < 0.98
    lengths = interpolation.hide(measured, interpolation.PROTOCOLS[protocol], np.random.default_rng(1))
    hidden = lengths > 0
    assert not hidden[:, list(BODY_JOINTS)].any()
    assert not (hidden & ~measured).any()
    share = hidden.sum() / measured[:, [joint for joint in range(JOINTS) if joint not in BODY_JOINTS]].sum()
    assert 0.1 <= share < 0.12
    if protocol == "single joints":
        for joint in range(JOINTS):
            edges = np.flatnonzero(np.diff(hidden[:, joint], prepend=False, append=False))
            for first, end in zip(edges[::2], edges[1::2], strict=True):
                assert (lengths[first:end, joint] == end - first).all()
                assert end - first <= 25


def test_what_the_benchmark_compares_with_holds_and_draws_lines():
    positions = np.zeros((5, JOINTS, 2))
    positions[:, :, 0] = np.array([0, 9, 2, 9, 4])[:, None]
    is_seen = np.broadcast_to(np.array([True, False, True, False, True])[:, None], (5, JOINTS))
    times = np.arange(5.0)
    assert interpolation.absolute(positions, is_seen, times)[:, 7, 0].tolist() == [0, 1, 2, 3, 4]
    assert interpolation.hold(positions, is_seen, times)[:, 7, 0].tolist() == [0, 0, 2, 2, 4]
    assert interpolation.hold(positions, ~is_seen, times)[:, 7, 0].tolist() == [9, 9, 9, 9, 9]
