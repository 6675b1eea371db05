"""How much is left when the movement is seen less well, or is somebody else's: metrics/foley_music/degraded.csv.

A variant is sampled for the same test windows in the conditions of the paper's pipeline (`pipeline.evaluation.degraded`).
"""

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.compute import determinism, parallel
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SPLITS
from pipeline.dataset.windows import to_tensors
from pipeline.errors import run
from pipeline.evaluation.degraded import cases
from pipeline.evaluation.rows import mean
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import note_table
from pipeline.sampling import event_sampler
from pipeline.training import weights
from systems.foley_music import examples, paths, rows
from systems.foley_music.params import variant


def main(name: str = "") -> None:
    settings, code = params.load(), variant(name).code
    determinism.prepare(settings.seed, threads=1)  # as in each batch
    duration_s, size = settings.windows.duration_s, settings.generate.batch
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    figures_of = [f"{figure}{control}" for figure in rows.JUDGED for control in ("", "_shuffled")]
    if not (tracks := rows.judged(split.tracks(SPLITS, "test"))):
        pd.DataFrame(columns=["seen", "amount", *figures_of]).to_csv(paths.FIGURES / "degraded.csv", index=False)
        return
    windows = examples.as_generated(tracks, settings)
    places = windows.spread(settings.degrade.windows)
    asked = examples.notes_at(windows, places, note_table.read(paths.NOTES), duration_s)
    true, made = [rows.table(notes) for notes in asked], list(cases(windows, places, settings))
    firsts = range(0, len(places), size)
    calls = [(name, first, motion[first : first + size]) for _, _, motion in made for first in firsts]
    parts = parallel.each(write, calls, determinism.backend(settings.compute.backend))
    table = []
    for seen, amount, _ in tqdm(made, "degrade", unit=" case"):
        tokens = np.concatenate([next(parts) for _ in firsts])
        written = [rows.table(event_sampler.notes(each, code, duration_s)) for each in tokens]
        figures = rows.compared(places, true, written, None, settings.evaluate.onset_tolerance_s)
        table.append({"seen": seen, "amount": amount, **{name: mean(figures[name].dropna()) for name in figures_of}})
    pd.DataFrame(table).to_csv(paths.FIGURES / "degraded.csv", index=False, float_format="%.4g")


def write(name: str, first: int, motion: np.ndarray) -> np.ndarray:
    """Tokens for some movements [windows, frames, joints, 2]: int16 [windows, longest].

    Args:
        first: number of the first window.
    """
    settings = params.load()
    determinism.prepare(settings.seed, threads=1)  # one process for each core
    model = weights.load(MODELS / name, {"event_transformer": EventTransformer}).to(determinism.device())
    seed = int(np.random.default_rng((settings.seed, first)).integers(2**63))  # the same random numbers in every case
    generator = torch.Generator(determinism.device()).manual_seed(seed)
    return event_sampler.sample(model, to_tensors({"motion": motion})["motion"].to(determinism.device()), generator)


if __name__ == "__main__":
    run(main)
