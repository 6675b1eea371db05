"""The layout of Solos.

Source: Montesinos, Slizovskaia, Haro, "Solos: A Dataset for Audio-Visual Music Analysis" (MMSP 2020), and its code.

The root folder holds the dataset's own files:

    solos_ids.json          {instrument: [id, ...]}
    solos_timestamps.json   {instrument: {id: [[first, last], ...]}}: frames that show the player, last included
    skeleton_dict.json      {id: [first row, end row], ...}, end not included; "_counter" is the number of rows
    skeleton.npy            float32 [rows, 3, 47] without a header, one row per frame of the whole video at 25 frames/s;
                            another name will do if it is the only .npy in the root folder

The media lie anywhere below it, named by their ids (Violin/0a1B2c3D4e5.mkv). Users download them for themselves.

Each segment in the timestamps is a track of its own, so no later stage can cross a cut. The skeletons are used as they
are: no video is decoded.
"""

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corpus.files import safe_name, unusable
from pipeline.corpus.folder import VIDEOS
from pipeline.corpus.track import Skeleton, Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import NothingLeft, shown
from pipeline.media import probing

IDS, TIMESTAMPS, ROWS, SKELETON = "solos_ids.json", "solos_timestamps.json", "skeleton_dict.json", "skeleton.npy"
FPS = 25.0
COLUMNS = 47  # neck; right shoulder, elbow, wrist; left shoulder, elbow, wrist; 20 joints of one hand, 20 of the other
RIGHT_WRIST, LEFT_WRIST = 3, 6
HANDS = (slice(7, 27), slice(27, 47))
MEASURED_ABOVE = 0.2  # joints of this confidence or less were interpolated before publication, see docs/real_corpora.md
# Between the lengths of a video and its skeleton. The dataset's own tests allow as much (50 frames).
LARGEST_DIFFERENCE_S = 2.0
ROWS_LOOKED_AT = 2000  # spread over all segments, to tell the hands apart
DECIDED = 0.9  # share of these rows in which a hand's joints must lie nearer to one wrist
FEWEST_ROWS = 10  # that show a hand and both wrists

_DOWNLOAD = "download it again from github.com/JuanFMontesinos/Solos"


@dataclass(frozen=True)
class _Video:
    """A usable video: its first row in the skeleton file, and its segments as (first, last frame), last included."""

    instrument: str
    file: Path
    first_row: int
    segments: list[tuple[int, int]]


def read(root: Path) -> tuple[list[Track], list[SetAside]]:
    """The segments of all videos that are there, sorted by id, and one item for each id or file that cannot be used.

    Raises:
        NothingLeft: one of the dataset's own files is missing or not as published, or the hands cannot be told apart.
    """
    if not any((root / name).is_file() for name in (IDS, TIMESTAMPS, ROWS)):
        return [], []
    listed, stamped, rows = (_load(root / name) for name in (IDS, TIMESTAMPS, ROWS))
    count = rows.pop("_counter", None)
    if type(count) is not int or count < 1:
        raise NothingLeft(f"{shown(root / ROWS)}: no number of rows under _counter in it; {_DOWNLOAD}")
    instruments: dict[str, set[str]] = {}
    for instrument, ids in listed.items():
        for name in ids if isinstance(ids, list) else ():
            instruments.setdefault(str(name), set()).add(_words(instrument))
    segments = {name: each for by_id in stamped.values() if isinstance(by_id, dict) for name, each in by_id.items()}
    files, aside = _files(root, set(instruments))

    videos: dict[str, _Video] = {}
    for name in sorted(instruments.keys() | segments.keys() | rows.keys()):
        known, file = instruments.get(name, set()), files.get(name)
        if fault := _fault(known, segments.get(name), rows.get(name), count):
            aside.append(SetAside(name, fault, f"go on without it, or {_DOWNLOAD}"))
        elif file is None:
            advice = f"download it and name it {name}.mp4 (or .mkv, .webm), or go on without it"
            aside.append(SetAside(name, f"no video of this name, of a player of {', '.join(known)}", advice))
        elif bad := unusable(file, root, picture=True, sound=True) or _length(file, root, rows[name]):
            aside.append(bad)
        else:
            videos[name] = _Video(min(known), file, rows[name][0], [(first, last) for first, last in segments[name]])
    return _tracks(videos, _skeleton(root, count)) if videos else [], aside


def _tracks(videos: dict[str, _Video], skeletons: Path) -> list[Track]:
    stretches = [
        (video.first_row + first, last - first + 1) for video in videos.values() for first, last in video.segments
    ]
    try:
        columns = joint_columns(_sample(skeletons, stretches))
    except ValueError as error:
        advice = f"check that the file is whole and belongs to {ROWS}, or {_DOWNLOAD}"
        raise NothingLeft(f"{shown(skeletons)}: {error}; {advice}") from None
    tracks = []
    for name, video in videos.items():
        for number, (first, last) in enumerate(video.segments, start=1):
            row = video.first_row + first
            tracks.append(
                Track(
                    name=safe_name(f"{name}_{number:02d}"),
                    piece=safe_name(name),
                    instrument=video.instrument,
                    video=video.file,
                    audio=video.file,
                    start_s=first / FPS,
                    end_s=(last + 1) / FPS,
                    skeleton=Skeleton(skeletons, row, row + last - first + 1, FPS, columns, MEASURED_ABOVE),
                )
            )
    return tracks


def joint_columns(rows: np.ndarray) -> tuple[int, ...]:
    """The column in Solos' rows, float32 [rows, 3, 47], of each joint of `keypoints.skeleton`, in its order.

    The published files do not say which 20 joints belong to the right hand. The rows show it, because a hand's joints
    lie near its wrist. Solos dropped joint 0 of each hand, so the arm's wrist stands for it.

    Raises:
        ValueError: too few rows show a hand and both wrists, or the rows do not agree.
    """
    positions, measured = rows[:, :2], rows[:, 2] > MEASURED_ABOVE
    right = []  # share of the rows in which a hand's joints lie nearer to the right wrist than to the left
    for number, hand in enumerate(HANDS, start=1):
        shown = measured[:, hand].any(axis=1) & measured[:, RIGHT_WRIST] & measured[:, LEFT_WRIST]
        if shown.sum() < FEWEST_ROWS:
            what = f"its hand {number} of 2 is seen together with both wrists in {shown.sum()} of {len(rows)} rows"
            raise ValueError(f"{what}, too few to tell which hand it is")
        mask = measured[shown, hand][:, None]
        centre = np.where(mask, positions[shown, :, hand], 0).sum(axis=2) / mask.sum(axis=2)
        to_right, to_left = (
            np.linalg.norm(centre - positions[shown, :, wrist], axis=1) for wrist in (RIGHT_WRIST, LEFT_WRIST)
        )
        right.append(float((to_right < to_left).mean()))
    first, second = (tuple(range(hand.start, hand.stop)) for hand in HANDS)
    if min(right[0], 1 - right[1]) >= DECIDED:
        right_hand, left_hand = first, second
    elif min(1 - right[0], right[1]) >= DECIDED:
        right_hand, left_hand = second, first
    else:
        shares = f"its two hands lie nearer to the right wrist in {right[0]:.0%} and {right[1]:.0%} of the rows"
        raise ValueError(f"{shares}, where one should near 100% and the other 0%: which is which cannot be told")
    return (0, 1, 2, RIGHT_WRIST, *right_hand, 4, 5, LEFT_WRIST, *left_hand)


def _sample(skeletons: Path, stretches: list[tuple[int, int]]) -> np.ndarray:
    """About `ROWS_LOOKED_AT` rows, the same number from each stretch (first row, rows), spread evenly over it."""
    each = max(ROWS_LOOKED_AT // len(stretches), 1)
    places = [first + np.arange(min(each, rows)) * rows // min(each, rows) for first, rows in stretches]
    values = 3 * COLUMNS
    with open(skeletons, "rb") as file:
        found = []
        for row in np.concatenate(places).tolist():
            file.seek(row * values * 4)  # read, not mapped: mapping the whole file may count as gigabytes of memory
            found.append(np.fromfile(file, np.float32, values))
    return np.stack(found).reshape(-1, 3, COLUMNS)


def _fault(instruments: set[str], segments: Any, rows: Any, count: int) -> str | None:
    """What is wrong with an id's entries in the JSON files; None if nothing is."""
    if not instruments:
        return f"not in {IDS}, though in {TIMESTAMPS} or {ROWS}"
    if len(instruments) > 1:
        return f"in {IDS} under more than one instrument: {', '.join(sorted(instruments))}"
    if rows is None:
        return f"no skeleton of it in {ROWS}"
    if not (_is_pair(rows) and 0 <= rows[0] < rows[1] <= count):
        return f"its rows in {ROWS} are {rows!r}, not two numbers from 0 to {count} that rise"
    if segments is None:
        return f"not in {TIMESTAMPS}"
    if segments == []:
        return f"no segment in {TIMESTAMPS}"
    if not (isinstance(segments, list) and all(_is_pair(each) for each in segments)):
        return f"its segments in {TIMESTAMPS} are not pairs of whole numbers"
    frames = [frame for each in segments for frame in each]
    if frames[0] < 0 or any(later <= earlier for earlier, later in pairwise(frames)):
        return f"its segments in {TIMESTAMPS} do not follow one another: {segments}"
    if frames[-1] >= rows[1] - rows[0]:
        return f"its segments end at frame {frames[-1]}, its skeleton at frame {rows[1] - rows[0] - 1}"
    return None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)


def _length(file: Path, root: Path, rows: list[int]) -> SetAside | None:
    """An item if a video is not as long as its skeleton; None if it is."""
    video_s, skeleton_s = probing.probe(file).duration_s, (rows[1] - rows[0]) / FPS
    if abs(video_s - skeleton_s) <= LARGEST_DIFFERENCE_S:
        return None
    what = (
        f"{video_s:.1f} s long, its skeleton {skeleton_s:.1f} s: it is cut, or another video, or plays at another speed"
    )
    return SetAside(relative(file, root), what, "download it again, whole, or delete it")


def _files(root: Path, ids: set[str]) -> tuple[dict[str, Path], list[SetAside]]:
    """The video of each id that has one, and an item for each other video."""
    files: dict[str, Path] = {}
    aside = []
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or path.suffix.lower() not in VIDEOS or not path.is_file():
            continue
        if path.stem not in ids:
            what, advice = f"named by no id of {IDS}", "name it by its id, or move it out of the corpus"
            aside.append(SetAside(relative(path, root), what, advice))
        elif path.stem in files:
            what = f"not used, as {relative(files[path.stem], root)} is of the same id"
            aside.append(SetAside(relative(path, root), what, "keep one of the two"))
        else:
            files[path.stem] = path
    return files, aside


def _skeleton(root: Path, count: int) -> Path:
    """The file of all skeletons: float32 [count, 3, 47]."""
    found = [root / SKELETON] if (root / SKELETON).is_file() else sorted(root.glob("*.npy"))
    if len(found) != 1:
        what = f"{len(found)} .npy files in it, none named {SKELETON}" if found else f"no {SKELETON} in it"
        raise NothingLeft(f"{shown(root)}: {what}; put Solos' skeletons there under that name")
    size, wanted = found[0].stat().st_size, count * 3 * COLUMNS * 4
    if size != wanted:
        what = f"{size} bytes long, not the {wanted} of the {count} rows of {ROWS}"
        raise NothingLeft(f"{shown(found[0])}: {what}; download both again, so that they belong together")
    return found[0]


def _load(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NothingLeft(f"{shown(path)}: cannot be read ({error.strerror}); {_DOWNLOAD}") from None
    except (ValueError, RecursionError):
        raise NothingLeft(f"{shown(path)}: not JSON; {_DOWNLOAD}") from None
    if not isinstance(tree, dict):
        raise NothingLeft(f"{shown(path)}: not as Solos publishes it; {_DOWNLOAD}")
    return tree


def _words(instrument: str) -> str:
    """DoubleBass → double bass."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", instrument).lower()
