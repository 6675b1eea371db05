"""Compares reading random 4 s windows from shards with computing them from sound files. `python -m benchmarks.windows`"""

import statistics
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile

from benchmarks.spectrograms import SOUND_HZ, made_wavs
from pipeline import params
from pipeline.audio import spectrogram
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.media import sound_files

TRACKS, WINDOWS, ROUNDS = 20, 100, 5


def main() -> None:
    p = params.load()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wavs = {path.stem: path for path in made_wavs(folder / "wav", TRACKS)}
        with ShardWriter(folder / "shards") as shards:
            for track, path in wavs.items():
                sound = sound_files.read_audio(path, p.audio.sample_rate_hz)
                shards.add(track, {"spectrogram": spectrogram.log_spectrogram(sound, p.audio)})
        source = {"spectrogram": Source(Shards(folder / "shards"), "spectrogram", p.audio.fps)}
        windows = Windows(source, list(wavs), p.windows.duration_s)
        places = windows.random(WINDOWS, np.random.default_rng(p.seed))

        def from_shards(track: str, start: int) -> np.ndarray:
            return windows.at(track, start)["spectrogram"]

        def from_the_stretch(track: str, start: int) -> np.ndarray:
            """Decode only the 4 s of the window."""
            first = round(start / p.audio.fps * SOUND_HZ)
            last = first + round(p.windows.duration_s * SOUND_HZ)
            sound, _ = soundfile.read(wavs[track], start=first, stop=last, dtype="float32")
            return spectrogram.log_spectrogram(sound_files.resample(sound, SOUND_HZ, p.audio.sample_rate_hz), p.audio)

        def from_the_file(track: str, start: int) -> np.ndarray:
            """The plain way: load the whole file with librosa, and cut the window from its spectrogram."""
            sound, _ = librosa.load(wavs[track], sr=p.audio.sample_rate_hz)
            return spectrogram.log_spectrogram(sound, p.audio)[start : start + windows.counts["spectrogram"]]

        ways = (from_shards, from_the_stretch, from_the_file)
        rates: dict[str, list[float]] = {way.__name__: [] for way in ways}
        for _ in range(ROUNDS):  # alternating, so that a slow phase of the machine affects all
            for way in ways:
                start = time.perf_counter()
                for place in places:
                    way(*place)
                rates[way.__name__].append(len(places) / (time.perf_counter() - start))
    print(f"the same {WINDOWS} windows, files in the cache, medians of {ROUNDS}:")
    for name, values in rates.items():
        ratio = statistics.median(a / b for a, b in zip(rates["from_shards"], values, strict=True))
        print(f"{name:16s} {statistics.median(values):8.1f} windows/s; shards are {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
