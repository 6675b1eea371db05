"""Runs pyopenpose on one video: `python -m pipeline.keypoints.openpose_python VIDEO FOLDER SETTINGS`.

It is a process of its own, because OpenPose prints a message and exits where another library would raise, and holds the
GPU's memory until it exits. It writes what OpenPose's own `--write_json` writes, so that one reader serves both.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.media import picture_files

NOT_THERE = 3  # exit code: pyopenpose cannot be imported


def main() -> None:
    video, folder, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    try:
        pyopenpose = _module()
    except ImportError as error:
        print(error)
        sys.exit(NOT_THERE)
    wrapper = pyopenpose.WrapperPython()
    wrapper.configure(settings)
    wrapper.start()
    numbers = picture_files.increasing(picture_files.times(video))
    for number, (_, picture) in zip(numbers, picture_files.frames(video), strict=False):
        datum = pyopenpose.Datum()
        datum.cvInputData = np.ascontiguousarray(picture)
        if not wrapper.emplaceAndPop(pyopenpose.VectorDatum([datum])):
            sys.exit(f"OpenPose took no picture after number {number}")
        tree = {"version": 1.3, "people": _people(datum)}
        (folder / f"{video.stem}_{number:012d}_keypoints.json").write_text(json.dumps(tree))
    wrapper.stop()


def _module() -> Any:
    """Import pyopenpose, by itself or from the package `openpose`, which holds it in OpenPose's build tree."""
    try:
        return importlib.import_module("pyopenpose")
    except ModuleNotFoundError:
        return importlib.import_module("openpose.pyopenpose")


def _people(datum: Any) -> list[dict[str, list[float]]]:
    if datum.poseKeypoints is None:  # nobody is seen
        return []
    left, right = datum.handKeypoints
    named = (("pose", datum.poseKeypoints), ("hand_left", left), ("hand_right", right))
    return [
        {f"{name}_keypoints_2d": [] if found is None else found[person].ravel().tolist() for name, found in named}
        for person in range(len(datum.poseKeypoints))
    ]


if __name__ == "__main__":
    main()
