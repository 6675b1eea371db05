"""Pictures and sounds out of media files, on one clock.

Time 0 is the start of the file: a stream that starts later, as sound often does in a phone's video, keeps its offset:
pictures and sound of one file stay together. Times come from the container, never from a nominal frame rate.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.stream
import librosa
import numpy as np
import soundfile

GAP_S = (
    0.05  # sound that goes on later than this has a gap, to be filled; less is the rounding of the container's times
)
UNKNOWN_LENGTH = b"\xff" * 4  # in a WAV's header, by who wrote it without being able to go back
ROUNDING_S = 1e-6  # of times on their way
LEADS_S = (1, 20)  # how long before a stretch its file is entered; it is decoded from its start if neither will do
MAX_GAP_S = 3600.0  # a longer one comes from broken times, and would fill the memory with silence


class MediaError(ValueError):
    """A file that cannot be used as asked. `what` says what is wrong; the message also names the file."""

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(path, what)
        self.what = what

    def __str__(self) -> str:
        return f"{shown(self.args[0])}: {self.what}"


@dataclass(frozen=True)
class Probe:
    """What a file's header says. `fps` is the average frame rate; 0 without a picture."""

    duration_s: float
    fps: float
    has_video: bool
    has_audio: bool


def shown(path: str | Path) -> str:
    """A path as text that any terminal and file can take, even where the file's name is no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def probe(path: str | Path) -> Probe:
    """Look at a file without decoding it.

    Raises:
        MediaError: the file is missing, empty or no media file.
    """
    with _open(path) as container:
        video, audio = _video(container), _audio(container)
        rate = video and (video.average_rate or video.guessed_rate)
        return Probe(_duration_s(container), float(rate or 0), video is not None, audio is not None)


def size_px(path: str | Path) -> tuple[int, int]:
    """Width and height of a video's pictures, from its header.

    Raises:
        MediaError: the file is missing, empty, no media file, or has no picture.
    """
    with _open(path) as container:
        stream = _video(container)
        if stream is None:
            raise MediaError(path, "no picture in it")
        return stream.width, stream.height


def cut_off(path: str | Path) -> bool:
    """Whether a file ends before its header says, as after a download that broke off.

    FFmpeg plays such a file up to where it ends and says nothing. The headers of MP4 (where its packets lie) and of WAV and
    AVI (how long the file is) can be checked; other files count as whole.

    Raises:
        MediaError: the file is missing, empty or no media file.
    """
    with _open(path) as container:
        streams = container.streams if "mp4" in container.format.name else ()
        entries = [stream.index_entries for stream in streams]
        lasts = [listed[len(listed) - 1] for listed in entries if listed]
    end = max((last.pos + last.size for last in lasts), default=0)
    with open(path, "rb") as file:
        head, size = file.read(8), os.fstat(file.fileno()).st_size
    if head[:4] == b"RIFF" and head[4:] != UNKNOWN_LENGTH:
        # Some writers do not count a last byte or two: these 8, which are not in the count, are let go.
        end = max(end, int.from_bytes(head[4:], "little"))
    return end > size


def frames(
    path: str | Path, start_s: float = 0, end_s: float | None = None, max_fps: float = math.inf
) -> Iterator[tuple[float, np.ndarray]]:
    """The pictures of a video in the order in which they are shown, from start_s (included) to end_s (not included).

    Of a video with more than max_fps pictures a second only so many, as evenly as its own times allow.

    A picture that is not later than the one before it is left out: the times strictly increase. A phone held upright writes
    lying pictures and a matrix that says how to show them: they come as they are shown.

    Yields:
        time in s from the start of the file, and the picture, uint8 [height, width, 3], blue first.

    Raises:
        MediaError: the file is missing, empty, broken, or has no picture.
    """
    last_s, due_s, period_s = -1.0, start_s, 1 / max_fps
    for time_s, frame in _decoded(path, start_s):
        if time_s <= last_s:
            continue
        last_s = time_s
        if end_s is not None and time_s >= end_s - ROUNDING_S:
            return
        # A quarter of a period early is in time: containers round their times, some to whole milliseconds.
        if time_s >= start_s - ROUNDING_S and time_s >= due_s - period_s / 4 - ROUNDING_S:
            due_s = max(due_s + period_s, time_s)
            yield time_s, _upright(frame)


def _decoded(path: str | Path, start_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All pictures with their times, from one on that is not later than start_s and needs none before it."""
    for lead_s in LEADS_S:
        if start_s <= lead_s:
            break
        with _open(path) as container:
            pictures = _timed(path, container, start_s - lead_s)
            first = None
            with suppress(av.FFmpegError):  # a file that cannot be entered is read from its start, too
                first = next(pictures, None)
            # Where a container has no index, a seek ends anywhere: then the first picture is no key frame, or too late.
            if first and first[1].key_frame and first[0] <= start_s:
                yield first
                yield from pictures
                return
    with _open(path) as container:
        yield from _timed(path, container)


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """A frame as it is to be shown, uint8 [height, width, 3]: turned by quarters and mirrored as its display matrix says."""
    picture = frame.to_ndarray(format="bgr24")
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")  # PyAV's types know no matrix
    if matrix is None:
        return picture
    # Rows (a, b, u), (c, d, v), (x, y, w): what lies at (p, q) is shown at (a p + c q, b p + d q) (ISO/IEC 14496-12, tkhd).
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if a == d == 0:
        picture, a, d = picture.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _timed(
    path: str | Path, container: av.container.InputContainer, enter_s: float | None = None
) -> Iterator[tuple[float, av.VideoFrame]]:
    stream = _video(container)
    if stream is None:
        raise MediaError(path, "no picture in it")
    zero_s = _zero_s(container)
    if enter_s is not None:
        container.seek(int((enter_s + zero_s) * av.time_base))
    for frame in container.decode(stream):
        if frame.time is not None:
            yield frame.time - zero_s, frame


def times(path: str | Path) -> np.ndarray:
    """The times of all pictures of a video, in s from the start of the file, in the order in which they are shown: float64.

    Nothing is decoded. Those of them that `frames` yields are `increasing`.

    Raises:
        MediaError: the file is missing, empty, broken, or has no picture.
    """
    with _open(path) as container:
        stream = _video(container)
        if stream is None:
            raise MediaError(path, "no picture in it")
        packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
        stamps = [packet.dts if packet.pts is None else packet.pts for packet in packets]
        shown = np.array(sorted(stamp for stamp in stamps if stamp is not None), np.float64)
        base = stream.time_base or Fraction(1)
        return shown * base.numerator / base.denominator - _zero_s(container)


def increasing(times_s: np.ndarray) -> np.ndarray:
    """Which times [pictures] are later than all before them: int64 [frames]."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(times_s), prepend=-1.0) > 0)


def read_audio(path: str | Path, sample_rate_hz: int) -> np.ndarray:
    """The sound of a sound or video file, mixed down to mono and resampled; sample 0 is at time 0.

    Returns:
        float32 [samples], full scale at -1 and 1.

    Raises:
        MediaError: the file is missing, empty, broken, or has no sound.
    """
    sound, native_hz = decode_audio(path)
    return resample(sound, native_hz, sample_rate_hz)


def decode_audio(path: str | Path) -> tuple[np.ndarray, int]:
    """As `read_audio`, at the file's own sample rate: float32 [samples], and the rate in Hz."""
    if plain := _plain_wav(path):
        return plain
    with _open(path) as container:
        stream = _audio(container)
        if stream is None:
            raise MediaError(path, "no sound in it")
        zero_s = _zero_s(container)
        to_float = av.AudioResampler(format="fltp")
        chunks: list[np.ndarray] = []
        length = rate_hz = 0
        for frame in container.decode(stream):
            rate_hz = frame.sample_rate
            start = length if frame.time is None else round((frame.time - zero_s) * rate_hz)
            if start > MAX_GAP_S * rate_hz + length:
                raise MediaError(path, "the times of its sound are broken")
            try:
                mono = np.concatenate([part.to_ndarray() for part in to_float.resample(frame)], axis=1).mean(axis=0)
            except ValueError:
                raise MediaError(path, "its sound changes its rate or its channels on the way") from None
            if start - length > GAP_S * rate_hz or not chunks:
                chunks.append(np.zeros(max(start - length, 0), np.float32))
                length += len(chunks[-1])
            chunks.append(mono)
            length += len(mono)
    if not length:
        raise MediaError(path, "its sound is empty")
    return np.concatenate(chunks), rate_hz


def _plain_wav(path: str | Path) -> tuple[np.ndarray, int] | None:
    """As `decode_audio`, the same samples, for the WAV files that libsndfile reads to the bit as FFmpeg does; None for others.

    It takes a tenth of the time: FFmpeg reads on in every file to learn what else might be in it.
    """
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.format not in ("WAV", "WAVEX") or file.subtype not in ("PCM_16", "PCM_24", "FLOAT"):
                return None
            sound = file.read(dtype="float32", always_2d=True)  # [samples, channels]
            if file.channels > 1:
                sound = np.ascontiguousarray(sound.T).mean(axis=0)
            return (sound.ravel(), file.samplerate) if sound.size else None
    except (soundfile.LibsndfileError, OSError):
        return None


def resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Sound [samples] at another rate, float32: ceil(samples * to_hz / from_hz) of them."""
    if from_hz == to_hz:
        return sound
    return librosa.resample(sound, orig_sr=from_hz, target_sr=to_hz, res_type="soxr_hq").astype(np.float32, copy=False)


def write_audio(path: str | Path, sound: np.ndarray, sample_rate_hz: int) -> None:
    """Write sound [samples], full scale at -1 and 1, as a 16 bit mono WAV; louder samples are cut off."""
    soundfile.write(path, np.clip(sound, -1, 1), sample_rate_hz, subtype="PCM_16", format="WAV")


@contextmanager
def _open(path: str | Path) -> Iterator[av.container.InputContainer]:
    try:
        # A file object, not a name: FFmpeg would take "a:b.mp4" for a protocol, and a name must be UTF-8 to reach it.
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise MediaError(path, "empty, 0 bytes")
            with av.open(file, "r", metadata_errors="replace") as container:
                yield container
    except av.FFmpegError as error:
        raise MediaError(path, f"broken, or no media file ({error.strerror})") from None
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})") from None


def _video(container: av.container.InputContainer) -> av.VideoStream | None:
    # A cover picture in a sound file is a video stream of one frame to FFmpeg.
    return next((s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic), None)


def _audio(container: av.container.InputContainer) -> av.AudioStream | None:
    return next(iter(container.streams.audio), None)


def _zero_s(container: av.container.InputContainer) -> float:
    return (container.start_time or 0) / av.time_base


def _duration_s(container: av.container.InputContainer) -> float:
    if container.duration is not None:
        return container.duration / av.time_base
    # Recordings that a browser or a crash ended carry no duration: walk to the last packet.
    ends = [
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in container.demux()
        if packet.pts is not None and packet.time_base is not None
    ]
    return max(ends, default=0.0) - _zero_s(container)
