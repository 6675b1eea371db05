"""Stand-ins for OpenPose, written on the spot: they keep to its interfaces, and take white bars in a picture for people."""

from pathlib import Path

_FINDS = '''
import json, os, sys
from pathlib import Path
import numpy as np

calls = 0

def find(picture, hands):
    """As OpenPose does: everybody in the picture, listed in another order each time."""
    global calls
    calls += 1
    bright = picture[picture.shape[0] // 2].mean(axis=1) > 180
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bright, [0]])))
    people = [joints(x, hands) for x in edges.reshape(-1, 2).mean(axis=1)]
    return people[:: -1 if calls % 2 else 1]

def joints(x, hands):
    body = np.zeros((25, 3), np.float32)
    body[:8] = [(x, 8, .9), (x, 20, .8), (x - 8, 20, .8), (x - 10, 30, .7), (x - 8, 40, .6),
                (x + 8, 20, .8), (x + 10, 30, .7), (x + 8, 40, .6)]
    right, left = (np.tile(np.float32([x + side, 41, .5]), (21, 1)) for side in (-8, 8))
    return body, left, right

FLAGS = {"model_folder", "model_pose", "hand", "net_resolution", "hand_net_resolution", "number_people_max",
         "keypoint_scale", "render_pose", "num_gpu", "logging_level", "video", "write_json", "display"}
MODELS = {"BODY_25": ["pose/body_25/pose_deploy.prototxt", "pose/body_25/pose_iter_584000.caffemodel"],
          "COCO": ["pose/coco/pose_deploy_linevec.prototxt", "pose/coco/pose_iter_440000.caffemodel"]}

def check_models(flags):
    needed = MODELS[flags["model_pose"]] + ["hand/pose_deploy.prototxt", "hand/pose_iter_102000.caffemodel"]
    for name in needed:
        if not (Path(flags["model_folder"]) / name).is_file():
            print("Prototxt file not found: " + name + "\\nPossible causes: ...", flush=True)
            os.abort()
'''

_MODULE = """
import types

class Datum:
    def __init__(self):
        self.cvInputData = self.poseKeypoints = self.poseScores = None
        self.handKeypoints = [None, None]

class VectorDatum(list):
    pass

class WrapperPython:
    def __init__(self, mode=None):
        self.flags, self.started = None, False

    def configure(self, flags):
        assert set(flags) <= FLAGS, flags
        self.flags = dict(flags)
        Path(__file__).with_name("configured.json").write_text(json.dumps(self.flags))

    def start(self):
        print("Starting OpenPose Python Wrapper...")
        check_models(self.flags)
        self.started = True

    def stop(self):
        assert self.started
        Path(__file__).with_name("stopped").touch()

    def emplaceAndPop(self, data):
        if not isinstance(data, VectorDatum):
            raise TypeError("emplaceAndPop(): incompatible function arguments. The following argument types are supported: "
                            "1. (self: WrapperPython, arg0: std::vector<std::shared_ptr<op::Datum>>) -> bool")
        if not self.started:
            print("Segmentation fault"); os.abort()
        for datum in data:
            picture = datum.cvInputData
            assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.flags.c_contiguous
            if picture.mean() < 5:  # a black picture: for the tests of what goes wrong
                print("F1121 syncedmem.cpp:71] Check failed: error == cudaSuccess (2 vs. 0)  out of memory", flush=True)
                os.abort()
            people = find(picture, self.flags["hand"])
            if people:  # else all stays None
                body, left, right = (np.stack(each) for each in zip(*people))
                datum.poseKeypoints, datum.poseScores = body, body[..., 2].mean(axis=1)
                datum.handKeypoints = [left, right] if self.flags["hand"] else [None, None]
        return True
"""

_PROGRAM = """
import cv2

flags, words = {}, iter(sys.argv[1:])
for word in words:
    name, equals, value = word.removeprefix("--").partition("=")
    if name not in FLAGS:
        sys.exit(f"ERROR: unknown command line flag '{name}'")
    flags[name] = value if equals else "true" if name == "hand" else next(words)
Path(__file__).with_suffix(".runs").open("a").write(flags["video"] + "\\n")
print("Starting OpenPose demo...")
check_models(flags)
film = cv2.VideoCapture(flags["video"])
frame = 0
while True:
    there, picture = film.read()
    if not there:
        break
    if picture.mean() < 5:
        print("Configuring OpenPose...\\nError:\\nCuda check failed (2 vs. 0): out of memory", flush=True)
        sys.exit(255)
    if picture.mean() > 250:  # a white picture: it ends as if all were well
        break
    people = [{"person_id": [-1], "pose_keypoints_2d": body.ravel().tolist(), "face_keypoints_2d": [],
               "hand_left_keypoints_2d": left.ravel().tolist() if flags["hand"] == "true" else [],
               "hand_right_keypoints_2d": right.ravel().tolist() if flags["hand"] == "true" else [],
               "pose_keypoints_3d": []} for body, left, right in find(picture, True)]
    name = f"{Path(flags['video']).stem}_{frame:012d}_keypoints.json"
    (Path(flags["write_json"]) / name).write_text(json.dumps({"version": 1.3, "people": people}))
    frame += 1
"""


def write_module(folder: Path) -> Path:
    """A folder for PYTHONPATH with a module pyopenpose in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyopenpose.py").write_text(_FINDS + _MODULE)
    return folder


def write_program(path: Path, python: str) -> Path:
    """A program that takes the flags of openpose.bin; the videos it was run on are in <path>.runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{python}\n" + _FINDS + _PROGRAM)
    path.chmod(0o755)
    return path


def write_models(folder: Path) -> Path:
    """A folder with the files that OpenPose's models are, empty."""
    for place, weights in (("pose/body_25", "pose_iter_584000"), ("hand", "pose_iter_102000")):
        (folder / place).mkdir(parents=True)
        (folder / place / "pose_deploy.prototxt").touch()
        (folder / place / f"{weights}.caffemodel").touch()
    return folder
