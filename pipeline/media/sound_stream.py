"""Reads the sound of a file block by block, so that an hour needs no more memory than a second, and writes a film beside it.

`sound_files` reads a sound as a whole, with a clock that runs fast or slow set right. Here gaps become silence and overlaps are
cut, as there; a clock that drifts is left as it is.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.errors import FileError
from pipeline.media.probing import audio_stream, opened, zero_s
from pipeline.media.sound_files import GAP_S, MAX_GAP_S

SOUND_HZ = 48000  # of the sound in a film, a rate that every player takes
SOUND_BITS = 160_000  # bits/s of the sound in a film
KINDS = (".mp4", ".mov", ".mkv")  # of files that hold H.264 and AAC
ADVICE = "choose a name that ends in .mp4 or .mkv"
# What PyAV raises for a file that it cannot write.
WRONG = (av.FFmpegError, ValueError, OSError)

Made = Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]  # pictures for blocks of mono sound


def decoded(path: Path) -> Iterator[av.AudioFrame]:
    """The frames of a file's sound from time 0 on, without gaps or overlaps.

    Raises:
        FileError: the file is missing, empty, broken, or has no sound.
    """
    with opened(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise FileError(path, "no sound in it", "give a file that has some, as a song or a video with sound")
        begins_s, done_s = zero_s(container), 0.0
        for frame in container.decode(stream):
            assert isinstance(frame, av.AudioFrame)
            late_s = 0.0 if frame.time is None else frame.time - begins_s - done_s
            if late_s > MAX_GAP_S:
                raise FileError(path, "the times of its sound are broken")
            if late_s > GAP_S:
                for silent in _silence(frame, round(late_s * frame.sample_rate)):
                    done_s += silent.samples / frame.sample_rate
                    yield silent
            elif late_s < -GAP_S:
                continue  # it was heard already
            done_s += frame.samples / frame.sample_rate
            frame.pts = None  # from here on samples are counted
            yield frame
    if not done_s:
        raise FileError(path, "its sound is empty", "give a file that has some, as a song or a video with sound")


def blocks(path: Path, rate_hz: int) -> Iterator[np.ndarray]:
    """The sound of a file, mixed down to mono: float32 [samples] each, at rate_hz."""
    for block, _ in _resampled(path, rate_hz):
        yield block


def write_film(path: Path, heard: Path, rate_hz: int, make: Made, fps: float, size_px: int) -> int:
    """Write a film with the sound of a file. The film appears when it is whole.

    Sound and pictures are read, made and written side by side.

    Args:
        heard: the file whose sound it is.
        rate_hz: of the sound that `make` is given.
        make: gives the pictures, uint8 [size_px, size_px, 3], BGR; picture i is shown at i / fps s.
        size_px: even.

    Returns:
        The number of pictures.

    Raises:
        FileError: the sound cannot be read, or the film cannot be written.
    """
    part, number = path.absolute().with_name(f".{path.stem}.part{path.suffix}"), 0
    try:
        with av.open(str(part), "w") as out:
            rate = Fraction(fps).limit_denominator(1001)
            film = out.add_stream("libx264", rate=rate)
            voice = out.add_stream("aac", rate=SOUND_HZ)
            assert isinstance(film, av.VideoStream) and isinstance(voice, av.AudioStream)
            film.height, film.width = size_px, size_px
            film.pix_fmt, film.codec_context.options = "yuv420p", {"preset": "veryfast", "crf": "20"}
            voice.layout, voice.bit_rate = "stereo", SOUND_BITS

            def spoken() -> Iterator[np.ndarray]:
                done = 0
                for block, loud in _resampled(path=heard, rate_hz=rate_hz):
                    for frame in loud:
                        frame.pts, frame.time_base = done, Fraction(1, SOUND_HZ)
                        done += frame.samples
                        out.mux(_heard(voice.encode(frame)))
                    yield block
                out.mux(_heard(voice.encode(None)))

            for picture in make(spoken()):
                shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
                shown.pts, shown.time_base = number, 1 / rate
                out.mux(film.encode(shown))
                number += 1
            out.mux(film.encode(None))
        part.replace(path)
    except WRONG as error:
        if isinstance(error, FileError):
            raise
        why = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise FileError(path, f"cannot be written ({why})", ADVICE) from None
    finally:
        part.unlink(missing_ok=True)
    return number


def enlarged(picture: np.ndarray, size_px: int) -> np.ndarray:
    """A small picture [small, small, 3] at a larger size, uint8 [size_px, size_px, 3]."""
    return cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def _resampled(path: Path, rate_hz: int) -> Iterator[tuple[np.ndarray, list[av.AudioFrame]]]:
    """Blocks of mono sound, float32 [samples] at rate_hz, each with the same sound as a film has it."""
    plain = av.AudioResampler(format="fltp")
    mono = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
    stereo = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ)

    def both(frame: av.AudioFrame | None) -> tuple[np.ndarray, list[av.AudioFrame]]:
        blocks, loud = [np.zeros(0, np.float32)], []
        for part in [None] if frame is None else plain.resample(frame):
            # A resampler empties the frames that it takes, so each gets its own.
            one, two = (None, None) if part is None else _channels(part)
            blocks += [made.to_ndarray()[0] for made in mono.resample(one)]
            loud += stereo.resample(two)
        return np.concatenate(blocks), loud

    try:
        for frame in decoded(path):
            yield both(frame)
        yield both(None)
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(path, "its sound changes its rate or its channels on the way") from None


def _channels(frame: av.AudioFrame) -> tuple[av.AudioFrame, av.AudioFrame]:
    """The mean of the channels of a frame, and the frame as stereo: of one channel, or of more than two, the mean on both sides."""
    channels = np.nan_to_num(frame.to_ndarray(), posinf=0.0, neginf=0.0)
    middle = channels.mean(0, keepdims=True, dtype=np.float32)
    sides = channels if len(channels) == 2 else np.repeat(middle, 2, axis=0)
    made = [
        av.AudioFrame.from_ndarray(np.ascontiguousarray(each), format="fltp", layout=layout)
        for each, layout in ((middle, "mono"), (sides, "stereo"))
    ]
    for each in made:
        each.sample_rate = frame.sample_rate
    return made[0], made[1]


def _silence(like: av.AudioFrame, samples: int) -> Iterator[av.AudioFrame]:
    """Silent frames of the kind of another one, of a second at most."""
    while samples > 0:
        here = min(samples, like.sample_rate)
        frame = av.AudioFrame(like.format.name, like.layout.name, here)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = like.sample_rate
        samples -= here
        yield frame


def _heard(packets: list[av.Packet]) -> list[av.Packet]:
    """Packets without what a coder holds ahead of the sound, since few containers know that it is not to be heard."""
    return [packet for packet in packets if packet.pts is None or packet.pts + (packet.duration or 0) > 0]
