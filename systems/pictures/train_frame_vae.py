"""Train a variant of the frame VAE on pictures of the training tracks, and of further players: models/frame_vae_<variant>/."""

import numpy as np
import torch

from pipeline import params as shared
from pipeline.compute import determinism, work
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.windows import Batch
from pipeline.errors import run
from pipeline.models.frame_vae import FrameVAE
from pipeline.training import loop, weights
from systems.pictures import examples, params, paths
from systems.separation import params as separation

VALIDATION = 256  # pictures


def main(name: str = "") -> None:
    settings, own, chosen = shared.load(), params.load(), params.variant(name)
    determinism.prepare(settings.seed)
    train = examples.seen(examples.of_part("train"), settings, own, more=True, unheard=True)
    held_out = examples.seen(examples.of_part("choose"), settings, own)
    moves = examples.moving(train)
    spread = np.linspace(0, len(held_out.pictures) - 1, min(VALIDATION, len(held_out.pictures))).astype(int)
    watched = examples.to_tensor(held_out.pictures[spread])
    sizes = {"size_px": separation.load().pictures.size_px, **chosen.model_dump(exclude={"training"})}
    model = FrameVAE(**sizes)
    if chosen.principal:
        model.fit(examples.to_tensor(train.pictures[:: own.evaluation.pca_every]), settings.seed)

    def batch(generator: np.random.Generator) -> Batch:
        rows = generator.integers(len(train.pictures), size=chosen.training.batch)
        moving = torch.from_numpy(moves[train.track[rows]])
        return {"pictures": examples.to_tensor(train.pictures[rows]), "moving": moving}

    def validate(model: FrameVAE) -> dict[str, float]:
        pictures = watched.to(model.to_latent.weight.device)
        return {"choose_error": float((model.decode(model.encode(pictures)[0]) - pictures).square().mean())}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, own.hearing)
    folder = work.WORK / f"frame_vae_{name}" / work.key(__file__, *inputs, SPLITS, paths.FRAMES, paths.MORE_FRAMES)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config("frame_vae", precision, sizes)
    loop.finish(model, config, history, name=paths.vae(name).name, folder=folder)


if __name__ == "__main__":
    run(main)
