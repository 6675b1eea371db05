"""Made films of many kinds, each with a clap and a jump of a bright square at one moment: are both read in step?

`python -m benchmarks.films 300` makes 300 random ones and reads them; copies or codes a film of every container and codec into
every container, which must give each picture, or a refusal within 5 s; and damages the heads of 2000 files. It prints what it
counted, and every film that was read out of step.
"""

import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from tqdm import tqdm

from pipeline.errors import FileError
from pipeline.media import muxing, picture_files, sound_files

REFUSED_S = 5.0
SIZE_PX = 64, 96  # height and width of a picture as it is shown
DURATION_S, CLAP_S = 3.0, 1.6
CLAP = 0.6  # level
ONE = 1 << 16
# What the display matrix says, and how the camera stores what it should show.
TURNS = {
    0: ((1, 0, 0, 1), lambda shown: shown),
    90: ((0, 1, -1, 0), lambda shown: np.rot90(shown, 1)),
    180: ((-1, 0, 0, -1), lambda shown: np.rot90(shown, 2)),
    270: ((0, -1, 1, 0), lambda shown: np.rot90(shown, 3)),
}
# Containers by the end of their name, with picture codecs and sound codecs that FFmpeg writes into them.
CONTAINERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ".mp4": (
        ("libx264", "libx265", "mpeg4", "libvpx-vp9", "libsvtav1", "mjpeg", "mpeg2video"),
        ("aac", "libopus", "mp3", "ac3", "flac", "alac"),
    ),
    ".mov": (
        ("libx264", "libx265", "mpeg4", "mjpeg", "prores", "mpeg2video"),
        ("aac", "pcm_s16le", "pcm_s24le", "alac", "mp3"),
    ),
    ".m4v": (("libx264", "mpeg4"), ("aac", "ac3")),
    ".mkv": (
        ("libx264", "libx265", "mpeg4", "libvpx", "libvpx-vp9", "libsvtav1", "mjpeg", "ffv1"),
        ("aac", "libopus", "flac", "mp3", "ac3", "pcm_s16le"),
    ),
    ".webm": (("libvpx", "libvpx-vp9", "libsvtav1"), ("libopus",)),
    ".avi": (("mpeg4", "libx264", "mjpeg", "ffv1", "huffyuv"), ("pcm_s16le", "ac3")),
    ".ts": (("libx264", "libx265", "mpeg2video", "mpeg4"), ("aac", "mp2", "ac3", "mp3")),
    ".m2ts": (("libx264", "mpeg2video"), ("ac3", "aac")),
    ".mpg": (("mpeg1video", "mpeg2video"), ("mp2",)),
    ".flv": (("flv", "libx264"), ("aac", "mp3")),
    ".wmv": (("wmv2", "msmpeg4"), ("wmav2",)),
    ".3gp": (("mpeg4", "libx264", "h263"), ("aac",)),
    ".ogv": (("libvpx",), ("libopus", "flac")),
    ".nut": (("mpeg4", "ffv1"), ("pcm_s16le", "mp3")),
}
FORMATS = {".m2ts": "mpegts", ".ts": "mpegts", ".mkv": "matroska", ".mpg": "mpeg", ".wmv": "asf", ".m4v": "mp4"}
LOSSY = ("aac", "ac3", "libopus", "mp2", "mp3", "wmav2")
# Pools of threads gain nothing for a small film, and may wait for each other for ever in a process that has threads of its own.
ONE_THREAD = {
    "libx265": {"x265-params": "pools=none:frame-threads=1:log-level=none"},
    "libsvtav1": {"svtav1-params": "lp=1"},
}
B_FRAMES = ("libx264", "libx265", "mpeg4", "mpeg2video")
STANDARD_FPS = (24, 25, 30)  # of codecs that know only these
ANY_FPS = (10, 12, 15, 20, 24, 25, 30, 50, 60)


@dataclass(frozen=True)
class Film:
    """How a film is made.

    Attributes:
        even: whether pictures come at one rate; else every third is missing.
        picture_start_s, sound_start_s: when they start on the file's clock.
        turn: degrees of the display matrix.
        layout: of the sound's channels; heard: the channels that have the sound, "turned" for stereo of opposite phase.
        second_sound: "" for one sound; else "silent" or "other" for a second one that is not the default.
    """

    suffix: str = ".mp4"
    picture: str = "libx264"
    sound: str = "aac"
    fps: int = 25
    b_frames: int = 0
    even: bool = True
    picture_start_s: float = 0.0
    sound_start_s: float = 0.0
    turn: int = 0
    rate_hz: int = 48000
    layout: str = "mono"
    heard: tuple[int, ...] | str = field(default=(0,))
    second_sound: str = ""

    @property
    def period_s(self) -> float:
        return 1 / self.fps


def drawn(generator: np.random.Generator) -> Film:
    """A random kind of film that FFmpeg can write."""

    def pick(values: Any) -> Any:
        return values[int(generator.integers(len(values)))]

    suffix = pick([*CONTAINERS])
    pictures, sounds = CONTAINERS[suffix]
    picture, sound = pick(pictures), pick(sounds)
    fps = pick(STANDARD_FPS if picture.startswith("mpeg1") or picture.startswith("mpeg2") else ANY_FPS)
    fixed = suffix in (".avi", ".mpg", ".ogv")  # these know no times, only a rate
    layout = (
        "mono"
        if sound in ("mp2",)
        else pick(
            ["mono", "stereo", "stereo", "5.1"] if sound in ("aac", "ac3", "flac", "pcm_s16le") else ["mono", "stereo"]
        )
    )
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    heard: Any = pick([tuple(range(channels)), (0,), (channels - 1,)])
    if layout == "stereo" and generator.random() < 0.2:
        heard = "turned"
    start_s = 0.0 if fixed else pick([0.0, 0.0, 0.4, 5.0])
    return Film(
        suffix,
        picture,
        sound,
        fps,
        b_frames=pick([0, 2]) if picture in B_FRAMES else 0,
        even=fixed or picture in ("h263", "mpeg2video", "mpeg1video") or bool(generator.random() < 0.7),
        picture_start_s=start_s,
        sound_start_s=start_s + (0.0 if fixed else pick([0.0, 0.0, 0.3])),
        turn=pick([*TURNS]) if suffix in (".mp4", ".mov", ".mkv") and picture != "prores" else 0,
        rate_hz=pick([44100, 48000]) if sound not in ("libopus",) else 48000,
        layout=layout,
        heard=heard,
        second_sound=pick(["", "", "silent", "other"]) if suffix in (".mp4", ".mkv", ".mov") else "",
    )


def write(path: Path, film: Film) -> None:
    """Write a film. The picture jumps and the sound claps at `CLAP_S` after the start of the picture."""
    if sys.platform != "linux":
        _write(path, film)
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        _write(path, film)
    finally:  # SVT-AV1, if root calls it, lets this thread and all that it will start go before everything else on the machine.
        os.sched_setscheduler(0, policy, priority)


def _write(path: Path, film: Film) -> None:
    container_format = FORMATS.get(film.suffix, film.suffix[1:])
    with open(path, "wb") as file, av.open(file, "w", format=container_format) as out:
        video: Any = out.add_stream(film.picture, rate=film.fps, options=ONE_THREAD.get(film.picture, {}))
        video.codec_context.thread_count = 1
        (a, b, c, d), store = TURNS[film.turn]
        height, width = store(np.zeros((*SIZE_PX, 3), np.uint8)).shape[:2]
        video.height, video.width = (144, 176) if film.picture == "h263" else (height, width)  # of H.263's few sizes
        video.pix_fmt = {"mjpeg": "yuvj420p", "prores": "yuv422p10le", "huffyuv": "yuv422p"}.get(
            film.picture, "yuv420p"
        )
        video.codec_context.time_base = Fraction(1, film.fps)
        if film.picture in B_FRAMES:
            video.codec_context.max_b_frames = film.b_frames
        if film.turn:
            video.set_display_matrix((a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30))
        voices = [
            out.add_stream(film.sound, rate=film.rate_hz, layout=film.layout)
            for _ in range(2 if film.second_sound else 1)
        ]
        for voice in voices:
            if film.sound in LOSSY:
                voice.bit_rate = 192_000
        if film.second_sound:
            voices[0].disposition, voices[1].disposition = av.stream.Disposition.default, av.stream.Disposition(0)
        packets = [*_pictures(film, video, store)]
        for number, voice in enumerate(voices):
            packets += _sound(film, voice, level=CLAP if number == 0 else 0.0 if film.second_sound == "silent" else 0.3)
        for packet in packets:
            out.mux(packet)


def _pictures(film: Film, video: Any, store: Any) -> Iterator[av.Packet]:
    first = round(film.picture_start_s * film.fps)
    for number in range(round(DURATION_S * film.fps)):
        if not film.even and number % 3 == 1:
            continue
        picture = np.full((*SIZE_PX, 3), 16, np.uint8)
        jumped = number / film.fps >= CLAP_S - 1e-9
        half = SIZE_PX[1] // 2
        picture[8:-8, half + 8 : -8] = 230 if jumped else 16
        picture[8:-8, 8 : half - 8] = 16 if jumped else 230
        picture = np.ascontiguousarray(store(picture))
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        if film.picture == "h263":
            frame = frame.reformat(176, 144)
        frame.pts, frame.time_base = first + number, Fraction(1, film.fps)
        yield from video.encode(frame)
    yield from video.encode(None)


def _sound(film: Film, voice: Any, level: float) -> Iterator[av.Packet]:
    at = CLAP_S + film.picture_start_s - film.sound_start_s
    # The clap is at the time of the first picture that shows the jump.
    shown = [
        n for n in range(round(DURATION_S * film.fps)) if n / film.fps >= CLAP_S - 1e-9 and (film.even or n % 3 != 1)
    ]
    at += shown[0] / film.fps - CLAP_S
    samples = np.arange(round((DURATION_S + film.picture_start_s - film.sound_start_s) * film.rate_hz))
    sound = level * np.sin(2 * np.pi * 880 * samples / film.rate_hz) * (samples >= round(at * film.rate_hz))
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[film.layout]
    planes = np.zeros((channels, len(sound)), np.float32)
    if film.heard == "turned":
        planes[0], planes[1] = sound, -sound
    else:
        planes[list(film.heard)] = sound
    resampler = av.AudioResampler(
        format=voice.format, layout=film.layout, rate=film.rate_hz, frame_size=voice.codec_context.frame_size or 1024
    )
    whole = av.AudioFrame.from_ndarray(planes, format="fltp", layout=film.layout)
    whole.sample_rate, whole.time_base = film.rate_hz, Fraction(1, film.rate_hz)
    whole.pts = round(film.sound_start_s * film.rate_hz)
    for piece in [*resampler.resample(whole), *resampler.resample(None)]:
        yield from voice.encode(piece)
    yield from voice.encode(None)


def jump_s(path: Path) -> float:
    """The time of the first picture whose right half is the brighter one."""
    for time_s, picture in picture_files.frames(path):
        half = picture.shape[1] // 2
        if picture[:, half:].mean() > picture[:, :half].mean():
            return time_s
    raise AssertionError(f"{path}: no jump in it")


def clap_s(path: Path) -> tuple[float, float]:
    """The time at which the sound begins, and its level."""
    sound, rate_hz = sound_files.decode_audio(path)
    begins = int(np.argmax(np.abs(sound) > CLAP / 3))
    return begins / rate_hz, float(np.sqrt(2 * np.mean(np.square(sound[begins + rate_hz // 10 : begins + rate_hz]))))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        place, generator = Path(folder), np.random.default_rng(1)
        read = Counter(_read(place, drawn(generator)) for _ in tqdm(range(count), "films", unit=" film"))
        print("; ".join(f"{number} {what}" for what, number in sorted(read.items())))
        print("; ".join(f"{number} {what}" for what, number in sorted(_rewritten(place).items())))
        print("; ".join(f"{number} {what}" for what, number in sorted(_damaged(place, 2000, generator).items())))


def _read(place: Path, film: Film) -> str:
    """Whether a film is read in step to half a picture, and at its level to 1 dB."""
    path = place / f"film{film.suffix}"
    write(path, film)
    try:
        (clap, level), jump = clap_s(path), jump_s(path)
    except FileError as error:
        return f"refused ({error.what})"
    if abs(jump - clap) <= film.period_s / 2 and abs(20 * np.log10(level / CLAP)) <= 1:
        return "read in step"
    print(f"out of step: jump at {jump:.3f} s, clap at {clap:.3f} s, level {level:.2f}: {film}")
    return "out of step"


def _rewritten(place: Path) -> Counter[str]:
    """Every container and picture codec into every container: what came of it."""
    results: Counter[str] = Counter()
    films = [
        Film(suffix, picture, sounds[0]) for suffix, (pictures, sounds) in CONTAINERS.items() for picture in pictures
    ]
    for film in tqdm(films, "rewritten", unit=" film"):
        path = place / f"film{film.suffix}"
        write(path, film)
        sound, rate_hz = sound_files.decode_audio(path)
        for suffix in CONTAINERS:
            out, begin = place / f"out{suffix}", time.perf_counter()
            try:
                way = muxing.plan(out, path, drawn=False)
            except FileError as error:
                late = time.perf_counter() - begin > REFUSED_S
                results[f"refused{' too late' if late else ''} ({suffix}: {error.what})"] += 1
                continue
            results["longest choice, s"] = max(results["longest choice, s"], round(time.perf_counter() - begin))
            try:
                muxing.write_video(out, path, sound, rate_hz, None, way)
            except FileError as error:
                results[f"refused after the work ({suffix}: {error.what})"] += 1
                continue
            step = abs(jump_s(out) - clap_s(out)[0]) <= film.period_s / 2
            results["copied" if not way.picture else "coded anew"] += 1
            results["out of step"] += not step
    return results


def _damaged(place: Path, count: int, generator: np.random.Generator) -> Counter[str]:
    """Files with other bytes in their heads, read and written again: what came of it."""
    results: Counter[str] = Counter()
    wholes = {}
    for suffix in (".mp4", ".mkv"):
        write(place / f"whole{suffix}", Film(suffix, fps=10))
        wholes[suffix] = (place / f"whole{suffix}").read_bytes()
    for number in tqdm(range(count), "damaged", unit=" file"):
        suffix = [*wholes][number % 2]
        path, out, begin = place / f"damaged{suffix}", place / "out.mp4", time.perf_counter()
        path.write_bytes(damaged(wholes[suffix], generator))
        try:
            muxing.write_video(out, path, np.zeros(16000, np.float32), 16000, None, muxing.plan(out, path, drawn=False))
            results["written whole"] += 1
        except FileError:
            results["refused"] += 1
        results["took more than 10 s"] += time.perf_counter() - begin > 10
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results["MB of memory at the most"] = round(memory_mb)
    return results


def damaged(whole: bytes, generator: np.random.Generator) -> bytes:
    """A file with six other bytes in its first or last 2000. An MP4 that FFmpeg wrote has its index at the end."""
    content = bytearray(whole)
    for place in generator.integers(-2000, 2000, 6):
        content[int(place)] = generator.integers(0, 256)
    return bytes(content)


if __name__ == "__main__":
    main()
