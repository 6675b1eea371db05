"""MI Net in time, played by sensors and by joints, on the same windows of the test tracks: metrics/imu/imu_sync.json.

Onset F1 of its sound and the instrument that is heard in it, each beside a control: judged against another track's window.
"""

import json

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism, parallel
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, NOTES, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import to_tensors
from pipeline.errors import run
from pipeline.evaluation import cells
from pipeline.evaluation import rows as shared_rows
from pipeline.evaluation.rows import Metrics, mean, others
from pipeline.metrics import onset
from pipeline.sampling import batches, codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors
from systems.imu import examples, paths
from systems.imu.params import load

JOINTS = "joints"  # the row of the reader of joints
KEYS = ("onset_f1", "onset_f1_shuffled", "instrument_accuracy", "instrument_accuracy_shuffled")


def main() -> None:
    settings, system = params.load(), load()
    determinism.prepare(settings.seed, threads=1)  # as in each batch
    windows = examples.as_generated(split.tracks(SPLITS, "test"), settings, codes=True)
    places = windows.spread(system.reader.windows)
    size, rows = settings.generate.batch, (JOINTS, *system.worn)
    calls = [(row, first) for row in rows for first in range(0, len(places), size)]
    made: dict[str, list[tuple[list[np.ndarray], list[str]]]] = {}
    with tqdm(desc="imu_sync", total=len(calls), unit=" batch") as bar:
        for (row, _), found in zip(
            calls, parallel.each(hear, calls, determinism.backend(settings.compute.backend)), strict=True
        ):
            made.setdefault(row, []).append(found)
            bar.update()
    notes, instruments = Shards(NOTES), shared_rows.instrument_of()
    count = windows.counts["codes"]
    true_s = [np.flatnonzero(notes.rows("onsets", track, start, count)) / settings.audio.fps for track, start in places]
    order, moved = others(places)
    metrics: dict[str, Metrics] = {}
    for row, parts in made.items():
        onsets_s = [each for onsets, _ in parts for each in onsets]
        heard = np.array([each for _, instruments in parts for each in instruments])
        asked = np.array([instruments[track] for track, _ in places])
        figures = pd.DataFrame(places, columns=["source", "source_start"])
        tolerance_s = settings.evaluate.onset_tolerance_s
        figures["onset_f1"] = [onset.f1(t, f, tolerance_s) for t, f in zip(true_s, onsets_s, strict=True)]
        figures["onset_f1_shuffled"] = [
            onset.f1(t, onsets_s[j], tolerance_s) if ok else np.nan
            for t, j, ok in zip(true_s, order, moved, strict=True)
        ]
        figures["instrument"], figures["heard"] = asked, heard
        figures.to_csv(shared_rows.folder(f"{paths.ROW}/imu_sync") / f"{row}.csv", index=False, float_format="%.6g")
        metrics[row] = {key: mean(figures[key].dropna()) for key in KEYS[:2]}
        metrics[row]["instrument_accuracy"] = mean(heard == asked)
        metrics[row]["instrument_accuracy_shuffled"] = mean((heard[order] == asked)[moved])
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    rounded = {
        row: {key: None if each[key] is None else round(float(each[key] or 0), 4) for key in KEYS}
        for row, each in metrics.items()
    }
    (paths.FIGURES / "imu_sync.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


@torch.inference_mode()
def hear(row: str, first: int) -> tuple[list[np.ndarray], list[str]]:
    """Onsets in s of what is played for the batch that begins with window `first`, and the instruments that are heard.

    Args:
        row: a way of wearing, or `JOINTS`.
    """
    settings, device = batches.prepare()
    system, vqvae = load(), codec.load().to(device)
    tracks, part = split.tracks(SPLITS, "test"), slice(first, first + settings.generate.batch)
    if row == JOINTS:
        model = priors.load(MODELS / "mi_net_sync").to(device)
        chosen = params.variant(settings.variants.prior, "mi_net_sync")
        windows, _ = batches.of_test_tracks(settings, chosen)
        moving = windows.batch(windows.spread(system.reader.windows)[part])["motion"]
    else:
        model = priors.load(paths.SYNC).to(device)
        windows = examples.as_generated(tracks, settings, codes=True)
        read = windows.batch(windows.spread(system.reader.windows)[part])["sensors"]
        moving = examples.as_worn(read, system.worn[row])
    generator = batches.generator_of(settings.seed, first, device=device)  # the same random numbers for each row
    motion = to_tensors({"motion": moving})["motion"].to(device)
    codes = sample(model, motion, None, windows.counts["codes"], as_set(settings, vqvae), generator)
    made = codec.decode(vqvae, codes.cpu().numpy())
    onsets_s = [onset_detector.detect(window, settings.audio.fps) for window in made]
    return onsets_s, cells.hear(cells.load_classifier(), made)


if __name__ == "__main__":
    run(main)
