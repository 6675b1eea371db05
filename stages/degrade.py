"""How much is left when the movement is seen less well, or is somebody else's: evaluations/degraded.csv.

Two trained models are sampled for the same test windows in several conditions, see `pipeline.evaluation.degraded`: are the onsets
in time, and is the right instrument heard?
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import params
from pipeline.compute import determinism, parallel
from pipeline.dataset.artifacts import DEGRADED
from pipeline.errors import run
from pipeline.evaluation import content, rows
from pipeline.evaluation.degraded import cases, hear
from pipeline.metrics import onset
from pipeline.sampling import batches


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    fps, names = settings.audio.fps, dict.fromkeys((settings.degrade.model, settings.degrade.beside))
    windows, _ = batches.of_test_tracks(settings, params.variant(settings.variants.prior, settings.degrade.model))
    places, size = windows.spread(settings.degrade.windows), settings.generate.batch
    asked = [true_s for _, true_s in content.content(places, windows.counts["codes"], settings)]
    instruments = [rows.instrument_of()[track] for track, _ in places]
    order, moved = rows.others(places)
    tolerance_s = settings.evaluate.onset_tolerance_s
    made = [(name, *case) for case in cases(windows, places, settings) for name in names]
    firsts = range(0, len(places), size)
    calls = [(name, first, motion[first : first + size]) for name, _, _, motion in made for first in firsts]
    parts = parallel.each(hear, calls, determinism.backend(settings.compute.backend))
    table = []
    for model, seen, amount, _ in tqdm(made, "degrade", unit=" case"):
        results = [next(parts) for _ in firsts]
        found = [found_s for batch_s, _ in results for found_s in batch_s]
        heard = [name for _, batch in results for name in batch]
        pairs = list(zip(asked, found, strict=True))
        others = [(asked[i], found[order[i]]) for i in np.flatnonzero(moved)]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        right = np.mean([one == other for one, other in zip(heard, instruments, strict=True)]) if any(heard) else np.nan
        table.append((model, seen, amount, f1, control, lag_s, right))
    columns = ["model", "seen", "amount", "onset_f1", "onset_f1_shuffled", "onset_lag_s", "instrument_accuracy"]
    pd.DataFrame(table, columns=columns).to_csv(DEGRADED, index=False, float_format="%.4g")


if __name__ == "__main__":
    run(main)
