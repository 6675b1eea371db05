"""How much of the timing is left when the movement is seen worse: evaluations/degraded.csv.

The trained model is sampled for the same test windows again and again, each time with movement that is noisier, has gaps,
fewer frames or comes late. Where the corpus has true joints, they are seen once in the detector's place.
"""

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.tensors import to_tensors
from pipeline.dataset.windows import Windows
from pipeline.errors import run
from pipeline.evaluation import content, rows
from pipeline.evaluation.degraded import cases
from pipeline.metrics import onset
from pipeline.models.vqvae import VQVAE
from pipeline.sampling.codec import decode
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors, weights


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, fps = params.variant(settings.variants.prior, settings.degrade.model), settings.audio.fps
    model = priors.load(f"models/{settings.degrade.model}").to(determinism.device())
    vqvae = weights.load("models/vqvae", VQVAE).to(determinism.device())
    how = as_set(settings, vqvae)
    tracks = split.tracks(rows.SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    places, steps = windows.spread(settings.degrade.windows), windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in content.content(places, steps, settings)]
    order, moved = rows.others(places)
    tolerance_s = settings.evaluate.onset_tolerance_s
    table = []
    for seen, amount, motion in tqdm(list(cases(windows, places, settings)), "degrade", unit=" case"):
        generator = torch.Generator(determinism.device()).manual_seed(settings.seed)  # the same draws for every case
        codes = [
            sample(model, part.to(determinism.device()), None, steps, how, generator)
            for part in to_tensors({"motion": motion})["motion"].split(settings.generate.batch)
        ]
        made = decode(vqvae, torch.cat(codes).cpu().numpy())  # [windows, frames, bins]
        found = [onset_detector.detect(window, fps) for window in made]
        pairs = list(zip(asked, found, strict=True))
        others = [(asked[i], found[order[i]]) for i in np.flatnonzero(moved)]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        table.append((seen, amount, f1, control, lag_s))
    columns = ["seen", "amount", "onset_f1", "onset_f1_shuffled", "onset_lag_s"]
    pd.DataFrame(table, columns=columns).to_csv("evaluations/degraded.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    run(main)
