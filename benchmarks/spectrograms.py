"""Compares the spectrograms stage, on one core and on two, with a plain librosa loop.

`OMP_NUM_THREADS=1 python -m benchmarks.spectrograms`
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
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
    """Write `tracks` mono WAV files of 16 bits from a fixed seed: tones with five partials and a little noise."""
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
    """The loop that one would write without this project. It checks and stores nothing."""
    for path in wavs:
        sound, _ = librosa.load(path, sr=p.audio.sample_rate_hz)
        magnitude = np.abs(librosa.stft(sound, n_fft=p.audio.n_fft, hop_length=p.audio.hop_length))
        np.log(np.maximum(magnitude, 1e-4))


def stage(wavs: list[Path], p: params.Params, cores: int) -> None:
    """All the work of the stage: it checks sounds, keeps finished tracks, and writes shards and hashes."""
    os.environ["LOKY_MAX_CPU_COUNT"] = str(cores)
    kept, _ = spectrograms.make([Track(path.stem, path.stem, "unknown", path, path) for path in wavs], p)
    assert kept == len(wavs)


def main() -> None:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as temporary:
        p = params.load()
        p = p.model_copy(update={"corpus": p.corpus.model_copy(update={"root": temporary})})
        wavs = [path.resolve() for path in made_wavs(Path(temporary) / "wav", TRACKS)]
        os.chdir(temporary)  # the stage writes to data/ and work/
        ways: dict[str, Callable[[], None]] = {
            "plain librosa loop": lambda: plain(wavs, p),
            "stage on one core": lambda: stage(wavs, p, 1),
            "stage on two": lambda: stage(wavs, p, 2),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for i in range(1 + ROUNDS):  # alternating, so that a slow phase affects all; the first is a warm-up
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if i:
                    seconds[name].append(time.perf_counter() - start)
        os.chdir(before)
    print(f"{TRACKS} tracks of {DURATION_S} s, medians of {ROUNDS} rounds after a warm-up:")
    for name, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["plain librosa loop"], values, strict=True))
        print(f"{name:18s} {statistics.median(values):6.2f} s, {ratio:.2f} times as fast as the plain loop")


if __name__ == "__main__":
    main()
