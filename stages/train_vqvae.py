"""Train a VQ-VAE on random windows of spectrograms, of the training tracks and of more players, if any: models/<variant>/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MORE_PLAYERS, SPECTROGRAMS, SPLITS
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
    tracks, others = Shards(SPECTROGRAMS), Shards(MORE_PLAYERS / "spectrograms")

    def windows(shards: Shards, names: list[str]) -> Windows:
        sources = {"spectrogram": Source(shards, "spectrogram", settings.audio.fps)}
        return Windows(sources, names, settings.windows.duration_s)

    train, validation = windows(tracks, split.tracks(SPLITS, "train")), windows(tracks, split.validation(SPLITS))
    more = None if others.index.empty else windows(others, list(others.index.index))
    held_out = to_tensors(validation.batch(validation.spread(VALIDATION_WINDOWS)))["spectrogram"]

    sizes = {"bins": settings.audio.n_fft // 2, **chosen.model_dump(exclude={"training", "codebook_after"})}
    model = VQVAE(**sizes)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        of_others = 0 if more is None else round(settings.more_players.music_share * size)
        drawn = [train.batch(train.random(size - of_others, generator))]
        if more is not None and of_others:
            drawn.append(more.batch(more.random(of_others, generator)))
        return to_tensors({"spectrogram": np.concatenate([each["spectrogram"] for each in drawn])})

    start = batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]
    model.standard.fit(start)
    before = weights.start_from(settings.training.start_from, name, model, "vqvae")

    def before_step(model: VQVAE, step: int) -> None:
        if step == chosen.codebook_after and not before:
            model.init_codebook(start.to(model.codebook.codes.device))

    def validate(model: VQVAE) -> dict[str, float]:
        device = model.codebook.codes.device
        errors = [model(window[None].to(device))["mse"].item() for window in held_out]
        return {"choose_mse": float(np.mean(errors))}

    precision = settings.compute.precision
    data = (SPLITS, SPECTROGRAMS, others.folder)
    inputs = (settings.seed, precision, chosen, settings.more_players, settings.windows, *data)
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
