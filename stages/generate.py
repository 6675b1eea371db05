"""Generate music for the movements of the test tracks: samples/<model>/, and a few WAV files to listen to."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import phases
from pipeline.compute import determinism, parallel
from pipeline.dataset.artifacts import MODELS, SAMPLES
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import run
from pipeline.media import sound_files
from pipeline.sampling import batches, codec
from pipeline.sampling.samples import Samples
from pipeline.training import weights


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed, threads=1)  # as in each batch
    folder = SAMPLES / name
    if name in settings.variants.prior and not weights.exist(MODELS / name):
        print(f"{name} is skipped: it was not trained")
        with ShardWriter(folder):
            return  # an index without rows
    baseline = name in settings.variants.baseline
    array, make = ("spectrogram", batches.spectrograms) if baseline else ("codes", batches.codes)
    chosen = None if baseline else params.variant(settings.variants.prior, name)
    _, places = batches.of_test_tracks(settings, chosen)
    size = settings.generate.batch
    repeats = 1 if baseline else settings.generate.repeats
    calls = [(name, repeat, first) for repeat in range(repeats) for first in range(0, len(places), size)]
    backend = determinism.backend(settings.compute.backend)
    with ShardWriter(folder) as writer, tqdm(desc=name, total=repeats * len(places), unit=" sample") as bar:
        for (_, repeat, first), made in zip(calls, parallel.each(make, calls, backend), strict=True):
            for number, window in enumerate(made, first):
                track, start = places[number]
                sample = f"sample_{repeat * len(places) + number:05d}"
                writer.add(sample, {array: window}, repeat=repeat, source=track, source_start=start)
            bar.update(len(made))
    write_sound(folder, settings)


def write_sound(folder: Path, settings: params.Params) -> None:
    """`generate.wavs` windows of the first repeat as WAV, spread evenly over them."""
    (folder / "wav").mkdir(exist_ok=True)
    samples = Samples(folder, codec.load())
    names = samples.names(repeat=0)
    chosen = [names[i] for i in np.linspace(0, len(names) - 1, min(settings.generate.wavs, len(names))).astype(int)]
    calls = [(window, settings.audio) for window in samples.spectrograms(chosen)]
    for name, sound in zip(chosen, parallel.each(phases.sound, calls, settings.compute.backend), strict=True):
        path = folder / "wav" / f"{name}_{samples.index.source[name]}.wav"
        sound_files.write_audio(path, sound, settings.audio.sample_rate_hz)


if __name__ == "__main__":
    run(main)
