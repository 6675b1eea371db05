"""How much of the timing is left when the movement is seen worse: evaluations/degraded.csv.

The trained model is sampled for the same test windows again and again, each time with movement that is noisier, has gaps,
fewer frames or comes late. Where the corpus has true joints, they are seen once in the detector's place.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pipeline import corpus, determinism, evaluation, params, priors, split, training, weights
from pipeline.coding import decode
from pipeline.keypoints.cleaning import clean
from pipeline.metrics import onset
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import as_set, sample
from pipeline.shards import Shards
from pipeline.windows import Places, Windows
from stages import run

Case = tuple[str, float | None, np.ndarray]  # how it is seen, how much so, movement [windows, frames, joints, 2]


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    chosen, fps = params.variant(settings.variants.prior, settings.degrade.model), settings.audio.fps
    model = priors.load(f"models/{settings.degrade.model}").to(evaluation.device())
    vqvae = weights.load("models/vqvae", VQVAE).to(evaluation.device())
    how = as_set(settings, vqvae)
    tracks = split.tracks(evaluation.SPLITS, "test")
    windows = Windows(priors.sources(settings, chosen), tracks, settings.windows.duration_s)
    places, steps = windows.spread(settings.degrade.windows), windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in evaluation.content(places, steps, settings)]
    order, moved = evaluation.others(places)
    tolerance_s = settings.evaluate.onset_tolerance_s
    rows = []
    for seen, amount, motion in tqdm(list(cases(windows, places, settings)), "degrade", unit=" case"):
        generator = torch.Generator(evaluation.device()).manual_seed(settings.seed)  # the same draws for every case
        codes = [
            sample(model, part.to(evaluation.device()), None, steps, how, generator)
            for part in training.to_tensors({"motion": motion})["motion"].split(settings.generate.batch)
        ]
        made = decode(vqvae, torch.cat(codes).cpu().numpy())  # [windows, frames, bins]
        found = [onset.detect(window, fps) for window in made]
        pairs = list(zip(asked, found, strict=True))
        others = [(asked[i], found[order[i]]) for i in np.flatnonzero(moved)]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        rows.append((seen, amount, f1, control, lag_s))
    table = pd.DataFrame(rows, columns=["seen", "amount", "onset_f1", "onset_f1_shuffled", "onset_lag_s"])
    table.to_csv("evaluations/degraded.csv", index=False, float_format="%.4g")


def cases(windows: Windows, places: Places, settings: params.Params) -> Iterator[Case]:
    """The movement of the windows, seen in every way."""
    motion, degrade = windows.batch(places)["motion"], settings.degrade
    generator = np.random.default_rng(settings.seed)
    frames_s = np.arange(motion.shape[1]) / settings.motion.fps
    yield "as it is", None, motion
    true = true_motion(places, settings)
    if true:
        starts_s = [start / settings.audio.fps for _, start in places]
        tracks = [true[track] for track, _ in places]
        yield (
            "true joints",
            None,
            np.stack(
                [
                    interpolate(frames_s + start_s, np.arange(len(rows)) / settings.motion.fps, rows)
                    for rows, start_s in zip(tracks, starts_s, strict=True)
                ]
            ),
        )
    for amount in degrade.noise:
        yield "noise", amount, motion + generator.normal(0, amount, motion.shape).astype(np.float32)
    for amount in degrade.dropped:
        kept = generator.random((len(places), len(frames_s))) >= amount
        kept[:, 0] = True
        seen = [known_at(window, frames_s, frames_s[here]) for window, here in zip(motion, kept, strict=True)]
        yield "dropped", amount, np.stack(seen)
    for amount in degrade.fps:
        times_s = np.arange(0, frames_s[-1] + 1e-6, 1 / amount)
        yield "fps", amount, np.stack([known_at(window, frames_s, times_s) for window in motion])
    for amount in degrade.late_s:
        yield "late", amount, np.stack([interpolate(frames_s - amount, frames_s, window) for window in motion])


def known_at(window: np.ndarray, frames_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """A window [frames, joints, 2] of which only the places at some times are known: the rest lies between them."""
    return interpolate(frames_s, times_s, interpolate(times_s, frames_s, window))


def interpolate(wanted_s: np.ndarray, times_s: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Positions [times, joints, 2] at other times, linear between, the nearest before and after all: [wanted, joints, 2]."""
    flat = positions.reshape(len(positions), -1)
    columns = [np.interp(wanted_s, times_s, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(-1, *positions.shape[1:]).astype(np.float32)


def true_motion(places: Places, settings: params.Params) -> dict[str, np.ndarray]:
    """Track → its movement by its true joints, cleaned as the detector's are; empty if a track has none."""
    keypoints, true = Shards("data/keypoints"), {}
    needed = {track for track, _ in places}
    for track in corpus.read(settings.corpus)[0]:
        if track.name not in needed:
            continue
        if track.joints is None:
            return {}
        joints = np.load(track.joints, allow_pickle=False)
        certain = np.concatenate([joints, np.ones_like(joints[:, :, :1])], axis=2)
        times_s = keypoints.rows("times", track.name)
        true[track.name], _ = clean(certain, times_s, settings.motion.fps, settings.motion.min_confidence)
    return true


if __name__ == "__main__":
    run(main)
