"""Train the judge of instruments on recorded pictures of the training tracks alone: models/picture_judge/, for the evaluation."""

import numpy as np
import torch

from pipeline import params as shared
from pipeline.compute import determinism, work
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.windows import Batch
from pipeline.errors import run
from pipeline.evaluation.rows import instrument_of
from pipeline.models.picture_classifier import PictureClassifier
from pipeline.training import loop, weights
from systems.pictures import examples, params, paths
from systems.separation import params as separation


def main() -> None:
    settings, own = shared.load(), params.load()
    chosen = own.judge
    determinism.prepare(settings.seed)
    instruments = instrument_of()
    train = examples.seen(examples.of_part("train"), settings, own)
    held_out = examples.seen(examples.of_part("choose"), settings, own)
    names = sorted({instruments[name] for name in train.names})
    known = np.array([instruments[name] in names for name in held_out.names])[held_out.track]

    def classes(seen: examples.Seen, rows: np.ndarray) -> torch.Tensor:
        return torch.tensor([names.index(instruments[seen.names[track]]) for track in seen.track[rows]])

    rows = np.flatnonzero(known)
    watched = {"pictures": examples.to_tensor(held_out.pictures[rows]), "instrument": classes(held_out, rows)}
    sizes = {
        "size_px": separation.load().pictures.size_px,
        "instruments": names,
        **chosen.model_dump(include={"channels", "dropout"}),
    }
    model = PictureClassifier(**sizes)

    def batch(generator: np.random.Generator) -> Batch:
        rows = generator.integers(len(train.pictures), size=chosen.training.batch)
        painted = examples.repainted(train.pictures[rows], chosen, generator)
        return {"pictures": examples.to_tensor(painted), "instrument": classes(train, rows)}

    def validate(model: PictureClassifier) -> dict[str, float]:
        found = model(**{name: tensor.to(model.head.weight.device) for name, tensor in watched.items()})
        return {f"choose_{name}": value.item() for name, value in found.items()}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, own.hearing)
    folder = work.WORK / paths.JUDGE.name / work.key(__file__, *inputs, SPLITS, paths.FRAMES)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config("picture_classifier", precision, sizes)
    loop.finish(model, config, history, name=paths.JUDGE.name, folder=folder)


if __name__ == "__main__":
    run(main)
