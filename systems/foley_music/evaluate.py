"""Evaluate a variant on the test tracks: metrics/foley_music/<variant>.json, and evaluations/foley_music/<variant>/."""

from collections.abc import Sequence

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
from pipeline.metrics import onset
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import note_table
from pipeline.notes.events import Code
from pipeline.notes.key import Key
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
        metrics |= likelihoods(model, tokens, clock_s, motion, places, duration_s, examples.keys(asked))
    if places and model.key is not None:
        numbers = samples.index.index.get_indexer(index.index).tolist()
        keys = [examples.key_asked(number) for number in numbers]
        metrics |= in_keys(keys, true, written("tokens"), written("keyed"), settings.evaluate.onset_tolerance_s)
    rows.write(name, metrics | body_states.states(model.body_state, f"{paths.ROW}/{name}", settings))


def likelihoods(
    model: EventTransformer,
    tokens: np.ndarray,
    clock_s: np.ndarray,
    motion: np.ndarray,
    places: Places,
    duration_s: float,
    keys: np.ndarray,
) -> Metrics:
    """Negative log-likelihood in nats a token, and a second, since a second of one code has more tokens than of another.

    Args:
        keys: float32 [windows, 12], the histograms of the true notes, which only the control `keyed` is told.
    """
    batch = to_tensors({"tokens": tokens, "clock_s": clock_s, "motion": motion})
    order, moved = others(places)
    count, all_windows = (tokens != model.padding).sum(1), moved | True
    metrics: Metrics = {}
    for control, shown, valid in (
        ("", motion, all_windows),
        ("_shuffled", motion[order], moved),
        ("_zeroed", None, all_windows),
        ("_keyed", motion, all_windows),
    ):
        if control == "_keyed" and model.key is None:
            continue
        seen = torch.full((len(tokens),), float(shown is not None))
        moving = batch["motion"] if shown is None else to_tensors({"motion": shown})["motion"]
        told = torch.from_numpy(keys if control == "_keyed" else np.zeros_like(keys))
        nll = in_batches(model.nll, batch["tokens"], batch["clock_s"], moving, seen, told).sum(1)[valid]
        metrics[f"nll_token{control}"] = float(nll.sum() / count[valid].sum()) if valid.any() else None
        metrics[f"nll_second{control}"] = mean(nll / duration_s)
    return metrics


def in_keys(
    keys: Sequence[Key],
    asked: Sequence[np.ndarray],
    written: Sequence[np.ndarray],
    keyed: Sequence[np.ndarray],
    tolerance_s: float,
) -> Metrics:
    """The share of notes that belong to the key of each window, where it was asked for and where not; and the timing where it was.

    Args:
        asked, written, keyed: the true notes of each window, those of the model, and those that it writes when asked for the key,
            each float [notes, 3].
    """
    within = [
        np.concatenate([key.holds(notes[:, 2].astype(int)) for key, notes in zip(keys, drawn, strict=True)])
        for drawn in (keyed, written)
    ]
    pairs = [(true[:, 0], found[:, 0]) for true, found in zip(asked, keyed, strict=True)]
    timing = onset.mean_f1(pairs, tolerance_s)
    return {"in_key": mean(within[0]), "in_key_unasked": mean(within[1]), "onset_f1_keyed": timing}


if __name__ == "__main__":
    run(main)
