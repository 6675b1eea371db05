"""Train the classifier of instruments on random recorded windows of the training tracks: models/classifier/.

It judges generated windows in the evaluation. If the corpus names fewer than two instruments, the folder stays empty and
the evaluation goes without a classifier.
"""

import numpy as np
import pandas as pd
import torch

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.corpus.track import UNKNOWN
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.errors import run
from pipeline.models.classifier import Classifier, pool
from pipeline.training import loop, weights

VALIDATION_WINDOWS = 128
START_WINDOWS = 64  # for the mean and the standard deviation


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    splits = pd.read_parquet(SPLITS).set_index("track").sort_index()
    of_track = splits.instrument[splits.instrument != UNKNOWN]
    instruments = sorted(set(of_track[splits.part == "train"]))
    of_track = of_track[of_track.isin(instruments)]
    training = [track for track in split.tracks(SPLITS, "train") if track in of_track]
    unseen = [track for track in split.validation(SPLITS) if track in of_track]
    if len(instruments) < 2 or not unseen:
        there = f"instruments to learn: {len(instruments)}, tracks to try them on: {len(unseen)}"
        why = f"{there}; samples are not judged by instrument"
        loop.skip("classifier", why, ("loss", "accuracy", "choose_accuracy"))
        return

    source = {"spectrogram": Source(Shards(SPECTROGRAMS), "spectrogram", settings.audio.fps)}
    train, validation = (Windows(source, names, settings.windows.duration_s) for names in (training, unseen))

    def labelled(windows: Windows, places: list[tuple[str, int]]) -> Batch:
        labels = np.array([instruments.index(of_track[track]) for track, _ in places])
        return to_tensors(windows.batch(places) | {"instrument": labels})

    held_out = labelled(validation, validation.spread(VALIDATION_WINDOWS))
    sizes = settings.classifier.model_dump(exclude={"training"})
    sizes |= {"bins": settings.audio.n_fft // 2, "instruments": instruments}
    model = Classifier(**sizes)

    def batch(generator: np.random.Generator, size: int = settings.classifier.training.batch) -> Batch:
        return labelled(train, train.random(size, generator))

    model.standard.fit(pool(batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]))

    def validate(model: Classifier) -> dict[str, float]:
        heard = torch.cat(
            [model.logits(part.to(model.standard.mean.device)).argmax(1) for part in held_out["spectrogram"].split(16)]
        )
        return {"choose_accuracy": (heard.cpu() == held_out["instrument"]).double().mean().item()}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, settings.classifier, settings.windows, SPECTROGRAMS, SPLITS)
    folder = work.WORK / "train_classifier" / work.key(__file__, *inputs)
    history = loop.train(
        model,
        batch,
        validate,
        settings.classifier.training,
        seed=settings.seed,
        precision=precision,
        folder=folder,
    )
    config = weights.Config("classifier", precision, sizes)
    loop.finish(model, config, history, name="classifier", folder=folder)


if __name__ == "__main__":
    run(main)
