"""Opens media files and reads their headers. Nothing is decoded here.

Time 0 is the start of the file. A stream that starts later, as sound often does in a phone's video, keeps its offset.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import av.stream

from pipeline.errors import FileError

UNKNOWN_LENGTH = b"\xff" * 4  # in the header of a WAV whose writer could not seek back


@dataclass(frozen=True)
class Probe:
    """What a file's header says. `fps` is the average frame rate; 0 without a picture."""

    duration_s: float
    fps: float
    has_video: bool
    has_audio: bool


def probe(path: str | Path) -> Probe:
    """Read a file's header, without decoding the file.

    Raises:
        FileError: the file is missing, empty or not a media file.
    """
    with opened(path) as container:
        video, audio = video_stream(container), audio_stream(container)
        rate = video and (video.average_rate or video.guessed_rate)
        return Probe(_duration_s(container), float(rate or 0), video is not None, audio is not None)


def size_px(path: str | Path) -> tuple[int, int]:
    """Width and height of a video's pictures, from its header.

    Raises:
        FileError: the file is missing, empty, not a media file, or has no picture.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise FileError(path, "no picture in it")
        return stream.width, stream.height


def cut_off(path: str | Path) -> bool:
    """Whether a file ends before its header says, as after an interrupted download.

    FFmpeg plays such a file to its end without a warning. The headers of MP4 (where the packets are) and of WAV and AVI
    (how long the file is) can be checked. Other files count as whole.

    Raises:
        FileError: the file is missing, empty or not a media file.
    """
    with opened(path) as container:
        streams = container.streams if "mp4" in container.format.name else ()
        entries = [stream.index_entries for stream in streams]
        lasts = [listed[len(listed) - 1] for listed in entries if listed]
    end = max((last.pos + last.size for last in lasts), default=0)
    with open(path, "rb") as file:
        head, size = file.read(8), os.fstat(file.fileno()).st_size
    if head[:4] == b"RIFF" and head[4:] != UNKNOWN_LENGTH:
        # The count excludes these 8 bytes. They are not added, because some writers are off by a byte or two.
        end = max(end, int.from_bytes(head[4:], "little"))
    return end > size


@contextmanager
def opened(path: str | Path) -> Iterator[av.container.InputContainer]:
    try:
        # A file object, not a name: FFmpeg would take "a:b.mp4" for a protocol, and its names must be UTF-8.
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise FileError(path, "empty, 0 bytes")
            with av.open(file, "r", metadata_errors="replace") as container:
                yield container
    except av.FFmpegError as error:
        raise FileError(path, f"broken, or no media file ({error.strerror})") from None
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})") from None


def video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    # To FFmpeg, a cover picture in a sound file is a video stream of one frame.
    return next((s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic), None)


def audio_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    return next(iter(container.streams.audio), None)


def zero_s(container: av.container.InputContainer) -> float:
    return (container.start_time or 0) / av.time_base


def _duration_s(container: av.container.InputContainer) -> float:
    if container.duration is not None:
        return container.duration / av.time_base
    # Recordings ended by a browser or a crash carry no duration, so walk to the last packet.
    ends = [
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in container.demux()
        if packet.pts is not None and packet.time_base is not None
    ]
    return max(ends, default=0.0) - zero_s(container)
