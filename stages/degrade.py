"""How much of the timing is left when the movement is degraded: evaluations/degraded.csv.

The trained model is sampled for the same test windows in several conditions: with noise, with gaps, at fewer frames a second, and
late. If the corpus has true joints, they replace the detected ones in one more condition.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import params
from pipeline.compute import determinism, parallel
from pipeline.dataset.artifacts import DEGRADED
from pipeline.errors import run
from pipeline.evaluation import content, rows
from pipeline.evaluation.degraded import cases, onsets_s
from pipeline.metrics import onset
from pipeline.sampling import batches


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, fps = params.variant(settings.variants.prior, settings.degrade.model), settings.audio.fps
    windows, _ = batches.of_test_tracks(settings, chosen)
    places, size = windows.spread(settings.degrade.windows), settings.generate.batch
    asked = [true_s for _, true_s in content.content(places, windows.counts["codes"], settings)]
    order, moved = rows.others(places)
    tolerance_s = settings.evaluate.onset_tolerance_s
    made = list(cases(windows, places, settings))
    firsts = range(0, len(places), size)
    calls = [(first, motion[first : first + size]) for _, _, motion in made for first in firsts]
    parts = parallel.each(onsets_s, calls, determinism.backend(settings.compute.backend))
    table = []
    for seen, amount, _ in tqdm(made, "degrade", unit=" case"):
        found = [found_s for _ in firsts for found_s in next(parts)]
        pairs = list(zip(asked, found, strict=True))
        others = [(asked[i], found[order[i]]) for i in np.flatnonzero(moved)]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        table.append((seen, amount, f1, control, lag_s))
    columns = ["seen", "amount", "onset_f1", "onset_f1_shuffled", "onset_lag_s"]
    pd.DataFrame(table, columns=columns).to_csv(DEGRADED, index=False, float_format="%.4g")


if __name__ == "__main__":
    run(main)
