"""Train the listener on pictures of the training tracks, and of further players, with the sound around each: models/listener/."""

import numpy as np
import torch

from pipeline import params as shared
from pipeline.compute import determinism, work
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.windows import Batch
from pipeline.errors import run
from pipeline.evaluation.rows import in_batches
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.training import loop, weights
from systems.pictures import examples, params, paths

VALIDATION = 256  # windows
UNITS = 2048  # windows from which the units of the sound are taken


def main() -> None:
    settings, own = shared.load(), params.load()
    chosen = own.listener
    determinism.prepare(settings.seed)
    vae = weights.load(paths.vae(chosen.vae), {"frame_vae": FrameVAE})
    train = examples.seen(examples.of_part("train"), settings, own, more=True)
    held_out = examples.seen(examples.of_part("choose"), settings, own)
    latents = torch.from_numpy(encoded(vae, train.pictures))
    spread = np.linspace(0, len(held_out.pictures) - 1, min(VALIDATION, len(held_out.pictures))).astype(int)
    watched = {
        "sound": torch.from_numpy(held_out.windows(spread)),
        "latent": torch.from_numpy(encoded(vae, held_out.pictures[spread])),
    }
    kept = {"fps", "memory", "lingers_s", "travels_s", "pulse"}
    sizes = {
        "bands": own.hearing.bands,
        "lowest_hz": own.hearing.lowest_hz,
        "frames": train.frames,
        "latent": vae.latent,
        "vae": paths.vae(chosen.vae).name,
        **chosen.model_dump(include={"channels", "layers", "dropout", "contrast_weight"} | kept),
    }
    model = Listener(**sizes)

    def batch(generator: np.random.Generator, size: int = chosen.training.batch) -> Batch:
        rows = generator.integers(len(train.pictures), size=size)
        heard = examples.vary_sound(train.windows(rows), own.varied, settings.audio, generator)
        return {"sound": torch.from_numpy(heard), "latent": latents[torch.from_numpy(rows)]}

    model.standard.fit(batch(np.random.default_rng(settings.seed), UNITS)["sound"])

    def validate(model: Listener) -> dict[str, float]:
        found = model(**{name: tensor.to(model.head.weight.device) for name, tensor in watched.items()})
        return {f"choose_{name}": found[name].item() for name in ("nll", "contrast")}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, own.hearing, own.varied, settings.audio)
    data = (SPLITS, paths.FRAMES, paths.MORE_FRAMES, paths.BANDS, paths.MORE_BANDS)
    made_of = paths.vae(chosen.vae) / "weights.safetensors"
    folder = work.WORK / "listener" / work.key(__file__, *inputs, *data, made_of)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    loop.finish(model, weights.Config("listener", precision, sizes), history, name="listener", folder=folder)


def encoded(vae: FrameVAE, pictures: np.ndarray) -> np.ndarray:
    """The mean latents, float32 [rows, latent], of pictures uint8 [rows, size, size, 3]."""
    vae = vae.to(determinism.device())
    parts = np.array_split(pictures, -(-len(pictures) // UNITS))
    return np.concatenate([in_batches(lambda part: vae.encode(part)[0], examples.to_tensor(part)) for part in parts])


if __name__ == "__main__":
    run(main)
