"""Tables and figures for people: reports/report.md."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import corpus, media, params, set_aside
from pipeline.report import figures, tables
from pipeline.shards import Shards
from stages import run

OUT = Path("reports")
ROWS = ("mi_net", "vqvae", "test_set", "training_set")


def main() -> None:
    settings = params.load()
    OUT.mkdir(exist_ok=True)
    metrics = {row: json.loads(Path(f"metrics/{row}.json").read_text()) for row in ROWS}
    cells = pd.read_csv("metrics/ndb_cells.csv")
    heard = pd.read_csv("metrics/knn_confusion.csv")
    keypoints = pd.read_csv("metrics/keypoints.csv")
    histories = {name: pd.read_csv(f"metrics/history_{name}.csv") for name in ("vqvae", "mi_net")}

    curves = {
        "VQ-VAE": (histories["vqvae"], "mse", "test_mse", "squared error / variance about each bin's mean"),
        "MI Net": (histories["mi_net"], "loss", "test_nll", "NLL (nats a code)"),
    }
    figures.loss_curves(OUT / "loss_curves.png", curves)
    for row in ("mi_net", "test_set"):
        figures.ndb_cells(OUT / f"ndb_{row}.png", cells, row)
    figures.confusion(
        OUT / "knn_confusion.png", list(heard.actual), list(heard.predicted), "KNN on the body encoder's state"
    )
    figures.codebook_usage(OUT / "codebook_usage.png", pd.read_csv("metrics/codebook_usage.csv").share.to_numpy())
    show_sample(settings)

    items = set_aside.read("data")
    aside = tables.table(pd.DataFrame([vars(item) for item in items])) if items else "Nothing."
    made = "The corpus is made, not recorded: no figure here can be set beside the paper's." * (
        settings.corpus.name == "studio"
    )
    text = f"""# Report

Corpus: {settings.corpus.name} (`{settings.corpus.root}`). {made}

## Models and references

ndb: of {settings.evaluate.ndb_cells} cells, how many differ from the training windows at {settings.evaluate.ndb_significance:g}.
Lower is better; it grows with both numbers of windows. jsd: Jensen-Shannon divergence of the cells, nats. mse_of_variance:
squared error of the VQ-VAE on test windows over their variance. codes_used: share of codes that occur in the training tracks.
nll: nats a code on test windows; nll_shuffled: with each window's movement replaced by another track's. knn: share of test
windows whose nearest training window, by the body encoder's state, has the same instrument. vqvae: recorded test windows passed
through the codes. test_set: the recorded test windows themselves. training_set: other windows of the training tracks, the floor.

{tables.metrics_table(metrics, list(metrics["mi_net"]))}

![A frame, its joints, and the spectrogram generated for it](seen_and_heard.png)
![NDB of the generated windows](ndb_mi_net.png)
![NDB of the recorded test windows](ndb_test_set.png)
![Confusion of instruments](knn_confusion.png)
![Loss curves](loss_curves.png)
![Codebook usage](codebook_usage.png)

## Joints found, by instrument

Shares of frames; pck: body joints within 0.2 shoulder widths of the true ones, where the corpus has true ones.

{tables.table(keypoints)}

## Set aside

{aside}
"""
    (OUT / "report.md").write_text(text, encoding="utf-8")


def show_sample(settings: params.Params) -> None:
    """One sample: a frame of the video that it was made for, its joints, its spectrogram and the recorded one."""
    samples = Shards("samples/mi_net")
    name = samples.index.index[len(samples.index) // 2]
    source, start = samples.index.source[name], int(samples.index.source_start[name])
    track = next(track for track in corpus.read(settings.corpus)[0] if track.name == source)
    rows = samples.length(name)
    middle_s = (start + rows / 2) / settings.audio.fps
    keypoints = Shards("data/keypoints")
    times = keypoints.rows("times", source)
    frame = int(np.abs(times - middle_s).argmin())
    picture = next(image for time_s, image in media.frames(track.video) if time_s >= times[frame] - 1e-6)
    left, right = round(track.left * picture.shape[1]), round(track.right * picture.shape[1])
    joints = keypoints.rows("keypoints", source)[frame] - np.array([left, 0, 0], dtype=np.float32)
    figures.seen_and_heard(
        OUT / "seen_and_heard.png",
        picture[:, left:right],
        joints,
        {
            "generated from the movement": samples.rows("spectrogram", name),
            "recorded": Shards("data/spectrograms").rows("spectrogram", source, start, rows),
        },
        settings.audio.sample_rate_hz,
        settings.windows.duration_s,
        f"{track.instrument}: a track that was not trained on",
    )


if __name__ == "__main__":
    run(main)
