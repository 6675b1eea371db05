"""Generate music for the movements of the test tracks: samples/<model>/, and a few WAV files to listen to."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio import spectrogram
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.windows import Places, Windows, to_tensors
from pipeline.errors import run
from pipeline.media import sound_files
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.sampling.samples import Samples
from pipeline.training import baselines, priors, weights


@torch.inference_mode()
def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    folder = SAMPLES / name
    if name in settings.variants.prior and not weights.exist(MODELS / name):
        print(f"{name} is skipped: it was not trained")
        with ShardWriter(folder):
            return  # an index without rows
    made = from_baseline if name in settings.variants.baseline else from_prior
    with ShardWriter(folder) as writer:
        for number, (repeat, track, start, arrays) in enumerate(made(name, settings)):
            writer.add(f"sample_{number:05d}", arrays, repeat=repeat, source=track, source_start=start)
    write_sound(folder, settings)


Made = Iterator[tuple[int, str, int, dict[str, np.ndarray]]]  # repeat, track, first row, arrays


def from_prior(name: str, settings: params.Params) -> Made:
    """Codes for every window, sampled `generate.repeats` times."""
    chosen = params.variant(settings.variants.prior, name)
    device = torch.device(determinism.device())
    model = priors.load(MODELS / name).to(device)
    windows, places = of_test_tracks(settings, chosen)
    steps = windows.counts["codes"]
    how = as_set(settings, codec.load().to(device))
    generator = torch.Generator(device).manual_seed(settings.seed)
    for repeat in range(settings.generate.repeats):
        for here in batches(places, settings, f"{name} {repeat + 1}/{settings.generate.repeats}"):
            batch = {key: tensor.to(device) for key, tensor in to_tensors(windows.batch(here)).items()}
            codes = sample(model, batch["motion"], batch.get("notes"), steps, how, generator)
            for (track, start), window in zip(here, codes.cpu().numpy().astype(np.int16), strict=True):
                yield repeat, track, start, {"codes": window}


def from_baseline(name: str, settings: params.Params) -> Made:
    """Spectrograms for every window, once: a baseline draws no random numbers, so every repeat would be the same."""
    device = torch.device(determinism.device())
    model = baselines.load(MODELS / name).to(device)
    windows, places = of_test_tracks(settings)
    for here in batches(places, settings, name):
        motion = to_tensors(windows.batch(here))["motion"].to(device)
        made = model.generate(motion, windows.counts["codes"]).cpu().numpy().astype(np.float16)  # (B, T, F)
        for (track, start), window in zip(here, made, strict=True):
            yield 0, track, start, {"spectrogram": window}


def of_test_tracks(settings: params.Params, chosen: params.Prior | None = None) -> tuple[Windows, Places]:
    """The windows of the test tracks and the places that every model generates for."""
    # Codes say where windows may start, so that every generated window has a recorded counterpart. No model reads them here.
    tracks = split.tracks(SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    return windows, windows.spread(settings.generate.samples)


def batches(places: Places, settings: params.Params, title: str) -> Iterator[Places]:
    with tqdm(total=len(places), desc=title, unit=" sample", mininterval=1) as bar:
        for first in range(0, len(places), settings.generate.batch):
            here = places[first : first + settings.generate.batch]
            yield here
            bar.update(len(here))


def write_sound(folder: Path, settings: params.Params) -> None:
    """`generate.wavs` windows of the first repeat as WAV, spread evenly over them."""
    (folder / "wav").mkdir(exist_ok=True)
    samples = Samples(folder, codec.load())
    names = samples.names(repeat=0)
    for number in np.linspace(0, len(names) - 1, min(settings.generate.wavs, len(names))).astype(int):
        name = names[number]
        sound = spectrogram.sound(samples.spectrograms([name])[0], settings.audio, settings.seed)
        path = folder / "wav" / f"{name}_{samples.index.source[name]}.wav"
        sound_files.write_audio(path, sound, settings.audio.sample_rate_hz)


if __name__ == "__main__":
    run(main)
