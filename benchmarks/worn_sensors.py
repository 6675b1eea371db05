"""Strokes from a real worn sensor: `python -m benchmarks.worn_sensors FOLDER`, for a folder of recordings with their strokes.

<name>.csv is a recording of a sensor (`pipeline.sensors.csv_file`); <name>.strums has a line for each stroke: its time in s, and D
for down or U for up. Each row is tested on every recording; what it learns, it learns from the others alone.

- ridge: two curves, of down and of up strokes, by ridge regression from the readings within 0.3 s, which are interpolated by a
  cubic spline. Strength and threshold are chosen on the recordings that it learns from, by blocks left out in turn.
- reader: models/imu_sync's reader, trained further on them.
- notes: models/imu_timed as it is. It has never seen a real sensor.

Controls: a metronome at the median tempo of the others, at all phases; and each row's own strokes shifted round the recording.
F1 of strokes within 50 ms. At 100 ms a metronome has half of them.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset.artifacts import MODELS
from pipeline.metrics import onset
from pipeline.models.event_transformer import EventTransformer
from pipeline.models.mi_net_sync import MINetSync
from pipeline.sampling.event_sampler import sample_long
from pipeline.sensors import csv_file
from pipeline.training import weights

TOLERANCE_S = 0.05
GRID_HZ = 100  # rate of the curves
HALF_S, STEP_S = 0.3, 0.05  # the readings around a moment that the ridge sees
NEAR_S = 0.1  # a moment farther from a stroke than this does not show it
APART_S = 0.15  # strokes come no closer
BLOCKS = 5  # a recording is left out in so many parts
STRENGTHS = (1.0, 10.0, 100.0)
THRESHOLDS = np.arange(0.05, 0.8, 0.025)
SHIFTS = 40
SEEDS = 3
STEPS, WINDOW_S, BATCH, RATE = 300, 4.0, 16, 1e-3  # of the reader's further training


@dataclass(frozen=True)
class Recording:
    name: str
    times_s: np.ndarray
    value: np.ndarray  # of the first axis
    readings: np.ndarray  # float32 [frames, 3, 2], as a model takes them
    strokes_s: np.ndarray
    down: np.ndarray  # bool, a stroke each

    @property
    def grid_s(self) -> np.ndarray:
        return np.arange(0, self.times_s[-1], 1 / GRID_HZ)


def read(path: Path, fps: float) -> Recording:
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    lines = [line.split() for line in path.with_suffix(".strums").read_text().splitlines() if line.strip()]
    times_s, start_s = table[:, 0] - table[0, 0], table[0, 0]
    strokes_s = np.array([float(line[0]) for line in lines]) - start_s
    down = np.array([line[1] == "D" for line in lines])
    kept = strokes_s >= 0
    return Recording(path.stem, times_s, table[:, 1], csv_file.read(path, fps).readings, strokes_s[kept], down[kept])


def f1(true_s: np.ndarray, found_s: np.ndarray) -> float:
    return onset.f1(true_s, found_s, TOLERANCE_S)


def strokes(curve: np.ndarray, grid_s: np.ndarray, threshold: float) -> np.ndarray:
    peaks, _ = find_peaks(curve, height=threshold, distance=max(1, round(APART_S * GRID_HZ)))
    return grid_s[peaks]


def seen(one: Recording) -> np.ndarray:
    """What the ridge sees at each moment: float64 [moments, values]."""
    value = (one.value - one.value.mean()) / one.value.std()
    around = one.grid_s[:, None] + np.arange(-HALF_S, HALF_S + 1e-9, STEP_S)
    x = CubicSpline(one.times_s, value)(around.clip(0, one.times_s[-1]))
    return np.column_stack([x, np.ones(len(x))])


def near(one: Recording, grid_s: np.ndarray) -> np.ndarray:
    """How near a down and an up stroke are to each moment: float64 [moments, 2]."""
    away = np.abs(grid_s[:, None] - one.strokes_s)
    close = (1 - away / NEAR_S).clip(0)
    return np.stack([np.where(one.down == way, close, 0).max(1, initial=0) for way in (True, False)], axis=1)


def fitted(x: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    return np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y)


def ridge(learnt: list[Recording], tested: Recording) -> np.ndarray:
    """Strokes in s, by a ridge regression whose strength and threshold are chosen on what it learns from."""
    best = (-1.0, 0.0, 0.0)
    x, y = np.concatenate([seen(each) for each in learnt]), np.concatenate([near(each, each.grid_s) for each in learnt])
    for strength in STRENGTHS:
        left_out = []
        for each in learnt:
            xs, ys, curve = seen(each), near(each, each.grid_s), np.zeros(len(each.grid_s))
            others = [other for other in learnt if other is not each]
            for block in np.array_split(np.arange(len(xs)), BLOCKS):
                kept = np.setdiff1d(np.arange(len(xs)), block)
                xs_kept = np.concatenate([xs[kept], *(seen(other) for other in others)])
                ys_kept = np.concatenate([ys[kept], *(near(other, other.grid_s) for other in others)])
                curve[block] = (xs[block] @ fitted(xs_kept, ys_kept, strength)).max(1)
            left_out.append(curve)
        for threshold in THRESHOLDS:
            each_f1 = [
                f1(each.strokes_s, strokes(curve, each.grid_s, threshold))
                for each, curve in zip(learnt, left_out, strict=True)
            ]
            best = max(best, (float(np.mean(each_f1)), strength, float(threshold)))
    _, strength, threshold = best
    return strokes((seen(tested) @ fitted(x, y, strength)).max(1), tested.grid_s, threshold)


def directions(learnt: list[Recording], tested: Recording) -> float:
    """Share of the true strokes whose direction the ridge tells."""
    x = np.concatenate([seen(each) for each in learnt])
    y = np.concatenate([near(each, each.grid_s) for each in learnt])
    curves = seen(tested) @ fitted(x, y, STRENGTHS[1])
    at = (tested.strokes_s * GRID_HZ).round().astype(int).clip(0, len(curves) - 1)
    return float(((curves[at, 0] > curves[at, 1]) == tested.down).mean())


def reader(learnt: list[Recording], tested: Recording, fps: float, *, start: bool) -> np.ndarray:
    """Strokes in s, by the reader of sensors, trained further, or from the beginning if not `start`."""
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    model = weights.load(MODELS / "imu_sync", {"mi_net_sync": MINetSync}).reader
    if not start:
        model = type(model)(**weights.config(MODELS / "imu_sync").sizes["reader"])
    frames, steps = round(WINDOW_S * fps), round(WINDOW_S * GRID_HZ)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    curves = [near(each, np.arange(len(each.readings) * GRID_HZ // round(fps)) / GRID_HZ).max(1) for each in learnt]
    model.requires_grad_(True).train()
    for _ in range(STEPS):
        motion, target = [], []
        for _ in range(BATCH):
            which = int(generator.integers(len(learnt)))
            first = int(generator.integers(len(learnt[which].readings) - frames))
            at = round(first / fps * GRID_HZ)
            noise = generator.normal(0, 0.1, (frames, 1, 1)) * (learnt[which].readings.any(axis=0))
            gain = np.exp(generator.uniform(-0.3, 0.3))
            motion.append(gain * learnt[which].readings[first : first + frames] + noise)
            target.append(curves[which][at : at + steps])
        told, _ = model.read(torch.tensor(np.stack(motion), dtype=torch.float32), steps)
        loss = F.mse_loss(told, torch.tensor(np.stack(target), dtype=torch.float32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()

    def curve(one: Recording) -> tuple[np.ndarray, np.ndarray]:
        moments = len(one.readings) * GRID_HZ // round(fps)
        with torch.inference_mode():
            told = model.read(torch.from_numpy(one.readings)[None], moments)[0][0].numpy()
        return told, np.arange(moments) / GRID_HZ

    # On what it has learnt, the best threshold is too high: it is half of the mean height of the true strokes there.
    heights = []
    for each in learnt:
        told, grid_s = curve(each)
        heights.append(told[(each.strokes_s * GRID_HZ).round().astype(int).clip(0, len(grid_s) - 1)])
    told, grid_s = curve(tested)
    return strokes(told, grid_s, float(np.concatenate(heights).mean()) / 2)


def notes(tested: Recording, fps: float, duration_s: float, seed: int) -> np.ndarray:
    """Onsets in s of the notes that models/imu_timed writes for a recording."""
    model = weights.load(MODELS / "imu_timed", {"event_transformer": EventTransformer})
    motion, generator = torch.from_numpy(tested.readings), torch.Generator().manual_seed(seed)
    return np.array([note.start for note in sample_long(model, motion, duration_s, generator)])


def metronome(learnt: list[Recording], tested: Recording) -> float:
    """Mean F1 of a metronome at the median tempo of the others, over its phases."""
    period_s = float(np.median(np.concatenate([np.diff(each.strokes_s) for each in learnt])))
    phases = np.linspace(0, period_s, SHIFTS, endpoint=False)
    return float(np.mean([f1(tested.strokes_s, np.arange(p, tested.times_s[-1], period_s)) for p in phases]))


def shifted(tested: Recording, found_s: np.ndarray) -> float:
    """Mean F1 of strokes that are shifted round the recording, by 1 s or more."""
    length_s = tested.times_s[-1]
    shifts = np.linspace(1, length_s - 1, SHIFTS)
    return float(np.mean([f1(tested.strokes_s, np.sort((found_s + shift) % length_s)) for shift in shifts]))


def main(folder: str) -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    fps, duration_s = settings.motion.fps, settings.windows.duration_s
    every = [read(path, fps) for path in sorted(Path(folder).glob("*.csv")) if path.with_suffix(".strums").exists()]
    rows = []
    for tested in every:
        learnt = [each for each in every if each is not tested]
        ways: dict[str, Callable[[], list[np.ndarray]]] = {"ridge": lambda: [ridge(learnt, tested)]}  # noqa: B023
        if weights.exist(MODELS / "imu_sync"):
            ways["reader, trained further"] = lambda: [reader(learnt, tested, fps, start=True)]  # noqa: B023
            ways["reader, from the beginning"] = lambda: [reader(learnt, tested, fps, start=False)]  # noqa: B023
        if weights.exist(MODELS / "imu_timed"):
            ways["notes, zero-shot"] = lambda: [notes(tested, fps, duration_s, seed) for seed in range(SEEDS)]  # noqa: B023
        for way, find in ways.items():
            found = find()
            row = {"recording": tested.name, "way": way, "f1": np.mean([f1(tested.strokes_s, each) for each in found])}
            row["shifted"] = np.mean([shifted(tested, each) for each in found])
            rows.append(row | {"strokes": np.mean([len(each) for each in found]), "true": len(tested.strokes_s)})
        rows.append({"recording": tested.name, "way": "metronome", "f1": metronome(learnt, tested)})
        majority = max(tested.down.mean(), 1 - tested.down.mean())
        print(f"{tested.name}: direction at true strokes {directions(learnt, tested):.2f}, majority {majority:.2f}")
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="{:.3f}".format))
    print(table.groupby("way", sort=False).f1.mean().to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main(*sys.argv[1:])
