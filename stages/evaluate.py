"""How good is it: metrics/<row>.json, the same keys in every file, and the tables behind the plots.

Rows: mi_net (the generated windows), vqvae (recorded test windows passed through the codes), test_set (the recorded test
windows themselves) and training_set (the floor: other windows of the training tracks). What has no meaning for a row is null.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline import determinism, params, split, training, weights
from pipeline.metrics import knn, ndb
from pipeline.models.prior import Prior
from pipeline.models.vqvae import VQVAE
from pipeline.shards import Shards
from pipeline.windows import Source, Windows
from stages import run

METRICS = Path("metrics")
SPLITS = Path("data/splits.parquet")
KEYS = ("ndb", "jsd", "samples", "training_windows", "mse_of_variance", "codes_used", "nll", "nll_shuffled", "knn")
BATCH = 64  # windows computed at once

Places = list[tuple[str, int]]


@torch.inference_mode()
def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vqvae = weights.load("models/vqvae", VQVAE).to(device)
    prior = weights.load("models/mi_net", Prior).to(device)
    spectrograms = Source(Shards("data/spectrograms"), "spectrogram", settings.audio.fps)
    codes = Source(Shards("data/codes"), "codes", settings.audio.fps)
    motion = Source(Shards("data/motion"), "motion", settings.motion.fps)
    generated = Shards("samples/mi_net")
    tracks = {part: split.tracks(SPLITS, part) for part in ("train", "test")}

    def windows(part: str, **sources: Source) -> Windows:
        return Windows(sources, tracks[part], settings.windows.duration_s)

    train_sound, test_sound = (windows(part, spectrogram=spectrograms, codes=codes) for part in ("train", "test"))
    train_body, test_body = (windows(part, codes=codes, motion=motion) for part in ("train", "test"))
    places: Places = list(zip(generated.index.source, generated.index.source_start, strict=True))

    # NDB sees the same values of every window, drawn once.
    generator = np.random.default_rng(settings.seed)
    size = train_sound.counts["spectrogram"] * settings.audio.n_fft // 2
    seen = np.sort(generator.permutation(size)[: settings.evaluate.ndb_dimensions])
    reference = values(train_sound, train_sound.random(settings.evaluate.training_windows, generator), seen)
    rebuilt, mse_of_variance = reconstruct(vqvae, test_sound, places, seen)
    rows = {
        "mi_net": np.stack([generated.rows("spectrogram", name).reshape(-1)[seen] for name in generated.index.index]),
        "vqvae": rebuilt,
        "test_set": values(test_sound, places, seen),
        "training_set": values(train_sound, train_sound.random(len(places), generator), seen),
    }
    centres = ndb.cells(reference, settings.evaluate.ndb_cells, settings.seed)
    metrics: dict[str, dict[str, float | int | None]] = {row: dict.fromkeys(KEYS) for row in rows}
    cells = []
    for row, here in rows.items():
        result = ndb.evaluate(reference, here, centres, settings.evaluate.ndb_significance)
        metrics[row] |= {"ndb": result.ndb, "jsd": result.jsd, "samples": len(here), "training_windows": len(reference)}
        table = {"row": row, "cell": range(len(centres)), "training_share": result.training_share}
        cells.append(pd.DataFrame(table | {"share": result.sample_share, "different": result.different.astype(int)}))

    all_codes = np.concatenate([codes.shards.rows("codes", track) for track in tracks["train"]])
    uses = np.bincount(all_codes, minlength=settings.vqvae.codes)
    metrics["vqvae"] |= {"mse_of_variance": mse_of_variance, "codes_used": float((uses > 0).mean())}

    nll, nll_shuffled = likelihoods(prior, test_body, places)
    each = settings.evaluate.knn_windows_per_track
    train_states, train_labels = states(prior, train_body, each)
    test_states, test_labels = states(prior, test_body, each)
    heard = knn.predict(train_states, train_labels, test_states)
    metrics["mi_net"] |= {"nll": nll, "nll_shuffled": nll_shuffled, "knn": knn.accuracy(test_labels, heard)}

    METRICS.mkdir(exist_ok=True)
    for row, figures in metrics.items():
        rounded = {key: None if value is None or np.isnan(value) else round(value, 4) for key, value in figures.items()}
        (METRICS / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
    pd.concat(cells).to_csv(METRICS / "ndb_cells.csv", index=False, float_format="%.6g")
    pd.DataFrame({"actual": test_labels, "predicted": heard}).to_csv(METRICS / "knn_confusion.csv", index=False)
    usage = {"rank": range(1, len(uses) + 1), "share": np.sort(uses)[::-1] / uses.sum()}
    pd.DataFrame(usage).to_csv(METRICS / "codebook_usage.csv", index=False, float_format="%.6g")


def values(windows: Windows, places: Places, seen: np.ndarray) -> np.ndarray:
    """The `seen` spectrogram values of each window: float32 [places, seen]."""
    return np.stack([windows.at(*place)["spectrogram"].reshape(-1)[seen] for place in places]).astype(np.float32)


def reconstruct(vqvae: VQVAE, windows: Windows, places: Places, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Recorded windows passed through the codes: their `seen` values, and the squared error over the recorded variance."""
    parts, sums = [], np.zeros(4)  # the squared error, the recorded values, their squares, and their number
    for first in range(0, len(places), BATCH):
        batch = training.to_tensors(windows.batch(places[first : first + BATCH]))
        made = in_batches(vqvae.decode, batch["codes"])
        recorded = batch["spectrogram"].numpy()
        parts.append(made.reshape(len(made), -1)[:, seen])
        terms = (np.square(made - recorded), recorded, np.square(recorded))
        sums += [*(term.sum(dtype=np.float64) for term in terms), recorded.size]
    error, mean, square = sums[:3] / sums[3]
    return np.concatenate(parts), float(error / (square - mean**2))


def likelihoods(prior: Prior, windows: Windows, places: Places) -> tuple[float, float]:
    """Mean NLL in nats a code, with the windows' own movements and with those of other tracks."""
    batch = training.to_tensors(windows.batch(places))
    order = np.roll(
        np.arange(len(places)), len(places) // 2
    )  # places come track by track, so half of all on is another
    tracks = np.array([track for track, _ in places])
    moved = tracks[order] != tracks
    right = in_batches(prior.nll, batch["codes"], batch["motion"])
    wrong = in_batches(prior.nll, batch["codes"], batch["motion"][order])
    return float(right.mean()), float(wrong[moved].mean()) if moved.any() else float("nan")


def states(prior: Prior, windows: Windows, each: int) -> tuple[np.ndarray, list[str]]:
    """The body encoder's state for `each` windows a track, float32 [windows, 2 * hidden], and their instruments."""
    instruments = pd.read_parquet(SPLITS).set_index("track").instrument
    places = windows.spread(each * len(windows.starts))
    motion = training.to_tensors(windows.batch(places))["motion"]
    return in_batches(prior.body, motion), [instruments[track] for track, _ in places]


def in_batches(function: Callable[..., Tensor], *tensors: Tensor) -> np.ndarray:
    """`function` over the first axis of the tensors, some rows at a time, as one array."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batches = zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
    return np.concatenate([function(*(part.to(device) for part in batch)).float().cpu().numpy() for batch in batches])


if __name__ == "__main__":
    run(main)
