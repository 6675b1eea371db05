"""Reads the files that OpenPose writes with `--write_json`, one per frame: where they are, and what is in them.

In version 1.3, `pose_keypoints_2d` holds the 25 joints of BODY_25, and similar keys hold 21 joints per hand, each as
x, y, confidence. Versions 1.0 and 1.1 call them `pose_keypoints` and so on, and have 18 joints if the COCO model was
used. The neck and the arms have the same numbers in both models. Left and right are the person's own. A hand that was
not looked for is empty or missing.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import FileError, shown
from pipeline.keypoints import skeleton
from pipeline.media.picture_files import AS_STORED, Turn

BODIES = (25, 18)  # number of joints in BODY_25 and in COCO
HAND = 21
LARGEST_PX = 1e5  # no picture is that wide
LARGEST_CONFIDENCE = 2.0  # interpolation in OpenPose's maps goes a little beyond 1; more is an error
TAIL = 2  # pictures at the end of a video that OpenPose may leave out
UPRIGHT = 0.5  # people who stand more upright by this, from -1 to 1, in a turned picture were found in the picture as it is stored
EDGE = 0.01  # share of the picture's size by which a joint may lie outside it
_MAKE_AGAIN = "make it again with OpenPose's --write_json, or delete it: then nobody is found in its frame"
# (OpenPose's joint, our joint). _HANDS has the wrists.
_BODY = (
    (1, skeleton.NECK),
    (2, skeleton.RIGHT_SHOULDER),
    (3, skeleton.RIGHT_ELBOW),
    (5, skeleton.LEFT_SHOULDER),
    (6, skeleton.LEFT_ELBOW),
)
_HANDS = ((4, skeleton.RIGHT_HAND, "hand_right_keypoints"), (7, skeleton.LEFT_HAND, "hand_left_keypoints"))


def read(path: Path) -> np.ndarray:
    """The people in one frame's file.

    Returns:
        float32 [people, 47, 3] = x and y in the unit of the file, confidence in 0..1. A joint that was not found is
        0, 0, 0. A wrist is the hand's own joint 0, or the body's wrist if the hand has none.

    Raises:
        FileError: the file cannot be read, or is not what OpenPose writes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})", _MAKE_AGAIN) from None
    return parse(data, path)


def parse(data: bytes, path: Path) -> np.ndarray:
    """As `read`, from the content of the file at `path`."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"not JSON: {' '.join(str(error).split())}", _MAKE_AGAIN) from None
    people = tree.get("people") if isinstance(tree, dict) else None
    if not isinstance(people, list):
        raise FileError(path, 'no list "people" in it', _MAKE_AGAIN)
    return np.stack([np.zeros((skeleton.JOINTS, 3), np.float32), *(_person(path, person) for person in people)])[1:]


def _person(path: Path, person: Any) -> np.ndarray:
    if not isinstance(person, dict):
        raise FileError(path, "a person in it is no object with keys", _MAKE_AGAIN)
    joints = np.zeros((skeleton.JOINTS, 3), np.float32)
    body = _points(path, person, "pose_keypoints", BODIES)
    for theirs, ours in _BODY:
        joints[ours] = body[theirs]
    for wrist, place, name in _HANDS:
        hand = _points(path, person, name, (HAND,))
        joints[place] = hand
        if hand[0, 2] == 0:
            joints[place.start] = body[wrist]
    return joints


def _points(path: Path, person: dict[str, Any], name: str, counts: tuple[int, ...]) -> np.ndarray:
    """float32 [joints, 3] from one of a person's lists of numbers; zeros if it is empty or missing."""
    key = name if name in person and f"{name}_2d" not in person else f"{name}_2d"
    values = person.get(key, [])
    if not isinstance(values, list) or len(values) not in (0, *(3 * count for count in counts)):
        have = f"{len(values)} values" if isinstance(values, list) else "no list"
        allowed = " or ".join(str(3 * count) for count in counts)
        raise FileError(path, f"{key} has {have}, where {allowed} belong", _MAKE_AGAIN)
    for index, value in enumerate(values):
        low, high = (0, LARGEST_CONFIDENCE) if index % 3 == 2 else (-LARGEST_PX, LARGEST_PX)
        # `type`, because JSON's true would pass as an int. NaN fails every comparison.
        if type(value) not in (int, float) or not low <= value <= high:
            kind = "confidence" if index % 3 == 2 else "coordinate"
            raise FileError(path, f"value {index} of {key} is no {kind}", _MAKE_AGAIN)
    points = np.array(values or [0] * 3 * counts[0], np.float32).reshape(-1, 3)
    points[points[:, 2] == 0] = 0
    points[:, 2] = np.minimum(points[:, 2], 1)
    return points


def find(folder: Path, video: Path) -> dict[int, Path]:
    """Frame number → file, for all files of a video.

    They are called ..._<number>_keypoints.json in a folder with the video's name, without its extension:

        <folder>/<name of the video's folder>/<video>/    tried first, for videos with equal names
        <folder>/<video>/

    Or they are directly in <folder>, as <video>_<number, 12 digits>_keypoints.json. OpenPose counts frames from 0.

    Raises:
        FileError: there is none, or there are two for one frame.
    """
    place = _place(folder, video)
    return (
        find_in(place, video) if place != folder else find_in(place, video, rf"{re.escape(video.stem)}_([0-9]{{12}})")
    )


def _place(folder: Path, video: Path) -> Path:
    places = (folder / video.parent.name / video.stem, folder / video.stem)
    return next((place for place in places if place.is_dir()), folder)


def of_several(folder: Path, videos: Iterable[Path]) -> dict[Path, Path]:
    """The videos for which `find` finds the files of another video, too: video → the other video."""
    firsts: dict[tuple[Path, str], Path] = {}
    found: dict[Path, Path] = {}
    for video in sorted(set(videos)):
        first = firsts.setdefault((_place(folder, video), video.stem), video)
        if first != video:
            found |= {first: video, video: first}
    return found


def find_in(folder: Path, video: Path, name: str = "(?:.*_)?([0-9]{1,18})") -> dict[int, Path]:
    """As `find`, in this folder alone.

    Args:
        name: regular expression for the part before _keypoints.json, with the number as its group.
    """
    form = re.compile(rf"{name}_keypoints\.json", re.DOTALL)
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if match := form.fullmatch(path.name):
            number = int(match[1])
            if number in found:
                what = f"a second file of frame {number}, beside {shown(found[number].name)}"
                raise FileError(path, what, "keep one of the two")
            found[number] = path
    if not found:
        where = f"no ..._keypoints.json of {shown(video.name)} in it"
        raise FileError(folder, where, "docs/openpose.md says where they have to lie")
    return found


def of_video(files: dict[int, Path], pictures: int) -> dict[int, Path]:
    """Frame number, from 0 → file, if the files belong to a video with so many pictures.

    Raises:
        FileError: they end before the video, or after it, as those of another frame rate do.
    """
    if min(files) == 1 and max(files) == pictures:  # numbered from 1, as by most programs that write pictures
        files = {number - 1: path for number, path in files.items()}
    last = max(files)
    if not pictures - 1 - TAIL <= last < pictures:
        what = f"{len(files)} files, the last of frame {last}; its video has {pictures} pictures, 0 to {pictures - 1}"
        raise FileError(files[last], what, "run OpenPose on this very video, without leaving out or adding pictures")
    return files


def in_shown_pixels(
    people: Sequence[np.ndarray], stored_px: tuple[int, int], turn: Turn, source: Path
) -> list[np.ndarray]:
    """As `in_pixels`, for a video that may be turned when it is shown.

    Some versions of OpenPose do not turn pictures that lie on their side. Their people are turned here: if only the picture as it
    is stored holds them, or if they stand far more upright when they are turned with it.

    Args:
        stored_px: width and height of the pictures as they are stored.
    """
    shown_px = stored_px[::-1] if turn.transposed else stored_px
    if turn == AS_STORED:
        return in_pixels(people, *shown_px, source)
    try:
        lying = [turn.places(frame, *stored_px) for frame in in_pixels(people, *stored_px, source)]
    except FileError:
        return in_pixels(people, *shown_px, source)
    try:
        shown = in_pixels(people, *shown_px, source)
    except FileError:
        return lying
    return lying if _upright(lying) > _upright(shown) + UPRIGHT else shown


def _upright(people: Sequence[np.ndarray]) -> float:
    """How far the elbows are below the neck, as a share of their distance: -1 for people on their heads, 1 for people who stand."""
    joints = np.concatenate([np.zeros((0, skeleton.JOINTS, 3), np.float32), *people])
    ends = joints[:, [skeleton.RIGHT_ELBOW, skeleton.LEFT_ELBOW]]
    there = (ends[..., 2] > 0) & (joints[:, None, skeleton.NECK, 2] > 0)
    away = (ends - joints[:, None, skeleton.NECK])[there][:, :2]
    return float((away[:, 1] / np.maximum(np.hypot(*away.T), 1)).mean()) if len(away) else 0.0


def in_pixels(people: Sequence[np.ndarray], width_px: int, height_px: int, source: Path) -> list[np.ndarray]:
    """Convert positions to px of the picture, whatever `--keypoint_scale` they were written with.

    Positions from 0 to 1 (scale 3) and from -1 to 1 (scale 4) are recognised by the bodies in all frames. If no neck,
    shoulder or elbow ever leaves the lower right quarter of the picture, the two scales cannot be told apart. Then 0
    to 1 is assumed.

    Args:
        people: for each frame, float32 [people, 47, 3].

    Raises:
        FileError: bodies lie outside the picture, so the files belong to another video or to another size of it.
    """
    joints = np.concatenate([np.zeros((0, skeleton.JOINTS, 3), np.float32), *people])
    bodies = joints[:, [ours for _, ours in _BODY]]
    places = bodies[bodies[..., 2] > 0][:, :2]
    if not len(places):
        return list(people)
    low, high = places.min(axis=0), places.max(axis=0)
    size = np.array([width_px, height_px])
    if low.min() >= -1 - EDGE and high.max() <= 1 + EDGE:
        least = -1 if low.min() < -EDGE else 0
        return [_scaled(frame, least, (size - 1) / (1 - least)) for frame in people]
    if (low < -EDGE * size).any() or (high > (1 + EDGE) * size).any():
        span = f"x from {low[0]:.0f} to {high[0]:.0f}, y from {low[1]:.0f} to {high[1]:.0f}"
        what = f"its people lie at {span}, its video's picture is {width_px} x {height_px} px"
        raise FileError(source, what, "run OpenPose on this very video, with --keypoint_scale 0")
    return list(people)


def _scaled(joints: np.ndarray, least: int, scale: np.ndarray) -> np.ndarray:
    pixels = joints.copy()
    found = joints[..., 2] > 0
    pixels[found, :2] = (joints[found, :2] - least) * scale
    return pixels
