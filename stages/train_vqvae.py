"""Train a VQ-VAE on random windows of the training tracks' spectrograms: models/<variant>/."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.shards import Shards
from pipeline.dataset.tensors import Batch, to_tensors
from pipeline.dataset.windows import Source, Windows
from pipeline.errors import run
from pipeline.models.vqvae import VQVAE
from pipeline.training import loop

VALIDATION_WINDOWS = 64
START_WINDOWS = 64  # enough frames for k-means to place every code of the paper's codebook


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen = params.variant(settings.variants.vqvae, name)
    spectrograms = Shards("data/spectrograms")
    sources = {"spectrogram": Source(spectrograms, "spectrogram", settings.audio.fps)}
    train, test = (
        Windows(sources, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    held_out = to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))["spectrogram"]

    config = {key: value for key, value in asdict(chosen).items() if key not in ("training", "codebook_after")}
    config["bins"] = settings.audio.n_fft // 2
    model = VQVAE(**config)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        return to_tensors(train.batch(train.random(size, generator)))

    start = batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]
    model.standard.fit(start)

    def before_step(model: nn.Module, step: int) -> None:
        assert isinstance(model, VQVAE)
        if step == chosen.codebook_after:
            model.start_codebook(start.to(model.codebook.codes.device))

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, VQVAE)
        device = model.codebook.codes.device
        errors = [model(window[None].to(device))["mse"].item() for window in held_out]
        return {"test_mse": float(np.mean(errors))}

    data = (Path("data/spectrograms"), Path("data/splits.parquet"))
    folder = work.WORK / name / work.key(__file__, settings.seed, chosen, settings.windows, *data)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, folder=folder, before_step=before_step
    )
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
