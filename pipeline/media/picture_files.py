"""Reads the pictures of video files, on the clock of the file.

Time 0 is the start of the file. A stream that starts later, as sound often does in a phone's video, keeps its offset,
so that pictures and sound stay together. Times come from the container, never from a nominal frame rate.
"""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.stream
import numpy as np

from pipeline.errors import FileError
from pipeline.media.probing import opened, picture_zero_s, untimed, video_stream, zero_s

ROUNDING_S = 1e-6  # tolerance for rounded times
# How long before a stretch to seek. If neither works, the file is decoded from its start.
LEADS_S = (1, 20)


def frames(
    path: str | Path, start_s: float = 0, end_s: float | None = None, max_fps: float = math.inf
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the pictures of a video in display order, from start_s (included) to end_s (not included).

    At most max_fps pictures per second are yielded, as evenly as the video's own times allow.

    Times strictly increase: a picture that is not later than the one before it is left out. Pictures come as they are
    displayed. A phone held upright, for example, stores pictures that lie on their side and a matrix that turns them.

    Yields:
        time in s from the start of the file, and the picture, uint8 [height, width, 3], BGR.

    Raises:
        FileError: the file is missing, empty, broken, or has no picture.
    """
    last_s, due_s, period_s = -1.0, start_s, 1 / max_fps
    for time_s, frame in _decoded(path, start_s):
        if time_s <= last_s:
            continue
        last_s = time_s
        if end_s is not None and time_s >= end_s - ROUNDING_S:
            return
        # Up to a quarter of a period early will do, because containers round times, some to whole milliseconds.
        if time_s >= start_s - ROUNDING_S and time_s >= due_s - period_s / 4 - ROUNDING_S:
            due_s = max(due_s + period_s, time_s)
            yield time_s, turn_of(frame).picture(frame.to_ndarray(format="bgr24"))


def _decoded(path: str | Path, start_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All pictures with their times, from a key frame on that is not later than start_s."""
    for lead_s in LEADS_S:
        if start_s <= lead_s:
            break
        with opened(path) as container:
            pictures = _timed(path, container, start_s - lead_s)
            first = None
            with suppress(av.FFmpegError):  # a file that cannot seek is read from its start
                first = next(pictures, None)
            # Without an index, a seek may end anywhere: the first picture may be too late, or not a key frame.
            if first and first[1].key_frame and first[0] <= start_s:
                yield first
                yield from pictures
                return
    with opened(path) as container:
        yield from _timed(path, container)


@dataclass(frozen=True)
class Turn:
    """How a stored picture becomes the shown one: rows and columns exchanged, then mirrored left to right, and top to bottom."""

    transposed: bool
    left_right: bool
    top_bottom: bool

    def picture(self, stored: np.ndarray) -> np.ndarray:
        """uint8 [height, width, 3]"""
        shown = stored.transpose(1, 0, 2) if self.transposed else stored
        return np.ascontiguousarray(shown[:: -1 if self.top_bottom else 1, :: -1 if self.left_right else 1])

    def places(self, joints: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
        """Joints in a stored picture of this size, float32 [people, joints, 3], as they are in the shown one."""
        shown = joints.copy()
        if self.transposed:
            shown[..., :2], width_px, height_px = joints[..., 1::-1], height_px, width_px
        there = joints[..., 2] > 0
        if self.left_right:
            shown[there, 0] = width_px - 1 - shown[there, 0]
        if self.top_bottom:
            shown[there, 1] = height_px - 1 - shown[there, 1]
        return shown


AS_STORED = Turn(transposed=False, left_right=False, top_bottom=False)


def turn_of(frame: av.VideoFrame) -> Turn:
    """What the display matrix of a frame says, by quarters of a turn."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")  # PyAV's types do not include the matrix
    if matrix is None:
        return AS_STORED
    # Rows (a, b, u), (c, d, v), (x, y, w): (p, q) is displayed at (a p + c q, b p + d q) (ISO/IEC 14496-12, tkhd).
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    transposed = bool(a == d == 0)
    if transposed:
        a, d = c, b
    return Turn(transposed, bool(a < 0), bool(d < 0))


def stored(path: str | Path) -> tuple[tuple[int, int], Turn]:
    """Width and height of a video's first picture as it is stored, in px, and how it is turned to be shown.

    Raises:
        FileError: the file is missing, empty, broken, or has no picture that can be decoded.
    """
    for _, frame in _decoded(path, 0):
        return (frame.width, frame.height), turn_of(frame)
    raise FileError(path, "no picture in it can be decoded")


def _timed(
    path: str | Path, container: av.container.InputContainer, enter_s: float | None = None
) -> Iterator[tuple[float, av.VideoFrame]]:
    stream = video_stream(container)
    if stream is None:
        raise FileError(path, "no picture in it")
    if untimed(container, stream):
        if enter_s is None:  # else its pictures could not be counted
            yield from _counted(container, stream)
        return
    begins_s = picture_zero_s(container, stream)
    if enter_s is not None:
        container.seek(int((enter_s + begins_s) * av.time_base))
    for frame in container.decode(stream):
        if frame.time is not None:
            yield frame.time - begins_s, frame


def _counted(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Pictures of an untimed stream: the first that is shown has the time of the first that is stored, and so on."""
    begins_s, waiting = zero_s(container), deque[float]()
    for packet in container.demux(stream):
        if packet.size and packet.dts is not None and packet.time_base is not None:
            waiting.append(float(packet.dts * packet.time_base) - begins_s)
        for frame in packet.decode():
            if waiting:
                yield waiting.popleft(), frame


def times(path: str | Path) -> np.ndarray:
    """The times of all pictures of a video in display order: float64 [pictures], s from the start of the file.

    Nothing is decoded. `increasing` gives the ones that `frames` yields.

    Raises:
        FileError: the file is missing, empty, broken, or has no picture.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise FileError(path, "no picture in it")
        begins_s = picture_zero_s(container, stream)
        packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
        counted = untimed(container, stream)
        stamps = [packet.dts if packet.pts is None or counted else packet.pts for packet in packets]
        shown = np.array(sorted(stamp for stamp in stamps if stamp is not None), np.float64)
        base = stream.time_base or Fraction(1)
        return shown * base.numerator / base.denominator - begins_s


def shown_times(path: str | Path, until_s: float | None = None) -> np.ndarray:
    """The times of all pictures that `frames` would yield before `until_s`: float64 [frames]. Each is decoded.

    Raises:
        FileError: the file is missing, empty, broken, or has no picture.
    """
    with opened(path) as container:
        if stream := video_stream(container):
            stream.thread_type = "AUTO"
        times_s = []
        for time_s, _ in _timed(path, container):
            if until_s is not None and time_s >= until_s - ROUNDING_S:
                break
            times_s.append(time_s)
    made = np.array(times_s, np.float64)
    return made[increasing(made)]


def increasing(times_s: np.ndarray) -> np.ndarray:
    """Indices of the times [pictures] that are later than all before them: int64 [frames]."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(times_s), prepend=-1.0) > 0)
