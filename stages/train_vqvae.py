"""Train a VQ-VAE on random windows of the training tracks' spectrograms: models/<variant>/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.errors import run
from pipeline.models.vqvae import VQVAE
from pipeline.training import loop, weights

VALIDATION_WINDOWS = 64
START_WINDOWS = 64  # enough frames for k-means to place all codes of the paper's codebook


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen = params.variant(settings.variants.vqvae, name)
    sources = {"spectrogram": Source(Shards(SPECTROGRAMS), "spectrogram", settings.audio.fps)}
    train, test = (
        Windows(sources, split.tracks(SPLITS, part), settings.windows.duration_s) for part in ("train", "test")
    )
    held_out = to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))["spectrogram"]

    sizes = {"bins": settings.audio.n_fft // 2, **chosen.model_dump(exclude={"training", "codebook_after"})}
    model = VQVAE(**sizes)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        return to_tensors(train.batch(train.random(size, generator)))

    start = batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]
    model.standard.fit(start)
    before = weights.start_from(settings.training.start_from, name, model, "vqvae")

    def before_step(model: VQVAE, step: int) -> None:
        if step == chosen.codebook_after and not before:
            model.init_codebook(start.to(model.codebook.codes.device))

    def validate(model: VQVAE) -> dict[str, float]:
        device = model.codebook.codes.device
        errors = [model(window[None].to(device))["mse"].item() for window in held_out]
        return {"test_mse": float(np.mean(errors))}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, settings.windows, SPECTROGRAMS, SPLITS)
    folder = work.WORK / name / work.key(__file__, *inputs, *before)
    history = loop.train(
        model,
        batch,
        validate,
        chosen.training,
        seed=settings.seed,
        precision=precision,
        folder=folder,
        before_step=before_step,
    )
    config = weights.Config("vqvae", precision, sizes)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
