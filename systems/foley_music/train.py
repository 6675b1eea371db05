"""Train an event transformer on random windows of varied movement and their notes: models/<variant>/."""

from dataclasses import asdict

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, to_tensors
from pipeline.errors import run
from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.keypoints.variation import vary
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import note_table
from pipeline.training import loop, weights
from systems.foley_music import examples, paths
from systems.foley_music.params import variant

VALIDATION_WINDOWS = 64
NOT_THE_MODELS = {"training", "more_share", "carry", "velocity_steps", "longest"}


def main(name: str = "") -> None:
    settings, chosen = params.load(), variant(name)
    determinism.prepare(settings.seed)
    code, duration_s, fps = chosen.code, settings.windows.duration_s, settings.motion.fps
    notes, more_notes = note_table.read(paths.NOTES), note_table.read(paths.MORE_NOTES)
    motion, others = Shards(MOTION), Shards(MORE_PLAYERS / "motion")

    train = examples.on_movement(motion, notes.keys() & set(split.tracks(SPLITS, "train")), settings)
    validation = examples.as_generated(sorted(notes.keys() & set(split.validation(SPLITS))), settings)
    parts = [(train, notes, chosen.training.batch)]
    if more_notes and (more := int(chosen.more_share * chosen.training.batch)):
        parts = [
            (train, notes, chosen.training.batch - more),
            (examples.on_movement(others, more_notes, settings), more_notes, more),
        ]
    held_out = validation.spread(VALIDATION_WINDOWS)
    asked = examples.notes_at(validation, held_out, notes, duration_s)
    if cut := sum(len(code.events(each, duration_s)) >= code.longest for each in asked):
        print(
            f"note: {cut} of {len(asked)} windows have more than {code.longest} tokens; raise `longest` to keep them all"
        )
    rows, clock_s = examples.tokens(asked, code, duration_s)
    watched = to_tensors({"tokens": rows, "clock_s": clock_s, "motion": validation.batch(held_out)["motion"]})
    sizes = {
        "tokens": code.tokens,
        "code": asdict(code),
        "joints": JOINTS,
        "edges": BONES,
        "fps": fps,
        **chosen.model_dump(exclude=NOT_THE_MODELS),
    }
    model = EventTransformer(**sizes)

    def batch(generator: np.random.Generator) -> Batch:
        movement, asked = [], []
        for windows, of, size in parts:
            places = windows.random(size, generator)
            movement.append(windows.batch(places)["motion"])
            asked += examples.notes_at(windows, places, of, duration_s)
        varied = vary(np.concatenate(movement), settings.variation, fps, generator)
        rows, clock_s = examples.tokens(asked, code, duration_s)
        arrays = {"tokens": rows, "clock_s": clock_s, "motion": varied}
        arrays["onsets"] = examples.onsets(asked, varied.shape[1], fps)
        if chosen.key:
            arrays["key"] = examples.keys(asked)
        return to_tensors(arrays)

    def validate(model: EventTransformer) -> dict[str, float]:
        device = model.head.weight.device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in watched.items()})
        return {"choose_nll": (nll.sum() / (watched["tokens"] != code.padding).sum()).item()}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, settings.variation, settings.windows, fps)
    data = (SPLITS, MOTION, others.folder, paths.NOTES, paths.MORE_NOTES)
    folder = work.WORK / name / work.key(__file__, *inputs, *data)
    history = loop.train(
        model, batch, validate, chosen.training, seed=settings.seed, precision=precision, folder=folder
    )
    loop.finish(model, weights.Config("event_transformer", precision, sizes), history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
