"""Train a prior on random windows of codes, varied movement and, with content, notes of the training tracks: models/<variant>/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SPLITS
from pipeline.dataset.windows import Batch, Windows, to_tensors
from pipeline.errors import run
from pipeline.keypoints.variation import vary
from pipeline.training import loop, priors, weights

VALIDATION_WINDOWS = 64


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen = params.variant(settings.variants.prior, name)
    sources = priors.sources(settings, chosen)
    if chosen.content and sources["notes"].shards.index.empty:
        loop.skip(name, "it reads notes, and the corpus has no MIDI", ("loss", "nll", "choose_nll"))
        return
    train = Windows(sources, split.tracks(SPLITS, "train"), settings.windows.duration_s)
    validation = Windows(sources, split.validation(SPLITS), settings.windows.duration_s)
    held_out = to_tensors(validation.batch(validation.spread(VALIDATION_WINDOWS)))
    model, sizes = priors.untrained(settings, chosen)
    before = weights.start_from(settings.training.start_from, name, model, chosen.network)
    priors.hold_reader(model)

    def batch(generator: np.random.Generator) -> Batch:
        drawn = train.batch(train.random(chosen.training.batch, generator))
        drawn["motion"] = vary(drawn["motion"], chosen.variation, settings.motion.fps, generator)
        return to_tensors(drawn)

    def validate(model: priors.Model) -> dict[str, float]:
        device = next(model.parameters()).device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in held_out.items()})
        return {"choose_nll": nll.mean().item()}

    data = [SPLITS, *(source.shards.folder for source in sources.values())]
    if chosen.network == "mi_net_sync":
        data.append(MODELS / "reader" / "weights.safetensors")
    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, settings.windows, *data, *before)
    folder = work.WORK / name / work.key(__file__, *inputs)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config(chosen.network, precision, sizes)
    loop.finish(model, config, history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
