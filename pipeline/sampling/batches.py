"""What a model makes for a batch of the test tracks' windows.

Batches do not depend on each other, so they are made in parallel. Each is made on one thread, and the random numbers of a batch
depend on the seed, its repeat and its place alone: the bits do not depend on the number of cores.
"""

import numpy as np
import torch

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SPLITS
from pipeline.dataset.windows import Places, Windows, to_tensors
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import baselines, priors


def of_test_tracks(settings: params.Params, chosen: params.Prior | None = None) -> tuple[Windows, Places]:
    """The windows of the test tracks and the places that every model generates for."""
    # Codes say where windows may start, so that every generated window has a recorded counterpart. No model reads them here.
    tracks = split.tracks(SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    return windows, windows.spread(settings.generate.samples)


@torch.inference_mode()
def codes(name: str, repeat: int, first: int) -> np.ndarray:
    """Codes that a prior draws for the batch that begins with window `first`: int16 [windows, steps]."""
    settings, device = prepare()
    model = priors.load(MODELS / name).to(device)
    windows, places = of_test_tracks(settings, params.variant(settings.variants.prior, name))
    batch = to_tensors(windows.batch(places[first : first + settings.generate.batch]))
    how = as_set(settings, codec.load().to(device))
    notes = batch["notes"].to(device) if "notes" in batch else None
    generator = generator_of(settings.seed, repeat, first, device=device)
    drawn = sample(model, batch["motion"].to(device), notes, windows.counts["codes"], how, generator)
    return drawn.cpu().numpy().astype(np.int16)


@torch.inference_mode()
def spectrograms(name: str, _: int, first: int) -> np.ndarray:
    """What a baseline makes for the batch that begins with window `first`: float16 [windows, frames, bins].

    The arguments are those of `codes`. A baseline draws no random numbers, so every repeat is the same.
    """
    settings, device = prepare()
    model = baselines.load(MODELS / name).to(device)
    windows, places = of_test_tracks(settings)
    motion = to_tensors(windows.batch(places[first : first + settings.generate.batch]))["motion"]
    return model.generate(motion.to(device), windows.counts["codes"]).cpu().numpy().astype(np.float16)


def generator_of(*seeds: int, device: str) -> torch.Generator:
    """A generator of random numbers that depends on all the seeds."""
    return torch.Generator(device).manual_seed(int(np.random.default_rng(seeds).integers(2**63)))


def prepare() -> tuple[params.Params, str]:
    """The parameters and the device, in a process that makes a batch."""
    settings = params.load()
    determinism.prepare(settings.seed, threads=1)  # one process for each core
    return settings, determinism.device()
