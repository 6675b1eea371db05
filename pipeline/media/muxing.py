"""Writes a video's picture and a new sound into one file, and looks at what was written before it is called done.

`plan` tries the first second, so that a container that cannot hold them is refused before any work. The picture is copied if the
container takes its codec, and coded anew if not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from tqdm import tqdm

from pipeline.errors import FileError
from pipeline.media import picture_files, probing, sound_files

TICKS_HZ = 1000  # clock rate for the times of pictures that are coded anew, whatever the video's frame rate
FIXED_RATE = ("avi", "mpeg", "vob", "dvd", "svcd")  # containers that show pictures at one rate, and know no times
SOUND_HZ = 48000  # of the written sound, a rate that every codec takes
# The first of these that the container takes. PCM where nothing else keeps its time.
PICTURE_CODECS = ("libx264", "libvpx-vp9", "libvpx", "mpeg4", "mpeg2video", "flv", "wmv2")
SOUND_CODECS = ("aac", "libopus", "flac", "pcm_s16le", "mp2", "wmav2")
TRIAL_S = 1.0
REORDERED_S = 2.0  # no picture is decoded longer than this before it is shown
CLAP_S = 0.01  # a container that moves the sound by more against the picture does not know what its coder holds ahead
ADVICE = "choose a name that ends in .mp4 or .mkv"
BITS_A_PIXEL = 0.2  # of codecs that do not choose their bit rate by themselves
WHITE = 255.0
LIKE = 24.0  # mean difference of two pictures, of 255 levels; more is another picture, or one that lies on its side
# Draws into the picture that is shown at a time in s, uint8 [height, width, 3], in place.
Draw = Callable[[float, np.ndarray], None]


@dataclass(frozen=True)
class Plan:
    """How a file is written: the codec of the picture, "" for a copy, and that of the sound."""

    picture: str
    sound: str


def plan(path: Path, video: Path, *, drawn: bool) -> Plan:
    """How the picture of a video and a new sound fit into a file. Each way is tried on the first second.

    Args:
        drawn: whether the pictures are drawn into, and so cannot be copied.

    Raises:
        FileError: the container holds no such picture or sound, or cannot be written at all.
    """
    if not probing.probe(video).has_video:
        raise FileError(video, "no picture in it")
    first_s = next((time_s for time_s, _ in picture_files.frames(video)), None)
    if first_s is None:
        raise FileError(video, "no picture in it can be decoded")
    # Absolute, since FFmpeg takes "a:b.mp4" for a protocol.
    trial = path.absolute().with_name(f".{path.stem}.trial{path.suffix}")
    clap, why = np.zeros(round(TRIAL_S * SOUND_HZ), np.float32), ""
    clap[len(clap) // 2 :][: SOUND_HZ // 20] = 0.5
    try:
        sounds, pictures = (
            [codec for codec in codecs if _takes(trial, codec)] for codecs in (SOUND_CODECS, PICTURE_CODECS)
        )
        if not sounds:
            raise FileError(path, "this kind of file holds no sound", ADVICE)
        for picture in pictures if drawn else ["", *pictures]:
            for sound in sounds:
                way = Plan(picture, sound)
                try:
                    _write(trial, video, clap, SOUND_HZ, None, way, first_s + TRIAL_S)
                    look_at(trial, video, TRIAL_S, unlike=LIKE if picture else 0, until_s=first_s + TRIAL_S)
                    late_s = _clap_s(trial) - TRIAL_S / 2
                    if abs(late_s) > CLAP_S:
                        raise FileError(trial, f"its sound is {late_s:.3f} s late")
                    return way
                except (av.FFmpegError, ValueError, FileError) as error:
                    why = str(getattr(error, "what", None) or getattr(error, "strerror", None) or error)
    except (av.FFmpegError, ValueError, OSError) as error:
        if isinstance(error, FileError):
            raise
        why = getattr(error, "strerror", None) or str(error)
    finally:
        trial.unlink(missing_ok=True)
    raise FileError(path, f"cannot be written ({' '.join(why.split())})", ADVICE)


def write_video(path: Path, video: Path, sound: np.ndarray, rate_hz: int, draw: Draw | None, way: Plan) -> None:
    """Write the picture of a video with a new sound, both on the clock of the video. The file appears when it is whole.

    Args:
        sound: float32 [samples], starting at the video's time 0.
        draw: draws into every picture.

    Raises:
        FileError: the file cannot be written, or is not as it should be when it is read back.
    """
    part = path.absolute().with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write(part, video, sound, rate_hz, draw, way, None)
        unlike = WHITE if draw is not None else LIKE if way.picture else 0
        look_at(part, video, len(sound) / rate_hz, unlike=unlike)
        part.replace(path)
    except (av.FFmpegError, ValueError, OSError) as error:
        why = error.what if isinstance(error, FileError) else getattr(error, "strerror", None) or error
        raise FileError(path, f"cannot be written ({why})", ADVICE) from None
    finally:
        part.unlink(missing_ok=True)


def look_at(path: Path, video: Path, sound_s: float, *, unlike: float, until_s: float | None = None) -> None:
    """Read a written file back: every picture of the video must be there at its time, upright, and the sound as long as it was.

    Args:
        sound_s: length of the sound.
        unlike: largest mean difference of the first picture and that of the video, of 255 levels.
        until_s: only the pictures before this time were written.

    Raises:
        FileError: something is missing.
    """
    wanted, found = picture_files.shown_times(video, until_s), picture_files.shown_times(path)
    if until_s is not None:
        found = found[: len(wanted)]  # later ones may be there, because others are coded by their difference to them
    if len(found) != len(wanted):
        raise FileError(path, f"{len(found)} of {len(wanted)} pictures can be shown")
    period_s = float(np.diff(wanted).min()) if len(wanted) > 1 else 1.0
    if np.abs(found - wanted).max() > period_s / 2:
        raise FileError(path, f"its pictures are {np.abs(found - wanted).max():.3f} s early or late")
    (_, before), (_, after) = (next(picture_files.frames(each)) for each in (video, path))
    height, width = (np.array(before.shape[:2]) // 2 * 2).tolist()
    if after.shape[:2] not in (before.shape[:2], (height, width)):
        raise FileError(path, "its pictures have another size or lie on their side")
    difference = float(cv2.absdiff(before[:height, :width], after[:height, :width]).mean())
    if difference > unlike:
        raise FileError(path, "its pictures are not those of the video")
    heard, heard_hz = sound_files.decode_audio(path)
    if abs(len(heard) / heard_hz - sound_s) > max(period_s, sound_files.GAP_S):
        raise FileError(path, f"its sound is {len(heard) / heard_hz:.2f} s long instead of {sound_s:.2f} s")


def _takes(path: Path, codec: str) -> bool:
    """Whether a container begins with a stream of a codec. Raises ValueError if the name of the file names no container."""
    of_picture = codec in PICTURE_CODECS
    with av.open(str(path), "w") as out:
        try:
            stream: Any = out.add_stream(codec, rate=25 if of_picture else SOUND_HZ)
            if of_picture:
                stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            else:
                stream.layout = "mono"
            out.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
    return True


def _clap_s(path: Path) -> float:
    sound, rate_hz = sound_files.decode_audio(path)
    return int(np.argmax(np.abs(sound) > np.abs(sound).max() / 2)) / rate_hz


def _write(
    path: Path, video: Path, sound: np.ndarray, rate_hz: int, draw: Draw | None, way: Plan, until_s: float | None
) -> None:
    """Write the pictures, those before `until_s` at least, and the sound."""
    decoding = [] if way.picture else _decoding_times(video, until_s)
    # Not `probing.opened`, which would blame the video for what is wrong with the written file.
    with (
        av.open(str(path), "w") as out,
        open(video, "rb") as file,
        av.open(file, "r", metadata_errors="replace") as source,
    ):
        shown = probing.video_stream(source)
        assert shown is not None, f"{video}: nobody can have been found without a picture"
        # Both streams must be there before the first packet is written.
        picture = _coded_stream(out, way.picture, video) if way.picture else out.add_stream_from_template(shown)
        voice = out.add_stream(way.sound, rate=SOUND_HZ)
        assert isinstance(voice, av.AudioStream)
        voice.layout = "mono"
        if not way.sound.startswith("pcm"):
            voice.bit_rate = 128_000
        packets = _coded(picture, video, draw, until_s) if way.picture else _copied(source, shown, decoding)
        for packet in packets:
            packet.stream = picture
            out.mux(packet)
        for packet in _spoken(voice, sound_files.resample(sound, rate_hz, SOUND_HZ)):
            out.mux(packet)


def _copied(
    source: av.container.InputContainer, shown: av.VideoStream, decoding: list[int | None]
) -> Iterator[av.Packet]:
    """A packet of the picture for each decoding time, with times from the start of the file."""
    assert shown.time_base
    zero = round(probing.picture_zero_s(source, shown) / shown.time_base)
    for packet, dts in zip((packet for packet in source.demux(shown) if packet.size), decoding, strict=False):
        packet.dts = None if dts is None else dts - zero
        packet.pts = None if packet.pts is None else packet.pts - zero
        yield packet


def _decoding_times(video: Path, until_s: float | None) -> list[int | None]:
    """The decoding time of each packet of a picture; up to the last one that is shown before `until_s`.

    Matroska does not store them. They are then the times at which pictures are shown, in order, and early enough for each packet.
    """
    with probing.opened(video) as source:
        shown = probing.video_stream(source)
        assert shown is not None and shown.time_base is not None, f"{video}: no picture in it"
        ends = np.inf if until_s is None else (until_s + probing.zero_s(source)) / shown.time_base
        enough = ends + REORDERED_S / shown.time_base
        packets = takewhile(lambda packet: (packet.dts or packet.pts or 0) < enough, source.demux(shown))
        stamps = [(packet.pts, packet.dts) for packet in packets if packet.size]
    times = [pts for pts, _ in stamps if pts is not None]
    decoding = [dts for _, dts in stamps]
    if None in decoding and len(times) == len(stamps):
        delay = max(at - pts for at, pts in zip(sorted(times), times, strict=True))
        decoding = [at - delay for at in sorted(times)]
    early = [i for i, (pts, dts) in enumerate(stamps) if ((dts if pts is None else pts) or 0) < ends]
    return decoding[: max(early, default=-1) + 1]


def _coded_stream(out: av.container.OutputContainer, codec: str, video: Path) -> av.VideoStream:
    probe = probing.probe(video)
    fps = Fraction(probe.fps).limit_denominator(1001)
    rate = fps if out.format.name in FIXED_RATE else Fraction(TICKS_HZ)
    stream = out.add_stream(codec, rate=rate)
    assert isinstance(stream, av.VideoStream)
    stream.codec_context.time_base = 1 / rate
    height_px, width_px = next(picture_files.frames(video))[1].shape[:2]  # as shown, which need not be as stored
    stream.width, stream.height = width_px // 2 * 2, height_px // 2 * 2  # even: yuv420p halves them for the colours
    stream.pix_fmt = "yuv420p"
    if codec != "libx264":
        stream.bit_rate = round(width_px * height_px * float(fps) * BITS_A_PIXEL)
    return stream


def _coded(stream: av.VideoStream, video: Path, draw: Draw | None, until_s: float | None) -> Iterator[av.Packet]:
    """Encode the pictures with what was drawn into them, at their own times."""
    probe = probing.probe(video)
    base = stream.codec_context.time_base
    assert base is not None and probe.fps
    lasts = max(round(1 / (probe.fps * base)), 1)
    pictures = picture_files.frames(video, end_s=until_s)
    bar = tqdm(
        pictures,
        "picture",
        round(probe.duration_s * probe.fps),
        unit=" picture",
        mininterval=1,
        disable=until_s is not None,
    )
    for time_s, picture in bar:
        picture = np.ascontiguousarray(picture[: stream.height, : stream.width])
        if draw is not None:
            draw(time_s, picture)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.duration, frame.time_base = round(time_s / base), lasts, base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _spoken(voice: av.AudioStream, sound: np.ndarray) -> Iterator[av.Packet]:
    """Encode a sound. What a coder holds ahead of it is left out, since few containers know that it is not to be heard."""
    resampler = av.AudioResampler(format=voice.format, layout="mono", rate=SOUND_HZ)
    for first in range(0, len(sound), SOUND_HZ):
        part = np.clip(sound[None, first : first + SOUND_HZ], -1, 1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, first, Fraction(1, SOUND_HZ)
        for piece in resampler.resample(frame):
            yield from _heard(voice.encode(piece))
    yield from _heard(voice.encode(None))


def _heard(packets: Sequence[av.Packet]) -> Iterator[av.Packet]:
    return (packet for packet in packets if packet.pts is None or packet.pts + (packet.duration or 0) > 0)
