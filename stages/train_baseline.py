"""Train a baseline, movement to spectrogram without codes, on random windows of the training tracks: models/<name>/."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from pipeline import determinism, params, split, training, work
from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.models.graph_transformer import GraphTransformer
from pipeline.models.rnn_seq2seq import RNNSeq2Seq
from pipeline.shards import Shards
from pipeline.windows import Source, Windows
from stages import run

VALIDATION_WINDOWS = 64
START_WINDOWS = 64  # to take the mean and the standard deviation from


def main(name: str) -> None:
    settings = params.load()
    baseline = params.variant(settings.variants.baseline, name)
    determinism.prepare(settings.seed)
    sources = {
        "spectrogram": Source(Shards("data/spectrograms"), "spectrogram", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }
    train, test = (
        Windows(sources, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    held_out = training.to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))

    config = {key: value for key, value in asdict(baseline).items() if key not in ("network", "training")}
    config |= {"bins": settings.audio.n_fft // 2, "joints": JOINTS}
    model: RNNSeq2Seq | GraphTransformer
    if baseline.network == "rnn":
        del config["heads"]  # it has no attention
        model = RNNSeq2Seq(**config)
    else:
        config["edges"] = BONES
        model = GraphTransformer(**config)

    def batch(generator: np.random.Generator, size: int = baseline.training.batch) -> training.Batch:
        return training.to_tensors(train.batch(train.random(size, generator)))

    def before_step(model: nn.Module, step: int) -> None:
        assert isinstance(model, RNNSeq2Seq | GraphTransformer)
        if step == 0:
            windows = batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]
            model.standardise(windows.to(model.mean.device))

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, RNNSeq2Seq | GraphTransformer)
        device = model.mean.device
        windows = zip(held_out["spectrogram"], held_out["motion"], strict=True)
        errors = [model(sound[None].to(device), body[None].to(device))["loss"].item() for sound, body in windows]
        return {"test_mse": float(np.mean(errors))}

    data = (Path("data/spectrograms"), Path("data/motion"), Path("data/splits.parquet"))
    folder = work.WORK / "train_baseline" / work.key(name, settings.seed, baseline, settings.windows, *data)
    history = training.train(
        model, batch, validate, baseline.training, seed=settings.seed, folder=folder, before_step=before_step
    )
    training.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
