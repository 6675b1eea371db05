"""The spectrograms stage against a plain librosa loop, on one core and on two.

`OMP_NUM_THREADS=1 python -m benchmarks.spectrograms`
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import soundfile

from pipeline import params
from pipeline.corpus.track import Track
from stages import spectrograms

TRACKS, ROUNDS = 60, 5
DURATION_S, SOUND_HZ = 30, 48_000


def made_wavs(folder: Path, tracks: int) -> list[Path]:
    """Tones with five partials and a little noise: `tracks` mono WAVs of 16 bits, from a fixed seed."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    time_s = np.arange(DURATION_S * SOUND_HZ) / SOUND_HZ
    paths = []
    for i in range(tracks):
        hz = 110 * 2 ** (generator.integers(36) / 12)
        tone = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 6)) * np.abs(np.sin(np.pi * time_s))
        path = folder / f"{i:03d}.wav"
        soundfile.write(path, 0.2 * tone + generator.normal(0, 0.001, len(time_s)), SOUND_HZ, subtype="PCM_16")
        paths.append(path)
    return paths


def plain(wavs: list[Path], p: params.Params) -> None:
    """What one would write without this project. Nothing is checked, nothing is stored."""
    for path in wavs:
        sound, _ = librosa.load(path, sr=p.audio.sample_rate_hz)
        magnitude = np.abs(librosa.stft(sound, n_fft=p.audio.n_fft, hop_length=p.audio.hop_length))
        np.log(np.maximum(magnitude, 1e-4))


def stage(wavs: list[Path], p: params.Params, cores: int) -> None:
    """All that the stage does to a corpus: sounds are checked, finished tracks kept, shards and their hashes written."""
    os.environ["LOKY_MAX_CPU_COUNT"] = str(cores)
    kept, _ = spectrograms.make([Track(path.stem, path.stem, "unknown", path, path) for path in wavs], p)
    assert kept == len(wavs)


def main() -> None:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as temporary:
        p = params.load()
        p = replace(p, corpus=replace(p.corpus, root=temporary))
        wavs = [path.resolve() for path in made_wavs(Path(temporary) / "wav", TRACKS)]
        os.chdir(temporary)  # the stage writes to data/ and work/
        ways: dict[str, Callable[[], None]] = {
            "plain librosa loop": lambda: plain(wavs, p),
            "stage on one core": lambda: stage(wavs, p, 1),
            "stage on two": lambda: stage(wavs, p, 2),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for i in range(1 + ROUNDS):  # in turn, so that a slow minute of the machine hits all; the first warms up
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if i:
                    seconds[name].append(time.perf_counter() - start)
        os.chdir(before)
    print(f"{TRACKS} tracks of {DURATION_S} s, files and workers warm, medians of {ROUNDS}:")
    for name, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["plain librosa loop"], values, strict=True))
        print(f"{name:18s} {statistics.median(values):6.2f} s, {ratio:.2f} times as fast as the plain loop")


if __name__ == "__main__":
    main()
