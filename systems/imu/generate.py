"""Write notes for the sensors of the test tracks, in each way of wearing and without: samples/<variant>/."""

import numpy as np
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.compute import determinism, parallel
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.windows import to_tensors
from pipeline.errors import run
from pipeline.models.event_transformer import EventTransformer
from pipeline.sampling import event_sampler
from pipeline.training import weights
from systems.imu import examples
from systems.imu.params import load, variant

WITHOUT = "zeroed"  # the array of the notes that are written without any sensor


def main(name: str = "") -> None:
    settings, chosen = params.load(), variant(name)
    determinism.prepare(settings.seed, threads=1)  # as in each batch
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    places, size = windows.spread(settings.generate.samples), settings.generate.batch
    calls = [(name, way, first) for way in (*chosen.worn, WITHOUT) for first in range(0, len(places), size)]
    with tqdm(desc=name, total=len(calls), unit=" batch") as bar:
        made: dict[str, list[np.ndarray]] = {}
        for (_, way, _), tokens in zip(
            calls, parallel.each(draw, calls, determinism.backend(settings.compute.backend)), strict=True
        ):
            made.setdefault(way, []).append(tokens)
            bar.update()
    each = {way: np.concatenate(batches) for way, batches in made.items()}
    with ShardWriter(SAMPLES / name) as writer:
        for number, (track, start) in enumerate(places):
            arrays = {way: tokens[number] for way, tokens in each.items()}
            writer.add(f"sample_{number:05d}", arrays, source=track, source_start=start)


def draw(name: str, way: str, first: int) -> np.ndarray:
    """Tokens for the batch that begins with window `first`: int16 [windows, longest]."""
    settings, worn = params.load(), load().worn
    determinism.prepare(settings.seed, threads=1)  # one process for each core
    model = weights.load(MODELS / name, {"event_transformer": EventTransformer}).to(determinism.device())
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    places = windows.spread(settings.generate.samples)[first : first + settings.generate.batch]
    readings = windows.batch(places)["sensors"]
    if way != WITHOUT:
        readings = examples.as_worn(readings, worn[way])
    moving = to_tensors({"motion": readings})["motion"].to(determinism.device())
    # The same random numbers for each way of wearing.
    seed = int(np.random.default_rng((settings.seed, first, way != WITHOUT)).integers(2**63))
    generator = torch.Generator(determinism.device()).manual_seed(seed)
    return event_sampler.sample(model, moving, generator, seen=way != WITHOUT)


if __name__ == "__main__":
    run(main)
