"""Evaluate a model that makes music: metrics/<model>.json, and evaluations/<model>/ for the report."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.windows import Places, Windows, to_tensors
from pipeline.errors import run
from pipeline.evaluation import body_states, cells, content, rows
from pipeline.evaluation.rows import BATCH, Batches, Metrics
from pipeline.sampling import codec
from pipeline.sampling.samples import Samples
from pipeline.training import baselines, priors


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    samples = Samples(SAMPLES / name, codec.load())
    rows.folder(name)
    if samples.index.empty:
        print(f"{name} is skipped: it made nothing")
        rows.write(name, {})
        return
    metrics = cells.fill_cells(name, passes(samples, settings), settings)
    names = samples.names(repeat=0)
    here = places(samples, names)
    chosen = content.listened_to(here, settings)
    batch = samples.spectrograms([names[number] for number in chosen])
    metrics |= content.measure_content(name, batch, [here[number] for number in chosen], settings)
    of_the_model = of_prior if name in settings.variants.prior else of_baseline
    rows.write(name, metrics | of_the_model(name, here, settings))


def passes(samples: Samples, settings: params.Params) -> Iterator[tuple[list[int], Places, Batches]]:
    """The generated windows, repeat by repeat. NDB's clusterings are shared out among the repeats."""
    repeats = int(samples.index.repeat.nunique())
    for repeat in range(repeats):
        names = samples.names(repeat)
        serves = list(range(repeat, settings.evaluate.ndb_repeats, repeats))
        batches = (samples.spectrograms(names[first : first + BATCH]) for first in range(0, len(names), BATCH))
        yield serves, places(samples, names), batches


def places(samples: Samples, names: list[str]) -> Places:
    """The windows for which the samples were made."""
    here = samples.index.loc[names]
    return list(zip(here.source, here.source_start, strict=True))


def of_prior(name: str, here: Places, settings: params.Params) -> Metrics:
    """KNN accuracy and likelihoods of a model over codes."""
    chosen = settings.variants.prior[name]
    model = priors.load(MODELS / name).to(determinism.device())
    tracks = split.tracks(SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    codes, *conditions = to_tensors(windows.batch(here)).values()
    order, moved = rows.others(here)
    right = rows.in_batches(model.nll, codes, *conditions)
    wrong = rows.in_batches(model.nll, codes, *(condition[order] for condition in conditions))
    write_losses(name, here, "nll", right)
    metrics = {"nll": rows.mean(right), "nll_shuffled": rows.mean(wrong[moved])}
    return metrics | body_states.states(model.body_state, name, settings)


def of_baseline(name: str, here: Places, settings: params.Params) -> Metrics:
    """KNN accuracy, and the error of each frame, given the recorded ones before it, over the variance about each bin's mean."""
    model = baselines.load(MODELS / name).to(determinism.device())
    windows = Windows(baselines.sources(settings), split.tracks(SPLITS, "test"), settings.windows.duration_s)
    batch = to_tensors(windows.batch(here))
    spectrogram, motion = batch["spectrogram"], batch["motion"]
    order, moved = rows.others(here)
    right = rows.in_batches(model.error, spectrogram, motion)
    wrong = rows.in_batches(model.error, spectrogram, motion[order])
    variance = float(spectrogram.var((0, 1), correction=0).mean())
    write_losses(name, here, "mse", right / variance)
    metrics = {
        "mse": float(right.mean()) / variance,
        "mse_shuffled": float(wrong[moved].mean()) / variance if moved.any() else None,
    }
    return metrics | body_states.states(model.body_state, name, settings)


def write_losses(name: str, here: Places, loss: str, values: np.ndarray) -> None:
    """Write evaluations/<model>/losses.csv: the mean of each window with its own condition, of values [windows, frames]."""
    table = pd.DataFrame(here, columns=["source", "source_start"])
    table[loss] = values.mean(1)
    table.to_csv(rows.folder(name) / "losses.csv", index=False, float_format="%.8g")


if __name__ == "__main__":
    run(main)
