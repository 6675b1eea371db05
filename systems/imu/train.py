"""Train an event transformer on random windows of sensors, worn in varied ways, and their notes: models/<variant>/."""

from dataclasses import asdict

import numpy as np

from pipeline import params
from pipeline.compute import determinism, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Batch, to_tensors
from pipeline.errors import run
from pipeline.models.event_transformer import EventTransformer
from pipeline.models.sensor_encoders import READ
from pipeline.notes import note_table
from pipeline.training import loop, weights
from systems.foley_music import examples as of_notes
from systems.foley_music import paths as notes_at
from systems.imu import examples, paths
from systems.imu.params import load, variant

VALIDATION_WINDOWS = 64


def main(name: str = "") -> None:
    settings, system, chosen = params.load(), load(), variant(name)
    determinism.prepare(settings.seed)
    training = system.training.of(chosen.steps)
    code, duration_s, fps = system.decoder.code, settings.windows.duration_s, settings.motion.fps
    notes, more_notes = note_table.read(notes_at.NOTES), note_table.read(notes_at.MORE_NOTES)
    more = int(system.more_share * training.batch) if more_notes else 0
    of_tracks = notes.keys() & set(split.tracks(SPLITS, "train"))
    parts = [(examples.on_sensors(Shards(paths.TRACKS), of_tracks, settings), notes, training.batch - more)]
    if more:
        parts.append((examples.on_sensors(Shards(paths.MORE_PLAYERS), more_notes, settings), more_notes, more))
    validation = examples.as_generated(split.validation(SPLITS), settings)
    held_out = validation.spread(VALIDATION_WINDOWS)
    rows, clock_s = of_notes.tokens(of_notes.notes_at(validation, held_out, notes, duration_s), code, duration_s)
    readings = validation.batch(held_out)["sensors"]
    watched = to_tensors({"tokens": rows, "clock_s": clock_s, "motion": readings})
    sizes = {
        "tokens": code.tokens,
        "code": asdict(code),
        "joints": READ,
        "edges": [],
        "fps": fps,
        "timed": True,
        **chosen.model_dump(exclude={"steps", "worn"}),
        **system.decoder.model_dump(exclude={"velocity_steps", "longest"}),
    }
    model = EventTransformer(**sizes)

    def batch(generator: np.random.Generator) -> Batch:
        drawn, asked = [], []
        for windows, of, size in parts:
            places = windows.random(size, generator)
            drawn.append(windows.batch(places)["sensors"])
            asked += of_notes.notes_at(windows, places, of, duration_s)
        worn = examples.wear(np.concatenate(drawn), system.wearing, generator)
        rows, clock_s = of_notes.tokens(asked, code, duration_s)
        near = of_notes.onsets(asked, worn.shape[1], fps)
        return to_tensors({"tokens": rows, "clock_s": clock_s, "motion": worn, "onsets": near})

    def validate(model: EventTransformer) -> dict[str, float]:
        device = model.head.weight.device
        nll = model.nll(**{name: tensor.to(device) for name, tensor in watched.items()})
        return {"choose_nll": (nll.sum() / (watched["tokens"] != code.padding).sum()).item()}

    precision = settings.compute.precision
    inputs = (settings.seed, precision, chosen, system, settings.windows, fps)
    data = (SPLITS, paths.TRACKS, paths.MORE_PLAYERS, notes_at.NOTES, notes_at.MORE_NOTES)
    folder = work.WORK / name / work.key(__file__, *inputs, *data)
    history = loop.train(model, batch, validate, training, seed=settings.seed, precision=precision, folder=folder)
    loop.finish(model, weights.Config("event_transformer", precision, sizes), history, name=name, folder=folder)


if __name__ == "__main__":
    run(main)
