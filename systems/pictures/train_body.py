"""Train the body, which moves to what it hears, on the training tracks and on further players: models/audio_to_body/."""

import numpy as np

from pipeline import params as shared
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, Source, Windows, to_tensors
from pipeline.errors import run
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.audio_to_body import AudioToBody
from pipeline.training import loop, weights
from systems.pictures import examples, params, paths

VALIDATION = 32  # windows
UNITS = 256  # windows from which the units of sound and movement are taken


def main() -> None:
    settings, own = shared.load(), params.load()
    chosen = own.body
    determinism.prepare(settings.seed)

    def windows(names: list[str], motion: Shards, sound: Shards) -> Windows:
        sources = {
            "sound": Source(sound, "sound", settings.audio.fps),
            "motion": Source(motion, "motion", settings.motion.fps, between=True),
        }
        return Windows(sources, names, chosen.duration_s)

    recorded = Shards(MOTION), Shards(paths.BANDS)
    others = Shards(MORE_PLAYERS / "motion"), Shards(paths.MORE_BANDS)
    parts = [(windows(split.tracks(SPLITS, "train"), *recorded), chosen.training.batch)]
    if not others[0].index.empty:
        more = round(chosen.more_share * chosen.training.batch)
        parts = [(parts[0][0], chosen.training.batch - more), (windows(list(others[0].index.index), *others), more)]
    held_out = windows(split.validation(SPLITS), *recorded)

    def drawn(sizes: list[int], generator: np.random.Generator) -> dict[str, np.ndarray]:
        found = [each.batch(each.random(size, generator)) for (each, _), size in zip(parts, sizes, strict=True) if size]
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def batch(generator: np.random.Generator) -> Batch:
        found = drawn([size for _, size in parts], generator)
        found["sound"] = examples.vary_sound(found["sound"], own.varied, settings.audio, generator)
        return to_tensors(found)

    watched = to_tensors(held_out.batch(held_out.spread(VALIDATION)))
    sizes = {
        "bands": own.hearing.bands,
        "lowest_hz": own.hearing.lowest_hz,
        "joints": JOINTS,
        "fps": settings.motion.fps,
        **chosen.model_dump(exclude={"training", "duration_s", "more_share"}),
    }
    model = AudioToBody(**sizes)
    generator = np.random.default_rng(settings.seed)
    units = drawn([UNITS // len(parts)] * len(parts), generator)
    units["sound"] = examples.vary_sound(units["sound"], own.varied, settings.audio, generator)
    model.standard.fit(to_tensors(units)["sound"])
    model.fit(to_tensors(units)["motion"])

    def validate(model: AudioToBody) -> dict[str, float]:
        found = model(**{name: tensor.to(model.mean.device) for name, tensor in watched.items()})
        return {f"choose_{name}": found[name].item() for name in ("position", "velocity")}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, own.hearing, own.varied, settings.audio, settings.motion.fps)
    data = (SPLITS, MOTION, MORE_PLAYERS / "motion", paths.BANDS, paths.MORE_BANDS)
    folder = work.WORK / paths.BODY.name / work.key(__file__, *inputs, *data)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    config = weights.Config("audio_to_body", precision, sizes)
    loop.finish(model, config, history, name=paths.BODY.name, folder=folder)


if __name__ == "__main__":
    run(main)
