"""Train a baseline, movement to spectrogram without codes, on random windows of the training tracks: models/<name>/."""

from pathlib import Path

import numpy as np
from torch import nn

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.tensors import Batch, to_tensors
from pipeline.dataset.windows import Windows
from pipeline.errors import run
from pipeline.training import baselines, loop

VALIDATION_WINDOWS = 64
START_WINDOWS = 64  # to take the mean and the standard deviation from


def main(name: str = "") -> None:
    settings = params.load()
    chosen = params.variant(settings.variants.baseline, name)
    determinism.prepare(settings.seed)
    sources = baselines.sources(settings)
    train, test = (
        Windows(sources, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    held_out = to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))

    model, config = baselines.make(chosen, settings)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        return to_tensors(train.batch(train.random(size, generator)))

    model.standard.fit(batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"])

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, baselines.Model)
        device = model.standard.mean.device
        windows = zip(held_out["spectrogram"], held_out["motion"], strict=True)
        errors = [model(sound[None].to(device), body[None].to(device))["loss"].item() for sound, body in windows]
        return {"test_mse": float(np.mean(errors))}

    data = (Path("data/spectrograms"), Path("data/motion"), Path("data/splits.parquet"))
    folder = work.WORK / name / work.key(__file__, settings.seed, chosen, settings.windows, *data)
    history = loop.train(model, batch, validate, chosen.training, seed=settings.seed, folder=folder)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
