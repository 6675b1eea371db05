"""Opens media files and reads their headers. Nothing is decoded here.

Time 0 is the start of the file. A stream that starts later, as sound often does in a phone's video, keeps its offset.

A file may hold several pictures or sounds. Which one counts is decided here, for finding joints, for reading sound and for
copying the picture alike: the only one that the file flags as its default, or else the one that FFmpeg would play.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import av
import av.container
import av.stream

from pipeline.errors import FileError

# In the header of a WAV whose writer could not seek back. SoX writes nearly 2^31 bytes, FFmpeg 2^32 - 1.
UNKNOWN_BYTES = 0x7FFF0000
BREAK_S = (
    -1.0,
    10.0,
)  # a clock that steps back or ahead by more has started anew, as between the joined parts of a camcorder


Stream = TypeVar("Stream", av.VideoStream, av.AudioStream)


@dataclass(frozen=True)
class Probe:
    """What a file's header says. `fps` is the average frame rate; 0 without a picture. `sounds` is the number of its sounds."""

    duration_s: float
    fps: float
    has_video: bool
    sounds: int

    @property
    def has_audio(self) -> bool:
        return self.sounds > 0


def probe(path: str | Path) -> Probe:
    """Read a file's header, without decoding the file.

    Raises:
        FileError: the file is missing, empty or not a media file.
    """
    with opened(path) as container:
        video = video_stream(container)
        rate = video and (video.average_rate or video.guessed_rate)
        return Probe(_duration_s(container), float(rate or 0), video is not None, len(container.streams.audio))


def is_film(path: str | Path) -> bool:
    """Whether a file of any name holds a picture that moves."""
    try:
        with opened(path) as container:
            still = container.format.name.endswith("_pipe") or "image2" in container.format.name
            return video_stream(container) is not None and not still
    except FileError:
        return False


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
    if head[:4] == b"RIFF" and (said := int.from_bytes(head[4:], "little")) < UNKNOWN_BYTES:
        # The count excludes these 8 bytes. They are not added, because some writers are off by a byte or two.
        end = max(end, said)
    return end > size


def clock_break_s(path: str | Path) -> float | None:
    """When the clock of a file starts anew, in s of what comes before; None if it does not.

    Only formats whose clock may start anew are looked at, and none of their pictures is decoded. Joined parts of a camcorder's
    recording are such files. Their times say that several pictures are shown at once, or that minutes lie between two pictures.

    Raises:
        FileError: the file is missing, empty or not a media file.
    """
    with opened(path) as container:
        if not container.format.flags & av.format.Flags.ts_discont.value:  # type: ignore[operator]
            return None
        streams = [stream for stream in (video_stream(container), audio_stream(container)) if stream is not None]
        lasts: dict[int, float] = {}
        for packet in container.demux(streams):
            if packet.dts is None or packet.time_base is None:
                continue
            now_s = float(packet.dts * packet.time_base)
            last_s = lasts.get(packet.stream_index, now_s)
            if not BREAK_S[0] <= now_s - last_s <= BREAK_S[1]:
                return last_s - zero_s(container)
            lasts[packet.stream_index] = now_s
    return None


def broken_clock(break_s: float) -> tuple[str, str]:
    """What to say of a file whose clock starts anew, and what to do about it."""
    what = f"its clock starts anew after {break_s:.1f} s, as in a file of joined parts"
    return what, "use the parts as the camera wrote them, each as a file of its own"


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
    covers = av.stream.Disposition.attached_pic
    return _chosen(container, "video", [s for s in container.streams.video if not s.disposition & covers])


def audio_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    return _chosen(container, "audio", list(container.streams.audio))


def _chosen(
    container: av.container.InputContainer, kind: Literal["video", "audio"], streams: list[Stream]
) -> Stream | None:
    flagged = [stream for stream in streams if stream.disposition & av.stream.Disposition.default]
    best: Any = container.streams.best(kind)
    return flagged[0] if len(flagged) == 1 else best if best in streams else next(iter(streams), None)


def zero_s(container: av.container.InputContainer) -> float:
    return (container.start_time or 0) / av.time_base


def untimed(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether a picture has no times of its own, and may be stored in another order than it is shown in."""
    return container.format.name == "avi" and stream.codec_context.name in ("h264", "hevc")


def picture_zero_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """What is taken off the times of a picture, so that 0 is the start of the file. Call it before anything is read.

    An AVI file knows no times, only which picture is stored after which. FFmpeg adds the delay of a decoder that puts pictures in
    order, whether there is anything to put in order or not; the sound has no such delay.
    """
    lag_s = 0.0
    if container.format.name == "avi" and not untimed(container, stream):
        first = next((packet for packet in container.demux(stream) if packet.dts is not None), None)
        if first is not None and first.pts is not None and first.dts is not None and first.time_base is not None:
            lag_s = float((first.pts - first.dts) * first.time_base)
        container.seek(0)
    return zero_s(container) + lag_s


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
