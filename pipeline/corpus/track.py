"""A track: one player's part of one recording, and where its files lie."""

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import shown

TRACKS = Path("data/tracks.parquet")
UNKNOWN = "unknown"  # the instrument of a track whose corpus does not say


@dataclass(frozen=True)
class Skeleton:
    """Joints that were found before, in a raw file of float32 [rows, 3, columns] = x px, y px, confidence, without a header.

    Attributes:
        first, end: the rows of the file that are this skeleton's; end is not included.
        fps: rate of the rows; the first is at the track's start.
        columns: for each joint of `keypoints.skeleton`, in their order, its column in the file.
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
        instrument: full English name, lower case ("violin"), or UNKNOWN. For the split and the evaluation only.
        video: file with the picture.
        audio: file with this player's sound; the video itself where the sound is in it.
        left, right: edges of the player's strip of the picture, as shares of its width, 0 <= left < right <= 1.
        start_s, end_s: the stretch of the video and of the audio that is this track's; None is their end. Times in the track
            count from start_s.
        max_fps: how many of the video's pictures MediaPipe looks at, a second, at most.
        midi: the score of the piece, if there is one.
        part: which part of the MIDI is this player's, counted from 0.
        notes: this player's notes (lines of onset s, pitch Hz, duration s), if there are any.
        skeleton: joints that need no detector, if there are any.
        f0s: this player's pitch over time (lines of time s, pitch Hz or 0), if there is any.
        joints: true joints, float32 [frames, 47, 2] in px of the whole picture, one row a video frame: made corpora only.
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
        """All that is read of it."""
        named = (getattr(self, name) for name in _PATHS)
        return [path for path in named if path is not None]

    @property
    def stretch(self) -> str:
        """Which stretch of its files it is, in words to put after a sentence; nothing if it is the whole."""
        if not self.start_s and self.end_s is None:
            return ""
        return f" ({self.start_s:.1f} s to " + ("its end)" if self.end_s is None else f"{self.end_s:.1f} s)")


def relative(path: Path, root: Path) -> str:
    """A file's place in the corpus as printable text: the same wherever the corpus lies."""
    return shown(path.relative_to(root))


_PATHS = ("video", "audio", "midi", "notes", "f0s", "joints")
_IN_SKELETON = tuple(field.name for field in fields(Skeleton))
# max_fps is no property of a corpus: it stands for what a command asks of one video.
_COLUMNS = tuple(field.name for field in fields(Track) if field.name not in ("max_fps", "skeleton"))


def write_tracks(path: Path, tracks: Iterable[Track]) -> None:
    """A row a track: its fields but max_fps, and its skeleton's as skeleton_file and so on; what it has not is null."""
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
    """The tracks that `write_tracks` kept, in their order."""
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
