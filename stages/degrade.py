"""How much of the timing is left when the movement is degraded: evaluations/degraded.csv.

The trained model is sampled for the same test windows in several conditions: with noise, with gaps, at fewer frames a second, and
late. If the corpus has true joints, they replace the detected ones in one more condition.
"""

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import DEGRADED, MODELS, SPLITS
from pipeline.dataset.windows import Windows, to_tensors
from pipeline.errors import run
from pipeline.evaluation import content, rows
from pipeline.evaluation.degraded import cases
from pipeline.metrics import onset
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample
from pipeline.training import priors


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, fps = params.variant(settings.variants.prior, settings.degrade.model), settings.audio.fps
    model = priors.load(MODELS / settings.degrade.model).to(determinism.device())
    vqvae = codec.load().to(determinism.device())
    how = as_set(settings, vqvae)
    tracks = split.tracks(SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    places, steps = windows.spread(settings.degrade.windows), windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in content.content(places, steps, settings)]
    order, moved = rows.others(places)
    tolerance_s = settings.evaluate.onset_tolerance_s
    table = []
    for seen, amount, motion in tqdm(list(cases(windows, places, settings)), "degrade", unit=" case"):
        # The same random numbers in every case.
        generator = torch.Generator(determinism.device()).manual_seed(settings.seed)
        codes = [
            sample(model, part.to(determinism.device()), None, steps, how, generator)
            for part in to_tensors({"motion": motion})["motion"].split(settings.generate.batch)
        ]
        made = codec.decode(vqvae, torch.cat(codes).cpu().numpy())  # [windows, frames, bins]
        found = [onset_detector.detect(window, fps) for window in made]
        pairs = list(zip(asked, found, strict=True))
        others = [(asked[i], found[order[i]]) for i in np.flatnonzero(moved)]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        table.append((seen, amount, f1, control, lag_s))
    columns = ["seen", "amount", "onset_f1", "onset_f1_shuffled", "onset_lag_s"]
    pd.DataFrame(table, columns=columns).to_csv(DEGRADED, index=False, float_format="%.4g")


if __name__ == "__main__":
    run(main)
