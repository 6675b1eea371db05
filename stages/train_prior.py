"""Train the prior on random windows of codes and movement of the training tracks: models/mi_net/."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from pipeline import determinism, params, split, training, work
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.prior import Prior
from pipeline.shards import Shards
from pipeline.windows import Source, Windows
from stages import run

VALIDATION_WINDOWS = 64


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    sources = {
        "codes": Source(Shards("data/codes"), "codes", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }
    train, test = (
        Windows(sources, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    held_out = training.to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))

    config = {name: value for name, value in asdict(settings.prior).items() if name != "training"}
    config |= {"codes": settings.vqvae.codes, "joints": JOINTS}
    model = Prior(**config)

    def batch(generator: np.random.Generator) -> training.Batch:
        return training.to_tensors(train.batch(train.random(settings.prior.training.batch, generator)))

    def validate(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        return {"test_nll": model(**{name: tensor.to(device) for name, tensor in held_out.items()})["loss"].item()}

    data = (Path("data/codes"), Path("data/motion"), Path("data/splits.parquet"))
    folder = work.WORK / "train_prior" / work.key(settings.seed, settings.prior, settings.windows, *data)
    history = training.train(model, batch, validate, settings.prior.training, seed=settings.seed, folder=folder)
    training.finish(model, config, history, name="mi_net", folder=folder)


if __name__ == "__main__":
    run(main)
