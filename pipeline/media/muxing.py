"""Writes a video's picture and a new sound into one file, and looks at what was written before it is called done.

`plan` tries the first second, so that a container that cannot hold them is refused before any work. The picture is copied if the
container takes its codec, and coded anew if not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from itertools import chain, takewhile
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
PICTURE_CODECS = ("libx264", "wmv2", "libvpx-vp9")
SOUND_CODECS = ("aac", "libopus", "flac", "pcm_s16le")
TRIAL_S = 1.0
SMALL_PX = 128  # height of the pictures that are coded for a trial
REORDERED_S = 2.0  # no picture is decoded longer than this before it is shown
CLAP_S = 0.01  # a container that moves the sound by more against the picture does not know what its coder holds ahead
ADVICE = "choose a name that ends in .mp4 or .mkv"
BITS_A_PIXEL = 0.2  # of codecs that do not choose their bit rate by themselves
WHITE = 255.0
LIKE = 24.0  # mean difference of two pictures, of 255 levels; more is another picture, or one that lies on its side
# What PyAV raises for a container, a codec or a time that it cannot write.
WRONG = (av.FFmpegError, ValueError, OverflowError)
# Draws into the picture that is shown at a time in s, uint8 [height, width, 3], in place.
Draw = Callable[[float, np.ndarray], None]
Picture = tuple[float, np.ndarray]  # its time in s; uint8 [height, width, 3], BGR


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
    trial, why = path.absolute().with_name(f".{path.stem}.trial{path.suffix}"), ""
    try:
        sounds, pictures = (
            [codec for codec in codecs if _takes(trial, codec)] for codecs in (SOUND_CODECS, PICTURE_CODECS)
        )
        if _knows_no_times(trial) and not _even(video):
            what = "this kind of file shows pictures at one rate from its start on, and the video does not"
            raise FileError(path, what, ADVICE)
        if not sounds:
            raise FileError(path, "no sound that is written here fits into this kind of file", ADVICE)
        for picture in pictures if drawn else ["", *pictures]:
            shown = [*_small(video, first_s + TRIAL_S)] if picture else None
            for sound in sounds:
                way = Plan(picture, sound)
                try:
                    _try(trial, video, shown, first_s + TRIAL_S, way)
                    return way
                except (*WRONG, FileError) as error:
                    why = str(getattr(error, "what", None) or getattr(error, "strerror", None) or error)
    except (*WRONG, OSError) as error:
        if isinstance(error, FileError):
            raise
        why = getattr(error, "strerror", None) or str(error)
    finally:
        trial.unlink(missing_ok=True)
    raise FileError(path, f"cannot be written ({' '.join(why.split())})", ADVICE)


def _try(trial: Path, video: Path, pictures: list[Picture] | None, until_s: float, way: Plan) -> None:
    """Write pictures, or copy those of the video before a time, with a clap, and look at the file. Raises what is wrong with it."""
    clap = np.zeros(round(TRIAL_S * SOUND_HZ), np.float32)
    clap[len(clap) // 2 :][: SOUND_HZ // 20] = 0.5
    _write(trial, video, pictures, clap, SOUND_HZ, way, until_s)
    if pictures is None:
        first = next(picture_files.frames(video))[1]
        look_at_pictures(trial, picture_files.shown_times(video, until_s), first, 0, until_s)
    else:
        look_at_pictures(trial, [time_s for time_s, _ in pictures], pictures[0][1], LIKE)
    look_at_sound(trial, TRIAL_S, CLAP_S, begins_s=TRIAL_S / 2)


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
        _write(part, video, _drawn(video, draw) if way.picture else None, sound, rate_hz, way)
        unlike = WHITE if draw is not None else LIKE if way.picture else 0
        look_at_pictures(part, picture_files.shown_times(video), next(picture_files.frames(video))[1], unlike)
        look_at_sound(part, len(sound) / rate_hz, 1 / _fps(video))
        part.replace(path)
    except (*WRONG, OSError) as error:
        why = error.what if isinstance(error, FileError) else getattr(error, "strerror", None) or error
        raise FileError(path, f"cannot be written ({why})", ADVICE) from None
    finally:
        part.unlink(missing_ok=True)


def look_at_pictures(
    path: Path, wanted_s: Sequence[float] | np.ndarray, first: np.ndarray, unlike: float, until_s: float = np.inf
) -> None:
    """Read a written file back: every picture must be there at its time, upright.

    Args:
        wanted_s: the time of each picture.
        first: the first one, as it should be shown.
        unlike: largest mean difference of the first one, of 255 levels.
        until_s: pictures from then on do not matter.

    Raises:
        FileError: something is missing.
    """
    wanted, found = np.asarray(wanted_s), picture_files.shown_times(path)
    if until_s < np.inf:
        found = found[: len(wanted)]  # later ones may be there, because others are coded by their difference to them
    if len(found) != len(wanted):
        raise FileError(path, f"{len(found)} of {len(wanted)} pictures can be shown")
    period_s = float(np.diff(wanted).min()) if len(wanted) > 1 else 1.0
    if np.abs(found - wanted).max() > period_s / 2:
        raise FileError(path, f"its pictures are {np.abs(found - wanted).max():.3f} s early or late")
    _, after = next(picture_files.frames(path))
    height, width = (np.array(first.shape[:2]) // 2 * 2).tolist()
    if after.shape[:2] not in (first.shape[:2], (height, width)):
        raise FileError(path, "its pictures have another size or lie on their side")
    difference = float(cv2.absdiff(first[:height, :width], after[:height, :width]).mean())
    if difference > unlike:
        raise FileError(path, "its pictures are not those of the video")


def look_at_sound(path: Path, sound_s: float, tolerance_s: float, begins_s: float | None = None) -> None:
    """Read a written file back: its sound must be as long as it was.

    Args:
        sound_s: length of the sound.
        begins_s: when it begins to be heard, if that is known.

    Raises:
        FileError: it is longer, shorter, or moved.
    """
    heard, rate_hz = sound_files.decode_audio(path)
    if abs(len(heard) / rate_hz - sound_s) > max(tolerance_s, sound_files.GAP_S):
        raise FileError(path, f"its sound is {len(heard) / rate_hz:.2f} s long instead of {sound_s:.2f} s")
    if begins_s is not None:
        late_s = int(np.argmax(np.abs(heard) > np.abs(heard).max() / 2)) / rate_hz - begins_s
        if abs(late_s) > tolerance_s:
            raise FileError(path, f"its sound is {late_s:.3f} s late")


def _knows_no_times(path: Path) -> bool:
    with av.open(str(path), "w") as out:
        return out.format.name in FIXED_RATE


def _even(video: Path) -> bool:
    """Whether each picture of a video lies in a slot of its own at one rate, from 0 s on without a gap."""
    slots = np.round(picture_files.shown_times(video) * _fps(video))
    return bool((slots == np.arange(len(slots))).all())


def _fps(video: Path) -> float:
    """Pictures a second from the first picture to the last: the rate that a file states may be another."""
    times = picture_files.shown_times(video)
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 1.0


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
        except WRONG:
            return False
    return True


def _small(video: Path, until_s: float) -> Iterator[Picture]:
    """The pictures of a video before a time, at most `SMALL_PX` high, for a quick trial."""
    for time_s, picture in picture_files.frames(video, end_s=until_s):
        share = min(SMALL_PX / len(picture), 1.0)
        yield time_s, cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def _drawn(video: Path, draw: Draw | None) -> Iterator[Picture]:
    """The pictures of a video with what is drawn into them, and a bar."""
    probe = probing.probe(video)
    count = round(probe.duration_s * probe.fps)
    for time_s, picture in tqdm(picture_files.frames(video), "picture", count, unit=" picture", mininterval=1):
        picture = np.ascontiguousarray(picture)  # of a turned one too, as drawing needs
        if draw is not None:
            draw(time_s, picture)
        yield time_s, picture


def _write(
    path: Path,
    video: Path,
    pictures: Iterable[Picture] | None,
    sound: np.ndarray,
    rate_hz: int,
    way: Plan,
    until_s: float | None = None,
) -> None:
    """Write pictures, or copy those of the video, those before `until_s` at least; and the sound."""
    decoding = _decoding_times(video, until_s) if pictures is None else []
    fps = _fps(video)
    # Not `probing.opened`, which would blame the video for what is wrong with the written file.
    with (
        av.open(str(path), "w") as out,
        open(video, "rb") as file,
        av.open(file, "r", metadata_errors="replace") as source,
    ):
        shown = probing.video_stream(source)
        assert shown is not None, f"{video}: nobody can have been found without a picture"
        # Both streams must be there before the first packet is written.
        if pictures is None:
            picture = out.add_stream_from_template(shown)
            packets = _copied(source, shown, decoding)
        else:
            first = next(rest := iter(pictures))
            picture = _coded_stream(out, way.picture, fps, first[1].shape)
            packets = _coded(picture, chain([first], rest), fps)
        voice = out.add_stream(way.sound, rate=SOUND_HZ)
        assert isinstance(voice, av.AudioStream)
        voice.layout = "mono"
        if not way.sound.startswith("pcm"):
            voice.bit_rate = 128_000
        spoken = _spoken(voice, sound_files.resample(sound, rate_hz, SOUND_HZ))
        # By time, since FFmpeg waits for a stream that is behind for 10 s only, and then writes the other one alone.
        both = merge(((packet, picture) for packet in packets), ((packet, voice) for packet in spoken), key=_decoded_s)
        for packet, stream in both:
            packet.stream = stream
            out.mux(packet)


def _decoded_s(written: tuple[av.Packet, av.stream.Stream]) -> float:
    packet, _ = written
    return 0.0 if packet.dts is None or packet.time_base is None else float(packet.dts * packet.time_base)


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


def _coded_stream(out: av.container.OutputContainer, codec: str, fps: float, shape: tuple[int, ...]) -> av.VideoStream:
    rate = Fraction(fps).limit_denominator(1001) if out.format.name in FIXED_RATE else Fraction(TICKS_HZ)
    stream = out.add_stream(codec, rate=rate)
    assert isinstance(stream, av.VideoStream)
    stream.codec_context.time_base = 1 / rate
    stream.height, stream.width = (side // 2 * 2 for side in shape[:2])  # even: yuv420p halves them for the colours
    stream.pix_fmt = "yuv420p"
    if out.format.name in FIXED_RATE:
        stream.codec_context.max_b_frames = 0  # without times, pictures are shown in the order of the file
    if codec == "libvpx-vp9":
        stream.codec_context.options = {"deadline": "good", "cpu-used": "4"}  # its own choice takes 10 times as long
    if codec != "libx264":
        stream.bit_rate = round(stream.height * stream.width * fps * BITS_A_PIXEL)
    return stream


def _coded(stream: av.VideoStream, pictures: Iterable[Picture], fps: float) -> Iterator[av.Packet]:
    """Encode pictures at their own times."""
    base = stream.codec_context.time_base
    assert base is not None and fps
    lasts = max(round(1 / (fps * base)), 1)
    for time_s, picture in pictures:
        even = np.ascontiguousarray(picture[: stream.height, : stream.width])
        frame = av.VideoFrame.from_ndarray(even, format="bgr24")
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
