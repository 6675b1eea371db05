"""Train a baseline, varied movement to spectrogram without codes, on random windows of the training tracks: models/<name>/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MOTION, SPECTROGRAMS, SPLITS
from pipeline.dataset.windows import Batch, Windows, to_tensors
from pipeline.errors import run
from pipeline.keypoints.variation import vary
from pipeline.training import baselines, loop, weights

VALIDATION_WINDOWS = 64
START_WINDOWS = 64  # for the mean and the standard deviation


def main(name: str = "") -> None:
    settings = params.load()
    chosen = params.variant(settings.variants.baseline, name)
    determinism.prepare(settings.seed)
    sources = baselines.sources(settings)
    train, validation = (
        Windows(sources, names, settings.windows.duration_s)
        for names in (split.tracks(SPLITS, "train"), split.validation(SPLITS))
    )
    held_out = to_tensors(validation.batch(validation.spread(VALIDATION_WINDOWS)))

    sizes = baselines.sizes(settings, chosen)
    model = baselines.NETWORKS[chosen.network](**sizes)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        drawn = train.batch(train.random(size, generator))
        drawn["motion"] = vary(drawn["motion"], settings.variation, settings.motion.fps, generator)
        return to_tensors(drawn)

    model.standard.fit(batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"])
    before = weights.start_from(settings.training.start_from, name, model, chosen.network)

    def validate(model: baselines.Model) -> dict[str, float]:
        device = model.standard.mean.device
        windows = zip(held_out["spectrogram"], held_out["motion"], strict=True)
        errors = [model(sound[None].to(device), body[None].to(device))["loss"].item() for sound, body in windows]
        return {"choose_mse": float(np.mean(errors))}

    data, precision = (SPECTROGRAMS, MOTION, SPLITS), settings.compute.precision
    inputs = (settings.seed, precision, chosen, settings.variation, settings.windows, *data, *before)
    folder = work.WORK / name / work.key(__file__, *inputs)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config(chosen.network, precision, sizes)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
