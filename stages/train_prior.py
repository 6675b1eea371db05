"""Train a prior on random windows of codes, movement and, with content, notes of the training tracks: models/<variant>/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.windows import Batch, Windows, to_tensors
from pipeline.errors import run
from pipeline.training import loop, priors, weights

VALIDATION_WINDOWS = 64


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen = params.variant(settings.variants.prior, name)
    sources = priors.sources(settings, chosen)
    if chosen.content and sources["notes"].shards.index.empty:
        loop.skip(name, "it reads notes, and the corpus has no MIDI", ("loss", "nll", "test_nll"))
        return
    tracks = {part: split.tracks(SPLITS, part) for part in ("train", "test")}
    train = Windows(priors.training_sources(settings, chosen), tracks["train"], settings.windows.duration_s)
    test = Windows(sources, tracks["test"], settings.windows.duration_s)
    held_out = to_tensors(test.batch(test.spread(VALIDATION_WINDOWS)))
    sizes = priors.sizes(settings, chosen, tracks["train"])
    model = priors.NETWORKS[chosen.network](**sizes)

    def batch(generator: np.random.Generator) -> Batch:
        return to_tensors(train.batch(train.random(chosen.training.batch, generator)))

    def validate(model: priors.Model) -> dict[str, float]:
        device = next(model.parameters()).device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in held_out.items()})
        return {"test_nll": nll.mean().item()}

    data = [SPLITS, *(source.shards.folder for source in sources.values())]
    precision = settings.compute.precision
    folder = work.WORK / name / work.key(__file__, settings.seed, precision, chosen, settings.windows, *data)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config(chosen.network, precision, sizes)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
