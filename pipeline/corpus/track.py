"""A track: one player's part of one recording, and where its files are."""

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.dataset.artifacts import TRACKS
from pipeline.errors import shown

UNKNOWN = "unknown"  # instrument of a track if the corpus does not say


@dataclass(frozen=True)
class Skeleton:
    """Joints from the corpus, in a file without a header: float32 [rows, 3, columns] = x px, y px, confidence.

    Attributes:
        first, end: the rows of the file that belong to this skeleton; end is not included.
        fps: rate of the rows. The first row is at the track's start.
        columns: the column in the file of each joint of `keypoints.skeleton`, in its order.
        measured_above: a joint of this confidence or less was not measured, whatever position the file gives it.
    """

    file: Path
    first: int
    end: int
    fps: float
    columns: tuple[int, ...]
    measured_above: float


@dataclass(frozen=True)
class Track:
    """One player in one piece.

    Attributes:
        name: unique in the corpus, and safe as part of a file name.
        instrument: full English name, lower case ("violin"), or UNKNOWN. Used only for the split and the evaluation.
        video: file with the picture.
        audio: file with this player's sound; the video itself if it holds the sound.
        left, right: edges of the player's strip of the picture, as shares of its width, 0 <= left < right <= 1.
        start_s, end_s: the stretch of the video and of the audio that belongs to this track; None is their end. Times
            in the track count from start_s.
        max_fps: the most pictures per second of the video that MediaPipe looks at.
        midi: the score of the piece, if there is one.
        part: index of this player's part in the MIDI, counted from 0.
        notes: this player's notes (lines of onset s, pitch Hz, duration s), if there are any.
        skeleton: joints that come with the corpus and replace a detector's, if there are any.
        f0s: this player's pitch over time (lines of time s, pitch Hz or 0), if there is any.
        joints: true joints, float32 [frames, 47, 2] in px of the whole picture, one row per video frame; or [frames, 47, 3] with
            their depth, px towards the camera. Only made corpora have them.
    """

    name: str
    piece: str
    instrument: str
    video: Path
    audio: Path
    left: float = 0.0
    right: float = 1.0
    start_s: float = 0.0
    end_s: float | None = None
    max_fps: float = math.inf
    midi: Path | None = None
    part: int = 0
    notes: Path | None = None
    f0s: Path | None = None
    joints: Path | None = None
    skeleton: Skeleton | None = None

    @property
    def files(self) -> list[Path]:
        """All files of this track, except its skeleton's."""
        named = (getattr(self, name) for name in _PATHS)
        return [path for path in named if path is not None]

    @property
    def stretch(self) -> str:
        """The stretch of its files that it covers, in words to append to a sentence; empty if it covers them whole."""
        if not self.start_s and self.end_s is None:
            return ""
        return f" ({self.start_s:.1f} s to " + ("its end)" if self.end_s is None else f"{self.end_s:.1f} s)")


def true_joints(path: Path) -> np.ndarray:
    """The true joints in a file, in the picture: float32 [frames, 47, 2], px. An array of another shape is left as it is.

    Raises:
        ValueError, OSError, EOFError: `np.load` cannot read the file.
    """
    joints = np.load(path, allow_pickle=False)
    return joints[..., :2] if joints.shape[-1:] == (3,) else joints


def true_depths(path: Path) -> np.ndarray | None:
    """The depth of the true joints in a file, float32 [frames, 47], px towards the camera; None if it does not say."""
    joints = np.load(path, allow_pickle=False)
    return joints[..., 2] if joints.shape[-1:] == (3,) else None


def relative(path: Path, root: Path) -> str:
    """A file's path in the corpus as printable text. It is the same wherever the corpus lies."""
    return shown(path.relative_to(root))


_PATHS = ("video", "audio", "midi", "notes", "f0s", "joints")
_IN_SKELETON = tuple(field.name for field in fields(Skeleton))
# max_fps is not a property of a corpus. A command sets it for one video.
_COLUMNS = tuple(field.name for field in fields(Track) if field.name not in ("max_fps", "skeleton"))


def write_tracks(path: Path, tracks: Iterable[Track]) -> None:
    """Write one row per track: its fields except max_fps, and its skeleton's as skeleton_file and so on.

    Missing values are null.
    """
    rows = []
    for track in tracks:
        row: dict[str, Any] = {name: getattr(track, name) for name in _COLUMNS}
        row |= {name: None if row[name] is None else str(row[name]) for name in _PATHS}
        of_skeleton = astuple(track.skeleton) if track.skeleton else (None,) * len(_IN_SKELETON)
        row |= {f"skeleton_{name}": value for name, value in zip(_IN_SKELETON, of_skeleton, strict=True)}
        row["skeleton_file"] = None if track.skeleton is None else str(track.skeleton.file)
        rows.append(row)
    columns = [*_COLUMNS, *(f"skeleton_{name}" for name in _IN_SKELETON)]
    kinds = dict.fromkeys(("end_s", "skeleton_fps", "skeleton_measured_above"), "float64")
    kinds |= dict.fromkeys(("skeleton_first", "skeleton_end"), "Int64")
    pd.DataFrame(rows, columns=columns).astype(kinds).to_parquet(path, index=False)


def read_tracks(path: Path = TRACKS) -> list[Track]:
    """The tracks that `write_tracks` wrote, in the same order."""
    return [_track(row) for row in pd.read_parquet(path).to_dict("records")]


def _track(row: dict[Any, Any]) -> Track:
    values: dict[str, Any] = {name: None if _missing(row[name]) else row[name] for name in row}
    values |= {name: None if values[name] is None else Path(values[name]) for name in _PATHS}
    track = Track(**{name: values[name] for name in _COLUMNS})
    if values["skeleton_file"] is None:
        return track
    kept: dict[str, Any] = {name: values[f"skeleton_{name}"] for name in _IN_SKELETON}
    kept |= {"file": Path(kept["file"]), "columns": tuple(int(column) for column in kept["columns"])}
    return replace(track, skeleton=Skeleton(**kept))


def _missing(value: Any) -> bool:
    return not hasattr(value, "__len__") and bool(pd.isna(value))
