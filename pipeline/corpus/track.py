"""A track: one player's part of one recording, and where its files lie."""

import math
from dataclasses import dataclass
from pathlib import Path

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
    def stretch(self) -> str:
        """Which stretch of its files it is, in words to put after a sentence; nothing if it is the whole."""
        if not self.start_s and self.end_s is None:
            return ""
        return f" ({self.start_s:.1f} s to " + ("its end)" if self.end_s is None else f"{self.end_s:.1f} s)")
