"""Train a prior on random windows of codes, movement and, with content, notes of the training tracks: models/<variant>/."""

from pathlib import Path

import numpy as np
from torch import nn

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.tensors import Batch, to_tensors
from pipeline.dataset.windows import Windows
from pipeline.errors import run
from pipeline.training import loop, priors

VALIDATION_WINDOWS = 64


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen = params.variant(settings.variants.prior, name)
    sources = priors.sources(settings, chosen)
    if chosen.content and sources["notes"].shards.index.empty:
        loop.skip(name, "it reads notes, and the corpus has no MIDI", ("loss", "nll", "test_nll"))
        return
    learnt = sources | (priors.onset_strength(settings) if chosen.onset_weight else {})
    train, test = (
        Windows(here, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for here, part in ((learnt, "train"), (sources, "test"))
    )
    held_out = to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))
    model, config = priors.make(chosen, settings)

    def batch(generator: np.random.Generator) -> Batch:
        return to_tensors(train.batch(train.random(chosen.training.batch, generator)))

    def validate(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in held_out.items()})  # type: ignore[operator]
        return {"test_nll": nll.mean().item()}

    data = [Path("data/splits.parquet"), *(source.shards.folder for source in sources.values())]
    folder = work.WORK / name / work.key(__file__, settings.seed, chosen, settings.windows, *data)
    history = loop.train(model, batch, validate, chosen.training, seed=settings.seed, folder=folder)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
