"""Evaluate a variant on the test tracks: metrics/foley_music/<variant>.json, and evaluations/foley_music/<variant>/."""

import numpy as np
import torch

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, to_tensors
from pipeline.errors import run
from pipeline.evaluation import body_states
from pipeline.evaluation.rows import Metrics, in_batches, mean, others
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import note_table
from pipeline.notes.events import Code
from pipeline.sampling import event_sampler
from pipeline.training import weights
from systems.foley_music import examples, paths, rows


def main(name: str = "") -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    duration_s = settings.windows.duration_s
    model = weights.load(MODELS / name, {"event_transformer": EventTransformer}).to(determinism.device())
    code, samples = Code(**model.code), Shards(SAMPLES / name)
    index = samples.index[samples.index.source.isin(rows.judged(samples.index.source.unique()))]
    places = list(zip(index.source, index.source_start.tolist(), strict=True))
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    asked = examples.notes_at(windows, places, note_table.read(paths.NOTES), duration_s)

    def written(array: str) -> list[np.ndarray]:
        drawn = (samples.rows(array, sample) for sample in index.index)
        return [rows.table(event_sampler.notes(tokens, code, duration_s)) for tokens in drawn]

    true = [rows.table(notes) for notes in asked]
    metrics = rows.judge(name, places, true, written("tokens"), written("zeroed"), settings.evaluate.onset_tolerance_s)
    if places:
        tokens, clock_s = examples.tokens(asked, code, duration_s)
        motion = windows.batch(places)["motion"]
        metrics |= likelihoods(model, tokens, clock_s, motion, places, duration_s)
    rows.write(name, metrics | body_states.states(model.body_state, f"{paths.ROW}/{name}", settings))


def likelihoods(
    model: EventTransformer,
    tokens: np.ndarray,
    clock_s: np.ndarray,
    motion: np.ndarray,
    places: Places,
    duration_s: float,
) -> Metrics:
    """Negative log-likelihood in nats a token, and a second, since a second of one code has more tokens than of another."""
    batch = to_tensors({"tokens": tokens, "clock_s": clock_s, "motion": motion})
    order, moved = others(places)
    count = (tokens != model.padding).sum(1)
    metrics: Metrics = {}
    for control, shown, valid in (
        ("", motion, moved | True),
        ("_shuffled", motion[order], moved),
        ("_zeroed", None, moved | True),
    ):
        seen = torch.full((len(tokens),), float(shown is not None))
        moving = batch["motion"] if shown is None else to_tensors({"motion": shown})["motion"]
        nll = in_batches(model.nll, batch["tokens"], batch["clock_s"], moving, seen).sum(1)[valid]
        metrics[f"nll_token{control}"] = float(nll.sum() / count[valid].sum()) if valid.any() else None
        metrics[f"nll_second{control}"] = mean(nll / duration_s)
    return metrics


if __name__ == "__main__":
    run(main)
