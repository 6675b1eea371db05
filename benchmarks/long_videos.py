"""`minet sonify` on long videos: time, memory, and whether the seams between pieces are audible in the spectrogram.

`python -m benchmarks.long_videos VIDEO 60 600`, with durations in s. The video is repeated forwards and backwards until it is long
enough.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from itertools import chain, cycle
from pathlib import Path

import av
import numpy as np
import psutil

from pipeline import params
from pipeline.audio import phases, spectrogram
from pipeline.media import picture_files, probing, sound_files

FPS = 30
SEAM_FRAMES = 4  # the reach of a spectrogram's window to each side
POLLED_S = 2.0  # interval between memory measurements, which slow the measured process


def lengthened(video: Path, duration_s: float, path: Path) -> Path:
    """Write a video of the given duration, at 30 frames per second and without jumps."""
    pictures = [picture for _, picture in picture_files.frames(video)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.height, stream.width = (size // 2 * 2 for size in pictures[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        there_and_back = cycle(chain(range(len(pictures)), range(len(pictures) - 2, 0, -1)))
        for number, which in zip(range(round(duration_s * FPS)), there_and_back, strict=False):
            picture = np.ascontiguousarray(pictures[which][: stream.height, : stream.width])
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def measured(command: list[str]) -> tuple[float, float]:
    """The time of a command, s, and its peak memory with its children, MB. Shared pages count once."""
    start, peak = time.perf_counter(), 0.0
    process = psutil.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    done = threading.Event()
    threading.Thread(target=lambda: (process.wait(), done.set()), daemon=True).start()
    while not done.wait(POLLED_S):
        held = 0
        try:
            for each in [process, *process.children(recursive=True)]:
                held += each.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, held / 1e6)
    assert process.returncode == 0, f"{command} failed"
    return time.perf_counter() - start, peak


def seams(wav: Path, p: params.Params) -> str:
    """The change of the spectrogram from frame to frame, at the seams and elsewhere, as text."""
    sound = sound_files.read_audio(wav, p.audio.sample_rate_hz)
    change = np.abs(np.diff(spectrogram.log_spectrogram(sound, p.audio).astype(np.float32), axis=0)).mean(1)
    context = round(p.windows.duration_s * p.audio.fps)
    of_codes = np.arange(context, len(change), context - context // 4)
    of_sound = np.arange(phases.BLOCK_FRAMES, len(change), phases.BLOCK_FRAMES)
    places = np.concatenate([of_codes, of_sound])
    near = places[:, None] + np.arange(-SEAM_FRAMES, SEAM_FRAMES)  # (seams, frames)
    near = near[(near < len(change)).all(1)]
    inside = np.delete(change, np.unique(near))
    blocks = inside[: len(inside) // near.shape[1] * near.shape[1]].reshape(-1, near.shape[1]).max(1)
    at = change[near].max(1)
    return (
        f"largest change per frame within {near.shape[1]} frames: at {len(at)} seams mean {at.mean():.4f}, largest {at.max():.4f}; "
        f"at {len(blocks)} other places mean {blocks.mean():.4f}, largest {blocks.max():.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("duration_s", type=float, nargs="+")
    parser.add_argument("--model", default="mi_net_sync")
    arguments = parser.parse_args()
    p = params.load()
    with tempfile.TemporaryDirectory() as temporary:
        for duration_s in arguments.duration_s:
            video = lengthened(arguments.video, duration_s, Path(temporary) / "in.mp4")
            out = Path(temporary) / "out.mp4"
            command = [sys.executable, "-m", "pipeline.commands.minet", "sonify", str(video), "-o", str(out)]
            took_s, peak_mb = measured([*command, "--model", arguments.model])
            width_px, height_px = probing.size_px(video)
            print(f"{duration_s:g} s of {width_px} x {height_px} px: {took_s:.1f} s, peak {peak_mb:.0f} MB", flush=True)
            print(seams(out.with_suffix(".wav"), p), flush=True)


if __name__ == "__main__":
    main()
