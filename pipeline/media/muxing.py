"""Writes a video's picture and a new sound into one file."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from pipeline.errors import FileError
from pipeline.media import picture_files, probing

TICKS_HZ = 1000  # clock rate for the times of drawn pictures, whatever the video's frame rate
# Draws into the picture that is shown at a time in s, uint8 [height, width, 3], in place.
Draw = Callable[[float, np.ndarray], None]


def write_video(path: Path, video: Path, sound: np.ndarray, rate_hz: int, draw: Draw | None) -> None:
    """Write the picture of a video with a new sound, both on the clock of the video.

    Args:
        sound: float32 [samples], starting at the video's time 0.
        draw: draws into every picture, which is then encoded again. If None, the video's packets are copied.

    Raises:
        FileError: the file cannot be written.
    """
    try:
        with av.open(str(path), "w") as out, av.open(str(video)) as source:
            shown = source.streams.best("video")
            assert isinstance(shown, av.VideoStream), f"{video}: nobody can have been found without a picture"
            # Both streams must be there before the first packet is written.
            picture = out.add_stream_from_template(shown) if draw is None else _drawn_stream(out, video)
            voice = out.add_stream(out.default_audio_codec, rate=rate_hz)
            assert isinstance(voice, av.AudioStream)
            voice.layout, voice.bit_rate = "mono", 128_000
            packets = _copied(source, shown) if draw is None else _drawn(picture, video, draw)
            for packet in packets:
                packet.stream = picture
                out.mux(packet)
            for packet in _spoken(voice, sound, rate_hz):
                out.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise FileError(path, f"cannot be written ({why}); choose a name that ends in .mp4 or .mkv") from None


def _copied(source: av.container.InputContainer, shown: av.VideoStream) -> Iterator[av.Packet]:
    assert shown.time_base
    zero = round(Fraction(source.start_time or 0, av.time_base) / shown.time_base)
    for packet in source.demux(shown):
        if packet.dts is not None:  # the last packet is empty
            packet.dts -= zero
            packet.pts = None if packet.pts is None else packet.pts - zero
            yield packet


def _drawn_stream(out: av.container.OutputContainer, video: Path) -> av.VideoStream:
    stream = out.add_stream("libx264", rate=TICKS_HZ)
    height_px, width_px = next(picture_files.frames(video))[1].shape[:2]  # as shown, which need not be as stored
    stream.width, stream.height = width_px // 2 * 2, height_px // 2 * 2  # even: yuv420p halves them for the colours
    stream.pix_fmt = "yuv420p"
    return stream


def _drawn(stream: av.VideoStream, video: Path, draw: Draw) -> Iterator[av.Packet]:
    """Encode the pictures with what was drawn into them, at their own times."""
    probe = probing.probe(video)
    total, lasts = round(probe.duration_s * probe.fps), round(TICKS_HZ / probe.fps)
    for time_s, picture in tqdm(picture_files.frames(video), "picture", total, unit=" picture", mininterval=1):
        picture = np.ascontiguousarray(picture[: stream.height, : stream.width])
        draw(time_s, picture)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.duration, frame.time_base = round(time_s * TICKS_HZ), lasts, Fraction(1, TICKS_HZ)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _spoken(voice: av.AudioStream, sound: np.ndarray, rate_hz: int) -> Iterator[av.Packet]:
    for first in range(0, len(sound), rate_hz):
        part = np.clip(sound[None, first : first + rate_hz], -1, 1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, first, Fraction(1, rate_hz)
        yield from voice.encode(frame)
    yield from voice.encode(None)
