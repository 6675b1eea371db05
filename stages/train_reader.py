"""Train the movement reader on varied movement of the training tracks, and of more players where there are any: models/reader/."""

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import CODES, MORE_PLAYERS, MOTION, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.errors import run
from pipeline.keypoints.skeleton import JOINTS
from pipeline.keypoints.variation import vary
from pipeline.models.movement_reader import MovementReader
from pipeline.training import loop, weights

VALIDATION_WINDOWS = 64


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, training = settings.reader, split.tracks(SPLITS, "train")

    sound, motion, others = Shards(CODES), Shards(MOTION), Shards(MORE_PLAYERS / "motion")

    def windows(motion: Shards, names: list[str]) -> Windows:
        sources = {
            "codes": Source(sound, "codes", settings.audio.fps),
            "motion": Source(motion, "motion", settings.motion.fps, between=True),
            "onset_strength": Source(sound, "onset_strength", settings.audio.fps),
        }
        return Windows(sources, names, settings.windows.duration_s)

    train, validation = windows(motion, training), windows(motion, split.validation(SPLITS))
    parts = [(train, chosen.training.batch)]
    if not others.index.empty:
        more = int(settings.more_players.share * chosen.training.batch)
        parts = [(train, chosen.training.batch - more), (windows(others, list(others.index.index)), more)]
    held_out = to_tensors(validation.batch(validation.spread(VALIDATION_WINDOWS)))
    strength = np.concatenate([sound.rows("onset_strength", track) for track in training if track in sound])
    sizes = {
        "codes": settings.vqvae.codes,
        "joints": JOINTS,
        **chosen.model_dump(exclude={"training", "variation"}),
        "onset_scale": max(float(strength.std(dtype=np.float64)), 1e-6),
    }
    model = MovementReader(**sizes)
    before = weights.start_from(settings.training.start_from, "reader", model, "reader")

    def batch(generator: np.random.Generator) -> Batch:
        drawn = [each.batch(each.random(size, generator)) for each, size in parts if size]
        joined = {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}
        joined["motion"] = vary(joined["motion"], chosen.variation, settings.motion.fps, generator)
        return to_tensors(joined)

    def validate(model: MovementReader) -> dict[str, float]:
        device = model.onset.weight.device
        found = model(**{name: tensor.to(device) for name, tensor in held_out.items()})
        return {f"choose_{name}": found[name].item() for name in ("onset_error", "code_nll")}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, settings.more_players, settings.windows)
    data = (SPLITS, CODES, MOTION, others.folder)
    folder = work.WORK / "reader" / work.key(__file__, *inputs, *data, *before)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    loop.finish(model, weights.Config("reader", precision, sizes), history, name="reader", folder=folder)


if __name__ == "__main__":
    run(main)
