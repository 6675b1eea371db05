"""Joints from OpenPose (Cao, Hidalgo, Simon, Wei, Sheikh, "OpenPose", IEEE TPAMI 2021), the paper's detector.

keypoints.detector selects one of three ways to use it (see docs/openpose.md):

    pyopenpose       its Python module
    openpose         its program
    openpose_json    files that it wrote elsewhere

All three give the files of `--write_json`, one per frame, with everybody in the whole picture. `people.player` picks
the player by the track's strip.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.compute.work import WORK, key
from pipeline.corpus.track import Track
from pipeline.errors import FileError, ParamsError
from pipeline.keypoints import openpose_json, people
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.openpose_python import NOT_THERE
from pipeline.keypoints.skeleton import JOINTS
from pipeline.media import picture_files
from pipeline.params import Keypoints, OpenPose

KEPT = WORK / "openpose"  # OpenPose's files, one folder per video, because the video's other players need them too
WHOLE = 0.9  # share of a video's pictures; a run that wrote fewer files was cut short
LAST_LINES = 4  # of OpenPose's output that are shown when it fails
_MANUAL = "docs/openpose.md says how to build it, or set keypoints.detector: mediapipe"
# Paths below the model folder, as OpenPose's models/getModels.sh sets them up.
_BODY_MODELS = {
    "BODY_25": ("pose/body_25/pose_deploy.prototxt", "pose/body_25/pose_iter_584000.caffemodel"),
    "COCO": ("pose/coco/pose_deploy_linevec.prototxt", "pose/coco/pose_iter_440000.caffemodel"),
}
_HAND_MODEL = ("hand/pose_deploy.prototxt", "hand/pose_iter_102000.caffemodel")


def detect(track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected:
    """Find the joints of a track's player: a detector as in `pipeline.keypoints.detection`.

    Raises:
        FileError: the video cannot be read, OpenPose failed on it, or its files cannot be used.
        ParamsError: OpenPose, its models or the folder of its files are missing, whatever the video.
    """
    times = picture_files.times(track.video)
    stored_px, turn = picture_files.stored(track.video)
    numbers = picture_files.increasing(times)
    end_s = np.inf if track.end_s is None else track.end_s
    numbers = numbers[(times[numbers] >= track.start_s - 1e-6) & (times[numbers] < end_s - 1e-6)]
    if not len(numbers):
        raise FileError(track.video, "no picture in it can be decoded")
    width_px, height_px = stored_px[::-1] if turn.transposed else stored_px
    ticks = iter(numbers)  # one per picture, while OpenPose runs or afterwards

    def progress(pictures: int) -> None:
        for _ in zip(range(pictures), ticks, strict=False):
            tick()

    files = openpose_json.of_video(_files(track.video, params, len(times), progress), len(times))
    source = files[max(files)]
    nobody = np.zeros((0, JOINTS, 3), np.float32)
    everybody = [openpose_json.read(files[number]) if number in files else nobody for number in numbers]
    everybody = openpose_json.in_shown_pixels(everybody, stored_px, turn, source)
    left_px = -np.inf if track.left == 0 else track.left * width_px
    right_px = np.inf if track.right == 1 else track.right * width_px
    joints = people.player(everybody, left_px, right_px)
    progress(len(numbers))
    return Detected(joints, times[numbers] - track.start_s, width_px, height_px)


def _files(video: Path, params: Keypoints, pictures: int, progress: Callable[[int], None]) -> dict[int, Path]:
    """Frame number → OpenPose's file for that frame of a video, obtained as keypoints.detector says."""
    openpose = params.openpose
    if params.detector == "openpose_json":
        if not Path(openpose.json_folder).is_dir():
            what = "no such folder; docs/openpose.md says how to fill it"
            raise ParamsError(f"keypoints.openpose.json_folder = {openpose.json_folder!r}: {what}")
        return openpose_json.find(Path(openpose.json_folder), video)
    kept = KEPT / key(__file__, video, params.detector, openpose)
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time: OpenPose fills the GPU or all cores by itself
        if not kept.exists():
            _check_models(openpose)
            under_way = KEPT / "under_way"  # a killed run may have left files here, which are useless
            shutil.rmtree(under_way, ignore_errors=True)
            under_way.mkdir()
            _run(video, params.detector, openpose, under_way, progress)
            _check_written(video, under_way, pictures)
            os.replace(under_way, kept)
    return openpose_json.find_in(kept, video)


def _run(video: Path, detector: str, params: OpenPose, folder: Path, progress: Callable[[int], None]) -> None:
    """Run OpenPose on a video. It writes its files into `folder`."""
    settings = {
        "model_folder": str(Path(params.model_folder).resolve()),
        "model_pose": params.body,
        "net_resolution": params.net_resolution,
        "hand": params.hands,
        "hand_net_resolution": params.hand_net_resolution,
        "number_people_max": params.number_people_max,
        "keypoint_scale": 0,  # px of the picture
        "render_pose": 0,  # nobody would see it
    }
    paths = [str(video.resolve()), str(folder.resolve())]
    environment = dict(os.environ)
    if detector == "openpose":
        program = shutil.which(params.binary)
        if program is None:
            what = f"no such program; {_MANUAL}"
            raise ParamsError(f"keypoints.openpose.binary = {params.binary!r}: {what}")
        flags = {"video": paths[0], "write_json": paths[1], "display": 0} | settings
        command = [program, *(f"--{flag}={json.dumps(v) if isinstance(v, bool) else v}" for flag, v in flags.items())]
    else:
        command = [sys.executable, "-m", "pipeline.keypoints.openpose_python", *paths, json.dumps(settings)]
        here = str(Path(__file__).parents[2])
        environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [environment.get("PYTHONPATH")])])
    with open(KEPT / "output", "w+b") as output:
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process:
            done = 0
            while _runs(process):
                written = sum(1 for _ in folder.iterdir())
                progress(written - done)
                done = written
        output.seek(0)
        lines = output.read().decode(errors="replace").split("\n")
    said = " | ".join([line.strip() for line in lines if line.strip()][-LAST_LINES:]) or "it said nothing"
    code = process.returncode
    if detector == "pyopenpose" and code == NOT_THERE:
        what = f"there is no module pyopenpose for this Python ({said}); {_MANUAL}"
        raise ParamsError(f"keypoints.detector = 'pyopenpose': {what}")
    if code:
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise FileError(video, f"OpenPose {end}: {said}", "docs/openpose.md says what to do when it fails")


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


def _check_models(params: OpenPose) -> None:
    """Report a missing model by name, because OpenPose would end the process."""
    folder = Path(params.model_folder)
    for name in ("", *_BODY_MODELS[params.body], *(_HAND_MODEL if params.hands else ())):
        if not (folder / name).exists():
            what = f"no {name} in it" if name else "no such folder"
            advice = "docs/openpose.md says where OpenPose's models come from"
            raise ParamsError(f"keypoints.openpose.model_folder = {params.model_folder!r}: {what}; {advice}")


def _check_written(video: Path, folder: Path, pictures: int) -> None:
    written = sum(1 for _ in folder.iterdir())
    if written < WHOLE * pictures:
        what = f"OpenPose wrote files for {written} of its {pictures} pictures and did not say why"
        raise FileError(video, what, "docs/openpose.md says what to do when it fails")
