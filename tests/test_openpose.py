"""OpenPose by its module, its program and its files: everybody in the picture becomes the right player's 47 joints."""

import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest
from fake_openpose import write_models, write_module, write_program
from make_media import REAL, REPO, blank, run_stage, tone, workplace, write_video

from pipeline import params
from pipeline.corpus.track import Track
from pipeline.errors import FileError, ParamsError
from pipeline.keypoints import detection, openpose_json, people
from pipeline.keypoints.skeleton import (
    JOINTS,
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NECK,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from pipeline.media import picture_files

DEMO = params.load(REPO / "profiles" / "demo.yaml").keypoints
WIDTH_PX, HEIGHT_PX, FRAMES = 128, 64, 20
NOBODY = (6, 7)  # frames
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not on this machine")


def keypoints(detector: str, **changes: Any) -> params.Keypoints:
    return DEMO.model_copy(update={"detector": detector, "openpose": DEMO.openpose.model_copy(update=changes)})


def duo(path: Path, faulty: int | None = None, fault: int = 0) -> Path:
    """A video of two white bars, which the stand-ins take for people: one sways around 32, one around 96 px."""
    pictures = []
    for i in range(FRAMES):
        picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
        for x in () if i in NOBODY else bars(i):
            picture[:, x - 8 : x + 8] = 255
        pictures.append((i / 10, np.full_like(picture, fault) if i == faulty else picture))
    return write_video(path, pictures)


def bars(frame: int) -> tuple[int, int]:
    return 32 + frame % 5, 96 - frame % 3


def check_duo(video: Path, p: params.Keypoints, hands: bool = True) -> None:
    """Each strip gets its own player in every frame, nobody where nobody is; a tick a frame."""
    for index, (left, right) in enumerate([(0, 0.5), (0.5, 1)]):
        track = Track("t", "p", "unknown", video, video, left=left, right=right)
        ticks: list[None] = []
        found = detection.detect(track, p, partial(ticks.append, None))
        assert len(ticks) == FRAMES
        assert found.keypoints.shape == (FRAMES, JOINTS, 3)
        assert found.keypoints.dtype == np.float32
        assert found.times == pytest.approx(np.arange(FRAMES) / 10)
        assert (found.width_px, found.height_px) == (WIDTH_PX, HEIGHT_PX)
        seen = found.keypoints[:, NECK, 2] > 0
        assert list(np.flatnonzero(~seen)) == list(NOBODY)
        assert (found.keypoints[~seen] == 0).all()
        x_px = np.array([bars(frame)[index] for frame in range(FRAMES)])[seen]
        assert found.keypoints[seen, NECK, 0] == pytest.approx(x_px, abs=2)
        assert found.keypoints[seen, RIGHT_SHOULDER, 0] == pytest.approx(x_px - 8, abs=2)
        assert found.keypoints[seen, LEFT_ELBOW, 0] == pytest.approx(x_px + 10, abs=2)
        assert found.keypoints[seen, RIGHT_WRIST, 0] == pytest.approx(x_px - 8, abs=2)
        assert found.keypoints[seen, LEFT_WRIST, 0] == pytest.approx(x_px + 8, abs=2)
        # A hand's root comes from the hand (y 41), or from the body's wrist (y 40) where there is no hand.
        assert (found.keypoints[seen, RIGHT_WRIST, 1] == (41 if hands else 40)).all()
        assert ((found.keypoints[seen][:, LEFT_HAND][:, 1:, 2] > 0) == hands).all()


# OpenPose's Python module


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for pyopenpose on the path, an empty work folder; its models lie in models/."""
    monkeypatch.setenv("PYTHONPATH", str(write_module(tmp_path / "python")))
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path / "models")
    return tmp_path / "python"


def test_pyopenpose_finds_both_players_and_is_run_once_a_video(module):
    video = duo(Path("duo.mp4"))
    p = keypoints("pyopenpose", model_folder="models")
    check_duo(video, p)
    assert json.loads((module / "configured.json").read_text()) == {
        "model_folder": str(Path("models").resolve()),
        "model_pose": "BODY_25",
        "net_resolution": "-1x368",
        "hand": True,
        "hand_net_resolution": "368x368",
        "number_people_max": -1,
        "keypoint_scale": 0,
        "render_pose": 0,
    }
    assert (module / "stopped").exists()
    (module / "pyopenpose.py").unlink()  # the second player, and a later run, need OpenPose no more
    check_duo(video, p)


def test_pyopenpose_is_found_in_its_package_and_told_what_the_parameters_say(module):
    (module / "openpose").mkdir()
    (module / "pyopenpose.py").rename(module / "openpose" / "pyopenpose.py")
    p = keypoints("pyopenpose", model_folder="models", hands=False, number_people_max=2, net_resolution="256x256")
    check_duo(duo(Path("duo.mp4")), p, hands=False)
    configured = json.loads((module / "openpose" / "configured.json").read_text())
    assert (configured["hand"], configured["number_people_max"], configured["net_resolution"]) == (False, 2, "256x256")


def test_the_stand_in_takes_no_plain_list(module, monkeypatch):
    """As pyopenpose: else the tests would pass with the older way of calling it."""
    monkeypatch.syspath_prepend(module)
    import pyopenpose

    wrapper = pyopenpose.WrapperPython()
    with pytest.raises(TypeError, match="incompatible function arguments"):
        wrapper.emplaceAndPop([pyopenpose.Datum()])


def test_without_pyopenpose_the_message_says_so_and_where_to_read_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path / "models")
    video = duo(tmp_path / "duo.mp4")
    with pytest.raises(ParamsError) as error:
        detection.detect(Track("t", "p", "unknown", video, video), keypoints("pyopenpose", model_folder="models"))
    said = str(error.value)
    assert said.startswith("keypoints.detector = 'pyopenpose': there is no module pyopenpose for this Python")
    assert "docs/openpose.md says how to build it" in said
    assert "\n" not in said


def test_models_are_looked_for_before_openpose_starts(module):
    video = duo(Path("duo.mp4"))
    track = Track("t", "p", "unknown", video, video)
    with pytest.raises(ParamsError, match=r"model_folder = 'nowhere': no such folder; docs/openpose.md"):
        detection.detect(track, keypoints("pyopenpose", model_folder="nowhere"))
    Path("models/hand/pose_iter_102000.caffemodel").unlink()
    with pytest.raises(ParamsError, match=r"'models': no hand/pose_iter_102000.caffemodel in it"):
        detection.detect(track, keypoints("pyopenpose", model_folder="models"))
    with pytest.raises(ParamsError, match=r"'models': no pose/coco/pose_deploy_linevec.prototxt in it"):
        detection.detect(track, keypoints("pyopenpose", model_folder="models", body="COCO"))
    assert not (module / "configured.json").exists()


def test_openpose_that_ends_its_process_sets_one_video_aside(module):
    """It prints and aborts rather than raises: that must not take the run with it."""
    bad, good = duo(Path("bad.mp4"), faulty=4), duo(Path("good.mp4"))
    p = keypoints("pyopenpose", model_folder="models")
    with pytest.raises(FileError) as error:
        detection.detect(Track("t", "p", "unknown", bad, bad), p)
    assert str(error.value).startswith("bad.mp4: OpenPose was ended by SIGABRT: ")
    assert "out of memory" in str(error.value)
    assert "docs/openpose.md" in error.value.advice
    check_duo(good, p)


# Its program


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path / "models")
    return write_program(tmp_path / "bin" / "openpose.bin", sys.executable)


def test_the_program_finds_both_players_and_is_run_once_a_video(program, monkeypatch):
    video = duo(Path("duo.mp4"))
    check_duo(video, keypoints("openpose", binary=str(program), model_folder="models"))
    assert program.with_suffix(".runs").read_text() == f"{video.resolve()}\n"
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    check_duo(video, keypoints("openpose", model_folder="models", hands=False), hands=False)


def test_players_of_one_video_looked_for_at_once_wait_for_one_run(program):
    """Tracks are spread over the cores; OpenPose fills the machine by itself."""
    video = duo(Path("duo.mp4"))
    p = keypoints("openpose", binary=str(program), model_folder="models")
    tracks = [Track("t", "p", "unknown", video, video, left=left, right=left + 0.5) for left in (0, 0.5)]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda track: detection.detect(track, p), tracks))
    assert np.median(found[0].keypoints[:, NECK, 0]) < WIDTH_PX / 2 < np.median(found[1].keypoints[:, NECK, 0])
    assert len(program.with_suffix(".runs").read_text().splitlines()) == 1


def test_what_is_wrong_with_the_program_is_said(program):
    video = duo(Path("duo.mp4"))
    track = Track("t", "p", "unknown", video, video)
    with pytest.raises(ParamsError, match=r"binary = 'no/such.bin': no such program; docs/openpose.md"):
        detection.detect(track, keypoints("openpose", binary="no/such.bin", model_folder="models"))
    with pytest.raises(ParamsError, match="model_folder = 'nowhere': no such folder"):
        detection.detect(track, keypoints("openpose", binary=str(program), model_folder="nowhere"))


@pytest.mark.parametrize(
    ("faulty", "fault", "says"),
    [
        (3, 0, r"OpenPose ended with exit code 255: .*Error: \| Cuda check failed \(2 vs. 0\): out of memory"),
        (5, 255, "OpenPose wrote files for 5 of its 20 pictures"),
    ],
)
def test_a_program_that_fails_is_named_with_its_last_words_and_run_again_next_time(program, faulty, fault, says):
    video = duo(Path("duo.mp4"), faulty, fault)
    track = Track("t", "p", "unknown", video, video)
    p = keypoints("openpose", binary=str(program), model_folder="models")
    for _ in range(2):
        with pytest.raises(FileError, match=says) as error:
            detection.detect(track, p)
    assert "\n" not in str(error.value)
    assert len(program.with_suffix(".runs").read_text().splitlines()) == 2


# Its files


def person(x_px: float, layout: str = "1.3", hands: bool = True) -> dict[str, Any]:
    """Someone of shoulder width 80 px, as OpenPose writes it."""
    body = np.zeros((18 if "coco" in layout else 25, 3))
    body[1:8] = [
        *((x_px, 100, 0.9), (x_px - 40, 100, 0.8), (x_px - 50, 150, 0.7), (x_px - 40, 200, 0.6)),
        *((x_px + 40, 100, 0.8), (x_px + 50, 150, 0.7), (x_px + 40, 200, 0.6)),
    ]
    sides = {side: np.array([[x_px + at + i, 201 + i, 0.5] for i in range(21)]) for side, at in SIDES.items()}
    end = "_2d" if layout == "1.3" else ""
    written = {f"pose_keypoints{end}": body.ravel().tolist(), f"face_keypoints{end}": []}
    return written | {
        f"hand_{side}_keypoints{end}": hand.ravel().tolist() if hands else [] for side, hand in sides.items()
    }


SIDES = {"left": 42, "right": -42}


def write_json(path: Path, *found: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1.3, "people": list(found)}))
    return path


@pytest.mark.parametrize("layout", ["1.3", "1.0", "1.1 coco"])
def test_every_layout_gives_the_same_joints(tmp_path, layout):
    (joints,) = openpose_json.read(write_json(tmp_path / "a.json", person(300, layout)))
    assert joints.shape == (JOINTS, 3)
    assert joints.dtype == np.float32
    body = [NECK, RIGHT_SHOULDER, RIGHT_ELBOW, LEFT_SHOULDER, LEFT_ELBOW]
    np.testing.assert_allclose(joints[body, 0], [300, 260, 250, 340, 350])
    np.testing.assert_allclose(joints[body, 2], [0.9, 0.8, 0.7, 0.8, 0.7])
    np.testing.assert_allclose(joints[RIGHT_HAND, 0], 258 + np.arange(21))
    np.testing.assert_allclose(joints[LEFT_HAND, 0], 342 + np.arange(21))


def test_a_hand_that_was_not_found_leaves_the_bodys_wrist(tmp_path):
    blind = person(300, hands=False)
    del blind["hand_left_keypoints_2d"]
    (joints,) = openpose_json.read(write_json(tmp_path / "a.json", blind))
    np.testing.assert_allclose(joints[RIGHT_WRIST], [260, 200, 0.6])
    np.testing.assert_allclose(joints[LEFT_WRIST], [340, 200, 0.6])
    assert (joints[RIGHT_HAND][1:] == 0).all()
    assert (joints[LEFT_HAND][1:] == 0).all()


def test_nobody_is_nobody(tmp_path):
    assert openpose_json.read(write_json(tmp_path / "a.json")).shape == (0, JOINTS, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ('{"version": 1.3, "peop', "not JSON"),
        ("[" * 100_000, "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        ("[]", 'no list "people"'),
        ('{"version": 1.3}', 'no list "people"'),
        ('{"people": {}}', 'no list "people"'),
        ('{"people": [7]}', "a person in it is no object"),
        ('{"people": [{"pose_keypoints_2d": "x"}]}', "pose_keypoints_2d has no list, where 75 or 54 belong"),
        ('{"people": [{"pose_keypoints": [1, 2, 3]}]}', "pose_keypoints has 3 values, where 75 or 54 belong"),
        ('{"people": [{"hand_left_keypoints_2d": [0, 0]}]}', "has 2 values, where 63 belong"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 1, True] * 25}]}), "value 2 .* is no confidence"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 1, 5] * 25}]}), "value 2 .* is no confidence"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 1, -1] * 25}]}), "value 2 .* is no confidence"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, np.nan, 1] * 25}]}), "value 1 .* is no coordinate"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1e9, 1, 1] * 25}]}), "value 0 .* is no coordinate"),
        (json.dumps({"people": [{"pose_keypoints_2d": [10**400, 1, 1] * 25}]}), "value 0 .* is no coordinate"),
        (json.dumps({"people": [{"pose_keypoints_2d": [None, 1, 1] * 25}]}), "value 0 .* is no coordinate"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, says):
    path = tmp_path / "v_000000000003_keypoints.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileError, match=says) as error:
        openpose_json.read(path)
    assert path.name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_ten_thousand_damaged_files_give_joints_or_one_clear_error():
    """Whatever is in a file, its frame is usable or the file is named; nothing else is raised, no shape is wrong."""
    generator = np.random.default_rng(0)
    path = Path("v_000000000003_keypoints.json")
    whole = [
        json.dumps({"version": 1.3, "people": [person(300), person(700, hands=False)]}),
        json.dumps({"version": 1.0, "people": [person(300, "1.0 coco")]}),
        *(file.read_text() for file in sorted((REAL / "openpose_json").glob("*.json"))[:2]),
    ]
    before = openpose_json.parse(whole[0].encode(), path)
    results: Counter[str] = Counter()
    for _ in range(10_000):
        data = damaged(whole[generator.integers(len(whole))], generator)
        said = joints = None
        try:
            joints = openpose_json.parse(data, path)
            track = people.player(openpose_json.in_pixels([before, joints], 1280, 720, path), 0, 640)
        except FileError as error:
            said = str(error)
        if joints is not None:
            results["people" if len(joints) else "nobody"] += 1
            check_joints(joints)
        if said is None:
            check_joints(track)
        else:
            results["error"] += 1
            assert path.name in said
            assert len(said) < 1000
            assert "\n" not in said
    assert min(results["error"], results["people"], results["nobody"]) > 100, results


def check_joints(joints: np.ndarray) -> None:
    assert joints.shape[1:] == (JOINTS, 3)
    assert joints.dtype == np.float32
    assert np.isfinite(joints).all()
    assert ((joints[..., 2] >= 0) & (joints[..., 2] <= 1)).all()
    assert (joints[joints[..., 2] == 0] == 0).all()


JUNK: list[Any] = [
    *(None, True, "", "NaN", -1, 0, 0.5, 2, 1e-320, 1e30, -1e308, 10**400, float("nan"), float("inf"), [], {}),
    *([[]], [{}], {"people": []}, [0.0] * 54, [0.5] * 63, [1] * 75, [float("-inf")] * 75, [[1, 2, 3]] * 25, "\ud800"),
]


def damaged(text: str, generator: np.random.Generator) -> bytes:
    """A file's text with one to three places of its tree changed, or of its bytes, or both."""
    tree = json.loads(text)
    for _ in range(generator.integers(1, 4)):
        node, parent, place = tree, None, None
        while isinstance(node, dict | list) and len(node) and (parent is None or generator.random() < 0.75):
            place = (
                list(node)[generator.integers(len(node))] if isinstance(node, dict) else generator.integers(len(node))
            )
            parent, node = node, node[place]
        junk = json.loads(json.dumps(JUNK[generator.integers(len(JUNK))]))
        match generator.integers(5):
            case _ if parent is None:
                tree = junk
            case 0:
                del parent[place]
            case 1 if isinstance(parent, list):
                parent.insert(place, junk)
            case 1:
                parent[f"{place}_2d"] = parent.pop(place)
            case 2 if isinstance(node, list):
                parent[place] = node[: generator.integers(len(node) + 1)]
            case 3:
                nested: Any = junk
                for _ in range(generator.integers(1, 50)):
                    nested = [nested] if generator.random() < 0.5 else {"people": nested}
                parent[place] = nested
            case _:
                parent[place] = junk
    data = bytearray(json.dumps(tree, ensure_ascii=generator.random() < 0.9), "utf-8", "surrogatepass")
    if generator.random() < 0.2:
        del data[generator.integers(len(data)) :]
    if generator.random() < 0.2:
        for _ in range(generator.integers(1, 5)):
            if data:
                data[generator.integers(len(data))] = generator.integers(256)
    return bytes(data)


def film(path: Path, frames: int, width_px: int = 640, height_px: int = 480) -> Path:
    return write_video(path, [(i / 10, np.zeros((height_px, width_px, 3), np.uint8)) for i in range(frames)])


def read(video: Path, folder: Path, **track: Any) -> detection.Detected:
    p = keypoints("openpose_json", json_folder=str(folder))
    return detection.detect(Track("t", "p", "unknown", video, video, **track), p)


def test_frames_without_a_file_are_not_found_and_shift_nothing(tmp_path):
    video = film(tmp_path / "v.mp4", 10)
    for frame in (1, 2, 5, 9):
        write_json(tmp_path / "json" / "v" / f"v_{frame:012d}_keypoints.json", person(300 + frame))
    found = read(video, tmp_path / "json")
    assert found.keypoints.shape == (10, JOINTS, 3)
    assert list(np.flatnonzero(found.keypoints[:, NECK, 2])) == [1, 2, 5, 9]
    assert list(found.keypoints[[1, 2, 5, 9], NECK, 0]) == [301, 302, 305, 309]
    assert (found.keypoints[[0, 3, 4, 6, 7, 8]] == 0).all()
    assert found.times == pytest.approx(np.arange(10) / 10)


def test_a_track_that_is_a_stretch_has_the_frames_of_its_stretch(tmp_path):
    video = film(tmp_path / "v.mp4", 20)
    for frame in range(20):
        write_json(tmp_path / "v" / f"v_{frame:012d}_keypoints.json", person(300 + frame))
    found = read(video, tmp_path, start_s=0.5, end_s=1.2)
    assert found.times == pytest.approx(np.arange(7) / 10)
    assert list(found.keypoints[:, NECK, 0]) == list(range(305, 312))
    with pytest.raises(FileError, match="no picture"):
        read(video, tmp_path, start_s=5)


def test_a_videos_files_are_found_by_its_name(tmp_path):
    video, other = film(tmp_path / "violin" / "recital.mp4", 3), film(tmp_path / "cello" / "recital.mp4", 3)
    json_folder = tmp_path / "json"
    json_folder.mkdir()
    with pytest.raises(FileError, match=r"json: no \.\.\._keypoints.json of recital.mp4 in it"):
        read(video, json_folder)
    write_json(json_folder / "recital_000000000000_keypoints.json", person(100))
    write_json(json_folder / "recital_2_000000000000_keypoints.json", person(500))  # of recital_2.mp4
    write_json(json_folder / "recital_1_keypoints.json", person(500))
    assert list(read(video, json_folder).keypoints[:, NECK, 0]) == [100, 0, 0]
    write_json(json_folder / "recital" / "another_name_000000000001_keypoints.json", person(200))
    assert list(read(video, json_folder).keypoints[:, NECK, 0]) == [0, 200, 0]
    write_json(json_folder / "cello" / "recital" / "000000000002_keypoints.json", person(300))
    assert list(read(other, json_folder).keypoints[:, NECK, 0]) == [0, 0, 300]
    assert list(read(video, json_folder).keypoints[:, NECK, 0]) == [0, 200, 0]
    write_json(json_folder / "recital" / "000000000001_keypoints.json", person(200))
    with pytest.raises(FileError, match="a second file of frame 1"):
        read(video, json_folder)
    with pytest.raises(ParamsError, match=r"json_folder = .*nowhere': no such folder"):
        read(video, tmp_path / "nowhere")


def test_files_that_are_not_of_this_video_are_refused(tmp_path):
    """Another numbering, another rate, another size: each would pass for movement, at the wrong time or place."""
    video = film(tmp_path / "v.mp4", 3)
    for frame in (1, 2, 4):
        write_json(tmp_path / "v" / f"v_{frame:012d}_keypoints.json", person(300))
    says = r"v_000000000004_keypoints.json: 3 files, the last of frame 4; its video has 3 pictures, 0 to 2"
    with pytest.raises(FileError, match=says):
        read(video, tmp_path)
    write_json(tmp_path / "v" / "v_000000000001_keypoints.json", person(1500))
    (tmp_path / "v" / "v_000000000004_keypoints.json").unlink()
    with pytest.raises(FileError, match=r"its people lie at x from 250 to 1550, .* picture is 640 x 480 px"):
        read(video, tmp_path)


@pytest.mark.parametrize("scale", ["0 to 1", "-1 to 1"])
def test_places_scaled_to_the_picture_become_pixels(tmp_path, scale):
    video = film(tmp_path / "v.mp4", 3)
    low = 0 if scale == "0 to 1" else -1
    for frame in range(3):
        writes = person(300 + frame)
        for name, values in writes.items():
            points = np.array(values).reshape(-1, 3)
            places = low + points[:, :2] / [639, 479] * (1 - low)
            points[:, :2] = np.where(points[:, 2:] > 0, places, 0)
            writes[name] = points.ravel().tolist()
        write_json(tmp_path / "v" / f"v_{frame:012d}_keypoints.json", writes)
    found = read(video, tmp_path)
    assert found.keypoints[:, NECK, 0] == pytest.approx([300, 301, 302], abs=0.01)
    assert found.keypoints[:, LEFT_HAND][0, 20, :2] == pytest.approx([362, 221], abs=0.01)


def test_several_people_reordered_go_to_their_strips(tmp_path):
    """URMP's way: four players in one picture, a strip each; OpenPose lists them in any order, one is hidden at times."""
    generator = np.random.default_rng(0)
    video = film(tmp_path / "v.mp4", 30)
    for frame in range(30):
        order = [i for i in generator.permutation(4) if not (i == 2 and 10 <= frame < 15)]
        band = [person(80 + 160 * i + generator.normal(0, 2)) for i in order]
        write_json(tmp_path / "v" / f"v_{frame:012d}_keypoints.json", *band)
    for index in range(4):
        necks = read(video, tmp_path, left=index / 4, right=(index + 1) / 4).keypoints[:, NECK]
        hidden = np.arange(10, 15) if index == 2 else []
        assert list(np.flatnonzero(necks[:, 2] == 0)) == list(hidden)
        assert necks[necks[:, 2] > 0, 0] == pytest.approx(80 + 160 * index, abs=10)


@real
def test_the_real_files_are_read(tmp_path):
    """Nine frames as OpenPose 1.3 wrote them: one person whose hands lie at the wrists, moving smoothly."""
    video = film(tmp_path / "video.mp4", 9, 1280, 720)
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "video").symlink_to(REAL / "openpose_json")
    found = read(video, tmp_path / "json")
    assert found.keypoints.shape == (9, JOINTS, 3)
    assert detection.found_shares(found.keypoints) == {"body_found": 1, "left_hand_found": 1, "right_hand_found": 1}
    body = found.keypoints[0, [NECK, RIGHT_SHOULDER, RIGHT_ELBOW, LEFT_SHOULDER, LEFT_ELBOW]]
    assert body[:, 0] == pytest.approx([633.285, 470.694, 355.106, 790.031, 899.754])
    assert body[:, 2] == pytest.approx([0.670723, 0.438326, 0.657507, 0.512432, 0.639407])
    assert found.keypoints[0, LEFT_WRIST] == pytest.approx([740.324, 521.169, 0.56071])
    assert found.keypoints[0, RIGHT_WRIST] == pytest.approx([530.913, 463.253, 0.339047])
    shoulders_px = np.linalg.norm(
        found.keypoints[:, RIGHT_SHOULDER, :2] - found.keypoints[:, LEFT_SHOULDER, :2], axis=1
    )
    # OpenPose's wrists of the body, joints 4 and 7, which are not among the 47 where a hand is found.
    files = sorted((REAL / "openpose_json").glob("*.json"))
    bodies = [json.loads(file.read_text())["people"][0]["pose_keypoints_2d"] for file in files]
    wrists = np.array(bodies).reshape(9, 25, 3)[:, [4, 7], :2]
    for index, place in enumerate((RIGHT_HAND, LEFT_HAND)):
        hand = found.keypoints[:, place]
        away_px = np.linalg.norm(hand[..., :2] - wrists[:, index, None], axis=-1)[hand[..., 2] > 0]
        assert (away_px < 0.8 * shoulders_px.max()).all()
        assert np.median(away_px) < 0.4 * shoulders_px.max()
    neck = found.keypoints[:, NECK, :2]
    assert np.linalg.norm(np.diff(neck, axis=0), axis=1).max() < 0.1 * shoulders_px.mean()


@pytest.mark.slow
@pytest.mark.parametrize("video", sorted((REAL / "clips").glob("*.mp4")) or [None], ids=lambda path: path and path.stem)
def test_times_without_decoding_are_those_of_the_pictures(video):
    """A file's number is a place in this list: were it of another length or order, all movement would be shifted."""
    if video is None:
        pytest.skip("the real clips are not on this machine")
    times = picture_files.times(video)
    assert list(times[picture_files.increasing(times)]) == [time_s for time_s, _ in picture_files.frames(video)]


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts", "avi"])
def test_times_without_decoding_of_uneven_pictures(tmp_path, container):
    pictures = [(t, p) for t, (_, p) in zip([0, 0.1, 0.15, 0.4, 0.41, 1.0], blank(0.6), strict=True)]
    video = write_video(tmp_path / "v", pictures, tone(1), container_format=container)
    times = picture_files.times(video)
    assert len(times) == 6
    assert list(times) == [time_s for time_s, _ in picture_files.frames(video)]
    assert list(picture_files.increasing(np.array([0, 0.1, 0.1, 0.05, 0.2]))) == [0, 1, 4]
    with pytest.raises(FileError, match=r"no such|cannot be read"):
        picture_files.times(tmp_path / "none.mp4")


# In the stage


@pytest.mark.slow
def test_extract_uses_what_can_be_used_and_names_the_rest(tmp_path):
    """One broken file sets its video aside, by name; what was set right is read anew, not taken from an earlier run."""
    root = tmp_path / "videos"
    sound = np.zeros(16000, np.float32)
    for name in ("good", "broken", "alone"):
        write_video(root / f"{name}.mp4", [(i / 10, p) for i, (_, p) in enumerate(blank(1, size_px=512))], sound)
    for name in ("good", "broken"):
        for frame in range(10):
            write_json(root / "openpose" / name / f"{frame:012d}_keypoints.json", person(200))
    broken = root / "openpose" / "broken" / "000000000004_keypoints.json"
    whole = broken.read_text()
    broken.write_text(whole[:100])
    place = workplace(tmp_path / "work", corpus={"name": "folder", "root": str(root)})
    settings = (place / "params.yaml").read_text().replace("detector: mediapipe", "detector: openpose_json")
    settings = settings.replace("json_folder: data/raw/openpose_json", f"json_folder: {root / 'openpose'}")
    (place / "params.yaml").write_text(settings)
    done = run_stage(place, "tracks", "extract", LOKY_MAX_CPU_COUNT="1")
    assert done.returncode == 0, done.stderr
    assert list(pd.read_parquet(place / "data/keypoints/index.parquet")["track"]) == ["good"]
    aside = pd.read_csv(place / "data/keypoints/set_aside.csv").set_index("file")
    assert set(aside.index) == {"broken.mp4", "alone.mp4"}
    assert "000000000004_keypoints.json: not JSON" in aside.loc["broken.mp4", "what"]
    assert "no ..._keypoints.json of alone.mp4" in aside.loc["alone.mp4", "what"]
    broken.write_text(whole)
    for frame in range(10):
        write_json(root / "openpose" / f"alone_{frame:012d}_keypoints.json", person(200))
        write_json(root / "openpose" / "good" / f"{frame:012d}_keypoints.json")
    done = run_stage(place, "tracks", "extract", LOKY_MAX_CPU_COUNT="1")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_parquet(place / "data/keypoints/index.parquet")["track"]) == {"alone", "broken"}
    assert "good.mp4: nobody in view" in done.stdout


def test_extract_without_openpose_is_one_line(tmp_path):
    """Nothing is wrong with the videos, so none is set aside: the run ends and says what is missing."""
    root = tmp_path / "videos"
    write_video(root / "v.mp4", blank(0.5), np.zeros(8000, np.float32))
    place = workplace(tmp_path / "work", corpus={"name": "folder", "root": str(root)})
    write_models(place / "models")
    settings = (place / "params.yaml").read_text().replace("detector: mediapipe", "detector: pyopenpose")
    (place / "params.yaml").write_text(settings.replace("/opt/openpose/models", "models"))
    done = run_stage(place, "tracks", "extract", LOKY_MAX_CPU_COUNT="1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: keypoints.detector = 'pyopenpose': there is no module pyopenpose for this Python")


# Do the files belong to the video?


def phone(path: Path, pictures: int, turn: bool) -> Path:
    """A video of nothing that lies on its side in the file, 640 x 480 px, and is shown upright, if `turn`."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        if turn:
            stream.set_display_matrix((0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30))
        for _ in range(pictures):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="bgr24")))
        out.mux(stream.encode(None))
    return path


def files_of(folder: Path, numbers: range, *found: dict[str, Any]) -> None:
    for number in numbers:
        write_json(folder / f"{folder.name}_{number:012d}_keypoints.json", *found)


def found_in(video: Path, folder: Path) -> np.ndarray:
    p = keypoints("openpose_json", json_folder=str(folder))
    return detection.detect(Track("t", "p", "unknown", video, video), p).keypoints


def lying(standing: dict[str, Any], width_px: int) -> dict[str, Any]:
    """Someone as they are in the stored picture, whose row is the shown picture's column from the right."""
    turned = {}
    for name, values in standing.items():
        points = np.array(values, np.float64).reshape(-1, 3)
        there = points[:, 2] > 0
        x, y = points[:, 0].copy(), points[:, 1].copy()
        points[there, 0], points[there, 1] = y[there], width_px - 1 - x[there]
        turned[name] = points.ravel().tolist()
    return turned


def test_people_of_a_lying_picture_are_turned_with_an_upright_phones_video(tmp_path):
    video = phone(tmp_path / "phone.mp4", 10, turn=True)
    standing = person(240)
    files_of(tmp_path / "shown" / "phone", range(10), standing)
    files_of(tmp_path / "stored" / "phone", range(10), lying(standing, 480))
    shown, stored = (found_in(video, tmp_path / name) for name in ("shown", "stored"))
    assert shown[0, NECK, :2].tolist() == [240, 100]
    np.testing.assert_allclose(stored, shown, atol=1e-3)


def test_a_turned_picture_is_turned_as_its_joints_are(tmp_path):
    """The same rule for pictures and for places in them, whatever the display matrix says."""
    generator = np.random.default_rng(1)
    stored = generator.integers(0, 255, (6, 4, 3)).astype(np.uint8)
    for number in range(8):
        turn = picture_files.Turn(*(bool(number >> bit & 1) for bit in range(3)))
        shown = turn.picture(stored)
        places = np.array([[x, y, 1] for y in range(6) for x in range(4)], np.float32)[None]
        for (x, y, _), (to_x, to_y, _) in zip(places[0], turn.places(places, 4, 6)[0], strict=True):
            assert (shown[int(to_y), int(to_x)] == stored[int(y), int(x)]).all()


@pytest.mark.parametrize(
    ("numbers", "fits"),
    [
        (range(30), True),
        (range(28), True),
        (range(1, 31), True),
        (range(25), False),
        (range(0, 30, 2), True),
        (range(31), False),
        (range(5, 35), False),
    ],
)
def test_files_of_another_rate_or_numbering_are_refused(tmp_path, numbers, fits):
    """25 pictures a second for a video of 30 put the last movement a sixth too early."""
    video = phone(tmp_path / "recital.mp4", 30, turn=False)
    files_of(tmp_path / "json" / "recital", numbers, person(300))
    if fits:
        seen = found_in(video, tmp_path / "json")[:, NECK, 2] > 0
        assert seen.sum() == len(numbers)
        return
    with pytest.raises(
        FileError, match=rf"{len(numbers)} files, the last of frame {numbers[-1]}; its video has 30"
    ) as error:
        found_in(video, tmp_path / "json")
    assert error.value.advice == "run OpenPose on this very video, without leaving out or adding pictures"


def test_files_that_fit_two_videos_serve_neither(tmp_path):
    videos = [tmp_path / "corpus" / name / "recital.mp4" for name in ("cello", "violin")]
    files_of(tmp_path / "json" / "recital", range(3), person(300))
    cello, violin = videos
    assert openpose_json.of_several(tmp_path / "json", videos) == {cello: violin, violin: cello}
    files_of(tmp_path / "json" / "violin" / "recital", range(3), person(300))
    assert openpose_json.of_several(tmp_path / "json", videos) == {}, "as the advice says"
    assert openpose_json.of_several(tmp_path / "json", [cello, cello]) == {}, "two players of one video"
