"""Encodes pictures and sound for a web page, in small files whose bytes are the same every time."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av
import numpy as np

from pipeline.media import sound_files

OPUS_HZ = (8000, 12000, 16000, 24000, 48000)  # sample rates that Opus encodes; browsers decode to the last one
BITRATE = 64_000  # bits/s of a mono sound; constant, so that a file's size does not reveal its content
BLOCK_S = 0.02  # length of the sound in a packet
# One thread, because with more the bytes would depend on their number.
VP9 = {"crf": "32", "b": "0", "deadline": "good", "cpu-used": "4", "threads": "1"}


def opus(sound: np.ndarray, rate_hz: int) -> bytes:
    """Encode a mono sound as Opus in WebM, at about 48 kbit/s.

    Args:
        sound: float32 [samples], full scale at -1 and 1; louder samples are clipped.
    """
    file = io.BytesIO()
    # Bit-exact: without a version and without random identifiers.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        voice: Any = container.add_stream("libopus", rate=OPUS_HZ[-1], layout="mono", options={"vbr": "constrained"})
        voice.bit_rate = 48_000
        samples = np.clip(sound, -1, 1).astype(np.float32)[None]
        whole = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        whole.sample_rate = rate_hz
        container.mux(voice.encode(whole))
        container.mux(voice.encode(None))
    return file.getvalue()


def webm(pictures: Iterable[np.ndarray], fps: float, sound: np.ndarray, rate_hz: int) -> bytes:
    """Encode a video with its sound as VP9 and Opus in WebM. Both start at time 0.

    Args:
        pictures: uint8 [height, width, 3], BGR, all of one size, with even height and width. Picture i is shown at
            i / fps s.
        sound: float32 [samples], full scale at -1 and 1; louder samples are clipped.
    """
    opus_hz = next((rate for rate in OPUS_HZ if rate >= rate_hz), OPUS_HZ[-1])
    sound = np.clip(sound_files.resample(sound, rate_hz, opus_hz), -1, 1).astype(np.float32, copy=False)
    rate = Fraction(fps).limit_denominator(1001)
    file = io.BytesIO()
    # Bit-exact: without a version and without random identifiers.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        video: Any = container.add_stream("libvpx-vp9", rate=rate, options=VP9)
        voice: Any = container.add_stream("libopus", rate=opus_hz, layout="mono", options={"vbr": "off"})
        voice.bit_rate = BITRATE
        for number, picture in enumerate(pictures):
            if not number:
                video.height, video.width = picture.shape[:2]
                video.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        block = round(BLOCK_S * opus_hz)
        for first in range(0, len(sound), block):
            part = np.ascontiguousarray(sound[None, first : first + block])
            piece = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = opus_hz, first, Fraction(1, opus_hz)
            container.mux(voice.encode(piece))
        container.mux(voice.encode(None))
    return file.getvalue()
