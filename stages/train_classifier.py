"""Train the judge that tells instruments by their sound, on random windows of the training tracks: models/classifier/.

It learns from recorded windows alone and judges generated ones in the evaluation. Where a corpus does not name at least two
instruments to learn, the folder stays empty and the evaluation does without it.
"""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.corpus.track import UNKNOWN
from pipeline.dataset.shards import Shards
from pipeline.dataset.tensors import Batch, to_tensors
from pipeline.dataset.windows import Source, Windows
from pipeline.errors import run
from pipeline.models.classifier import Classifier, pool
from pipeline.training import loop

MODEL = Path("models/classifier")
HISTORY = Path("metrics/history_classifier.csv")
VALIDATION_WINDOWS = 128
START_WINDOWS = 64  # that the mean and the standard deviation come from


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    splits = pd.read_parquet("data/splits.parquet").set_index("track").sort_index()
    of_track = splits.instrument[splits.instrument != UNKNOWN]
    instruments = sorted(set(of_track[splits.part == "train"]))
    of_track = of_track[of_track.isin(instruments)]
    tracks = {part: list(of_track.index[splits.part[of_track.index] == part]) for part in ("train", "test")}
    if len(instruments) < 2 or not tracks["test"]:
        leave_empty(
            f"the corpus names {len(instruments)} instruments to learn and {len(tracks['test'])} tracks to test them"
        )
        return

    source = {"spectrogram": Source(Shards("data/spectrograms"), "spectrogram", settings.audio.fps)}
    train, test = (Windows(source, tracks[part], settings.windows.duration_s) for part in ("train", "test"))

    def labelled(windows: Windows, places: list[tuple[str, int]]) -> Batch:
        labels = np.array([instruments.index(of_track[track]) for track, _ in places])
        return to_tensors(windows.batch(places) | {"instrument": labels})

    held_out = labelled(test, test.spread(VALIDATION_WINDOWS))
    config = {name: value for name, value in asdict(settings.classifier).items() if name != "training"}
    config |= {"bins": settings.audio.n_fft // 2, "instruments": instruments}
    model = Classifier(**config)

    def batch(generator: np.random.Generator, size: int = settings.classifier.training.batch) -> Batch:
        return labelled(train, train.random(size, generator))

    model.standard.fit(pool(batch(np.random.default_rng(settings.seed), START_WINDOWS)["spectrogram"]))

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, Classifier)
        heard = torch.cat(
            [model.logits(part.to(model.standard.mean.device)).argmax(1) for part in held_out["spectrogram"].split(16)]
        )
        return {"test_accuracy": (heard.cpu() == held_out["instrument"]).double().mean().item()}

    data = (Path("data/spectrograms"), Path("data/splits.parquet"))
    folder = (
        work.WORK / "train_classifier" / work.key(__file__, settings.seed, settings.classifier, settings.windows, *data)
    )
    history = loop.train(model, batch, validate, settings.classifier.training, seed=settings.seed, folder=folder)
    loop.finish(model, config, history, name="classifier", folder=folder)


def leave_empty(reason: str) -> None:
    """An empty folder and a history without rows, so that nothing of an earlier run is taken for a judge of this corpus."""
    shutil.rmtree(MODEL, ignore_errors=True)
    MODEL.mkdir(parents=True)
    HISTORY.parent.mkdir(exist_ok=True)
    pd.DataFrame(columns=["step", "loss", "accuracy", "test_accuracy"]).to_csv(HISTORY, index=False)
    print(f"no classifier: {reason}; samples are not judged by instrument")


if __name__ == "__main__":
    run(main)
