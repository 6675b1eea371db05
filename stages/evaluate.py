"""How good is it: metrics/<row>.json, the same keys in every file, and the tables behind the plots.

Rows: mi_net (the generated windows), vqvae (recorded test windows passed through the codes), test_set (the recorded test
windows themselves) and training_set (the floor: other windows of the training tracks). What has no meaning for a row is null.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline import params, split, training, weights
from pipeline.metrics import knn, ndb
from pipeline.models.prior import Prior
from pipeline.models.vqvae import VQVAE
from pipeline.shards import Shards
from pipeline.windows import Source, Windows
from stages import run

METRICS = Path("metrics")
KEYS = ("ndb", "jsd", "samples", "training_windows", "mse_of_variance", "codes_used", "nll", "nll_shuffled", "knn")


def shuffled(tracks: list[str]) -> np.ndarray:
    """For each window, the number of one of another track: half of all the windows on."""
    order = np.roll(np.arange(len(tracks)), len(tracks) // 2)
    assert len(set(tracks)) == 1 or all(tracks[i] != tracks[j] for i, j in enumerate(order)), (
        "a window kept its own movement"
    )
    return order


def in_batches(function, *tensors: Tensor, size: int = 64) -> np.ndarray:  # type: ignore[no-untyped-def]
    """`function` over the first axis of the tensors, `size` rows at a time, as one array."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts = zip(*(tensor.split(size) for tensor in tensors), strict=True)
    return np.concatenate([function(*(part.to(device) for part in batch)).float().cpu().numpy() for batch in parts])


@torch.inference_mode()
def main() -> None:
    settings = params.load()
    training.prepare(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vqvae = weights.load("models/vqvae", VQVAE).to(device)
    prior = weights.load("models/mi_net", Prior).to(device)
    generated = Shards("samples/mi_net")
    sources = {
        "spectrogram": Source(Shards("data/spectrograms"), "spectrogram", settings.audio.fps),
        "codes": Source(Shards("data/codes"), "codes", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }
    train, test = (
        Windows(sources, split.tracks("data/splits.parquet", part), settings.windows.duration_s)
        for part in ("train", "test")
    )
    generator = np.random.default_rng(settings.seed)
    test_places = list(zip(generated.index.source, generated.index.source_start, strict=True))
    recorded = test.batch(test_places)

    # NDB sees the same dimensions of every window, drawn once.
    size = recorded["spectrogram"][0].size
    seen = np.sort(generator.permutation(size)[: settings.evaluate.ndb_dimensions])

    def dimensions(windows: Windows, places: list[tuple[str, int]]) -> np.ndarray:
        return np.stack([windows.at(*place)["spectrogram"].reshape(-1)[seen] for place in places]).astype(np.float32)

    reference = dimensions(train, train.random(settings.evaluate.training_windows, generator))
    centres = ndb.cells(reference, settings.evaluate.ndb_cells, settings.seed)
    rebuilt = in_batches(lambda codes: vqvae.decode(codes), training.to_tensors({"codes": recorded["codes"]})["codes"])
    recorded_values = recorded["spectrogram"].astype(np.float32)
    rows = {
        "mi_net": np.stack([generated.rows("spectrogram", name).reshape(-1)[seen] for name in generated.index.index]),
        "vqvae": rebuilt.reshape(len(rebuilt), -1)[:, seen],
        "test_set": recorded_values.reshape(len(recorded_values), -1)[:, seen],
        "training_set": dimensions(train, train.random(len(test_places), generator)),
    }
    metrics: dict[str, dict[str, float | int | None]] = {row: dict.fromkeys(KEYS) for row in rows}
    bins = []
    for row, windows in rows.items():
        result = ndb.evaluate(reference, windows, centres, settings.evaluate.ndb_significance)
        metrics[row] |= {
            "ndb": result.ndb,
            "jsd": result.jsd,
            "samples": len(windows),
            "training_windows": len(reference),
        }
        table = {"row": row, "cell": range(len(centres)), "training_share": result.training_share}
        bins.append(pd.DataFrame(table | {"share": result.sample_share, "different": result.different.astype(int)}))

    metrics["vqvae"]["mse_of_variance"] = float(((rebuilt - recorded_values) ** 2).mean() / recorded_values.var())
    codes = sources["codes"].shards
    used = np.bincount(
        np.concatenate([codes.rows("codes", track) for track in split.tracks("data/splits.parquet", "train")]),
        minlength=settings.vqvae.codes,
    )
    metrics["vqvae"]["codes_used"] = float((used > 0).mean())

    test_codes, test_motion = (training.to_tensors(recorded)[name] for name in ("codes", "motion"))
    order = shuffled([track for track, _ in test_places])
    metrics["mi_net"]["nll"] = float(in_batches(prior.nll, test_codes, test_motion).mean())
    metrics["mi_net"]["nll_shuffled"] = float(in_batches(prior.nll, test_codes, test_motion[order]).mean())

    instruments = pd.read_parquet("data/splits.parquet").set_index("track").instrument
    labels: dict[str, list[str]] = {}
    states: dict[str, np.ndarray] = {}
    for part, drawn in (("train", train), ("test", test)):
        places = drawn.spread(settings.evaluate.knn_windows_per_track * len(drawn.starts))
        labels[part] = [instruments[track] for track, _ in places]
        states[part] = in_batches(prior.body, training.to_tensors(drawn.batch(places))["motion"])
    heard = knn.predict(states["train"], labels["train"], states["test"])
    metrics["mi_net"]["knn"] = knn.accuracy(labels["test"], heard)

    METRICS.mkdir(exist_ok=True)
    for row, figures in metrics.items():
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
        (METRICS / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
    pd.concat(bins).to_csv(METRICS / "ndb_cells.csv", index=False, float_format="%.6g")
    pd.DataFrame({"actual": labels["test"], "predicted": heard}).to_csv(METRICS / "knn_confusion.csv", index=False)
    usage = {"rank": range(1, len(used) + 1), "share": np.sort(used)[::-1] / used.sum()}
    pd.DataFrame(usage).to_csv(METRICS / "codebook_usage.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    run(main)
