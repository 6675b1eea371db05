"""Evaluate a variant on the test tracks, in each way of wearing: metrics/imu/<variant>.json.

Beside the rows of Foley Music: `accuracy`, the share of the tokens that are the likeliest after the true ones before them;
`accuracy_padded`, the same where the padding of each sequence counts as wrong, as in the published figures of IMU2Music; and
`distinct`, the share of the samples that no other sample equals, since models that ignore their sensors write one piece for all.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.arrays import write_npz
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places, to_tensors
from pipeline.errors import run
from pipeline.evaluation import rows as shared_rows
from pipeline.evaluation.rows import Metrics, in_batches, mean, others
from pipeline.metrics import knn
from pipeline.metrics import notes as note_metrics
from pipeline.models.event_transformer import EventTransformer
from pipeline.models.sensor_encoders import READ, SENSORS
from pipeline.notes import note_table
from pipeline.notes.events import Code
from pipeline.sampling import event_sampler
from pipeline.training import weights
from systems.foley_music import examples as of_notes
from systems.foley_music import paths as notes_at
from systems.foley_music import rows
from systems.imu import examples, paths
from systems.imu.generate import WITHOUT
from systems.imu.params import Worn, load, variant

CONTROLS = ("", "_shuffled", "_zeroed")
KEYS = (
    *(f"{figure}{control}" for figure in ("onset_f1", "note_f1", "nll_token", "nll_second", "accuracy") for control in CONTROLS),
    "accuracy_padded",
    "density_ratio",
    "distinct",
    "knn",
)  # fmt: skip


def main(name: str = "") -> None:
    settings, chosen, ways = params.load(), variant(name), load().worn
    determinism.prepare(settings.seed)
    duration_s = settings.windows.duration_s
    model = weights.load(MODELS / name, {"event_transformer": EventTransformer}).to(determinism.device())
    code, samples = Code(**model.code), Shards(SAMPLES / name)
    index = samples.index[samples.index.source.isin(rows.judged(samples.index.source.unique()))]
    places = list(zip(index.source, index.source_start.tolist(), strict=True))
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    folder = shared_rows.folder(f"{paths.ROW}/{name}")
    if not places:
        write(name, {way: {} for way in chosen.worn})
        return
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings)
    asked = of_notes.notes_at(windows, places, note_table.read(notes_at.NOTES), duration_s)
    true, readings = [rows.table(notes) for notes in asked], windows.batch(places)["sensors"]
    tokens, clock_s = of_notes.tokens(asked, code, duration_s)

    def drawn(array: str) -> list[np.ndarray]:
        return [samples.rows(array, sample) for sample in index.index]

    def written(array: str) -> list[np.ndarray]:
        return [rows.table(event_sampler.notes(each, code, duration_s)) for each in drawn(array)]

    without, found = written(WITHOUT), {}
    for way in chosen.worn:
        here = written(way)
        figures = rows.compared(places, true, here, without, settings.evaluate.onset_tolerance_s)
        figures.to_csv(folder / f"{way}.csv", index=False, float_format="%.6g")
        metrics: Metrics = {key: mean(figures[key].dropna()) for key in KEYS if key in figures}
        metrics["density_ratio"] = note_metrics.density_ratio(true, here)
        metrics["distinct"] = distinct(drawn(way))
        worn = examples.as_worn(readings, ways[way])
        found[way] = metrics | likelihoods(model, tokens, clock_s, worn, places, duration_s)
        found[way]["knn"] = body_states(model, ways[way], folder / f"states_{way}.npz", settings)
    write(name, found)


@torch.inference_mode()
def body_states(model: EventTransformer, worn: Worn, path: Path, settings: params.Params) -> float:
    """KNN accuracy: the instrument of the nearest training window, by the encoder's state. The states go to a file."""
    instruments, vectors, labels = shared_rows.instrument_of(), {}, {}
    for part in ("train", "test"):
        windows = examples.on_sensors(Shards(paths.TRACKS), split.tracks(SPLITS, part), settings)
        places = windows.spread(settings.evaluate.knn_windows_per_track * len(windows.starts))
        readings = examples.as_worn(windows.batch(places)["sensors"], worn)
        vectors[part] = in_batches(model.body_state, to_tensors({"motion": readings})["motion"])
        labels[part] = [instruments[track] for track, _ in places]
    nearest = knn.predict(vectors["train"], labels["train"], vectors["test"])
    kept = np.zeros((READ, SENSORS), bool)
    kept[np.ix_(worn.channels, worn.sensors)] = True
    write_npz(path, train=vectors["train"], train_labels=np.array(labels["train"]), worn=kept)
    return knn.accuracy(labels["test"], nearest)


def distinct(tokens: list[np.ndarray]) -> float:
    """Share of the sequences that no other equals."""
    _, counts = np.unique(np.stack(tokens), axis=0, return_counts=True)
    return float((counts == 1).sum() / len(tokens))


def likelihoods(
    model: EventTransformer,
    tokens: np.ndarray,
    clock_s: np.ndarray,
    readings: np.ndarray,
    places: Places,
    duration_s: float,
) -> Metrics:
    """Negative log-likelihood in nats a token and a second, and accuracy, with their controls."""

    def judged(tokens: Tensor, clock_s: Tensor, motion: Tensor, seen: Tensor) -> Tensor:
        """NLL of each token, and whether it is the likeliest: (B, 2, T)."""
        before = torch.nn.functional.pad(tokens[:, :-1], (1, 0), value=model.start)
        logits = model.logits(before, clock_s, model.movement(motion, seen))
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2).float(), tokens, reduction="none")
        right = logits.argmax(-1) == tokens
        return torch.stack([nll, right.float()], dim=1) * (tokens != model.padding)[:, None]

    batch = to_tensors({"tokens": tokens, "clock_s": clock_s})
    order, moved = others(places)
    count = (tokens != model.padding).sum(1)
    metrics: Metrics = {}
    for control, shown, valid in (
        ("", readings, moved | True),
        ("_shuffled", readings[order], moved),
        ("_zeroed", None, moved | True),
    ):
        seen = torch.full((len(tokens),), float(shown is not None))
        motion = to_tensors({"motion": readings if shown is None else shown})["motion"]
        nll, right = in_batches(judged, batch["tokens"], batch["clock_s"], motion, seen).sum(2)[valid].T
        metrics[f"nll_token{control}"] = float(nll.sum() / count[valid].sum()) if valid.any() else None
        metrics[f"nll_second{control}"] = mean(nll / duration_s)
        metrics[f"accuracy{control}"] = float(right.sum() / count[valid].sum()) if valid.any() else None
        if not control:
            metrics["accuracy_padded"] = float(right.sum() / (len(tokens) * model.code["longest"]))
    return metrics


def write(name: str, found: dict[str, Metrics]) -> None:
    """Write metrics/imu/<variant>.json: the same keys for every way of wearing, null where a key has no value."""
    values = {way: {key: metrics.get(key) for key in KEYS} for way, metrics in found.items()}
    rounded = {
        way: {key: None if value is None or np.isnan(value) else round(value, 4) for key, value in metrics.items()}
        for way, metrics in values.items()
    }
    (paths.FIGURES / f"{name}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
