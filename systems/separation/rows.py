"""What all rows of the separation's tables share: what they are tried on, the keys of their metrics, and how they are judged.

They are tried on mixtures of two windows of test tracks of different instruments, on as many of test tracks of similar poses, and
on the pieces of several players, whole, of whom no model has heard any in training. Gains are counted from the mixture as its own
estimate.
"""

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from pipeline import params as shared
from pipeline.audio.log_frequency import Scale
from pipeline.compute import determinism, parallel
from pipeline.corpus.track import read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.shards import Shards
from pipeline.evaluation.rows import Metrics, folder, instrument_of
from pipeline.metrics import separation
from systems.separation import mixing, paths, trials
from systems.separation.mixing import Mixture
from systems.separation.params import Params

SETS = ("different", "alike", "ensembles")
FIGURES = ("sdr", "sir", "sar", "si_sdr")
KEYS = tuple(
    f"{figure}_{kind}"
    for kind in SETS
    for figure in (
        *FIGURES,
        "sdr_gain",
        *(f"{figure}{control}" for control in ("_swapped", "_zeroed") for figure in ("sdr", "sir")),
        "pointing",
        "pointing_chance",
    )
)

Parted = Callable[
    [Mixture, str], np.ndarray | None
]  # what is made of a mixture with a control; None: it has no meaning
Pointed = Callable[[Mixture], tuple[int, int] | None]  # as `separation.pointing`


def tried(settings: shared.Params, own: Params) -> dict[str, list[tuple[list[str], Mixture]]]:
    """The mixtures of each set, with the names of their tracks. There are none where there are no two players."""
    tracks = read_tracks()
    kept, soloists, instruments = Shards(paths.SOUND), mixing.alone(tracks), instrument_of()
    test = [name for name in split.tracks(SPLITS, "test") if name in soloists]
    taught = soloists & set(split.tracks(SPLITS, "train"))
    count, seed = own.evaluation.pairs, settings.seed
    found: dict[str, list[tuple[list[str], Mixture]]] = {kind: [] for kind in SETS}
    if len(test) > 1:
        players = mixing.Players(test, True, settings, own.pictures.fps, own.pictures.size_px)
        other = partial(differ, instruments)
        found["different"] = trials.pairs(players, count, None, seed, other)
        found["alike"] = trials.pairs(players, count, 1, seed)
    for piece in trials.ensembles([track for track in tracks if track.name in kept]).values():
        names = [track.name for track in piece]
        if not taught & set(names) and trials.audible(mixture := trials.together(piece)):
            found["ensembles"].append((names, mixture))
    return found


def differ(instruments: dict[str, str], one: str, other: str) -> bool:
    return instruments[one] != instruments[other]


def judge(row: str, settings: shared.Params, own: Params, parted: Parted, pointed: Pointed = lambda _: None) -> None:
    """Write metrics/separation/<row>.json, and evaluations/separation/<row>/mixtures.csv with the figures of each mixture."""
    instruments, lines = instrument_of(), []
    for kind, mixtures in tried(settings, own).items():
        made = {}
        for number, (_, mixture) in enumerate(mixtures):
            made[number, "_mixture"] = trials.mixed(mixture)
            for control in trials.CONTROLS:
                if (found := parted(mixture, control)) is not None:
                    made[number, control] = found
        calls = [(mixtures[number][1].sounds, estimated) for (number, _), estimated in made.items()]
        figures = parallel.each(measured, calls, determinism.backend(settings.compute.backend))
        of_mixture: list[dict[str, float]] = [{} for _ in mixtures]
        for (number, control), measures in zip(made, figures, strict=True):
            of_mixture[number] |= {f"{figure}{control}": value for figure, value in measures.items()}
        for (names, mixture), values in zip(mixtures, of_mixture, strict=True):
            right, counted = pointed(mixture) or (np.nan, np.nan)
            line = {"set": kind, "tracks": "+".join(names), "instruments": "+".join(instruments[one] for one in names)}
            lines.append(
                {
                    **line,
                    **values,
                    "sdr_gain": values["sdr"] - values["sdr_mixture"],
                    "pointed": right,
                    "steps": counted,
                    "by_chance": counted / len(names),
                }
            )
    table = pd.DataFrame(lines)
    table.to_csv(folder(f"{paths.ROW}/{row}") / "mixtures.csv", index=False, float_format="%.6g")
    write(row, means(table) if lines else {})


def measured(true: np.ndarray, estimated: np.ndarray) -> dict[str, float]:
    """The figures of a mixture, the mean of its players."""
    values = (*separation.bss_eval(true, estimated), separation.si_sdr(true, estimated))
    return {figure: float(value.mean()) for figure, value in zip(FIGURES, values, strict=True)}


def means(table: pd.DataFrame) -> Metrics:
    """The mean over the mixtures of each set; the pointing over all its steps."""
    metrics: Metrics = {}
    for kind, here in table.groupby("set"):
        for figure in here.columns:
            if f"{figure}_{kind}" in KEYS:
                metrics[f"{figure}_{kind}"] = float(here[figure].mean())
        if steps := here.steps.sum():
            metrics[f"pointing_{kind}"] = float(here.pointed.sum() / steps)
            metrics[f"pointing_chance_{kind}"] = float(here.by_chance.sum() / steps)
    return metrics


def write(row: str, metrics: Metrics) -> None:
    """Write metrics/separation/<row>.json: the same keys in every file, null where a key has no meaning for the row."""
    assert set(metrics) <= set(KEYS), set(metrics) - set(KEYS)
    values = {key: metrics.get(key) for key in KEYS}
    rounded = {key: None if value is None or np.isnan(value) else round(value, 4) for key, value in values.items()}
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    (paths.FIGURES / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def powers(mixture: Mixture, scale: Scale, settings: shared.Params) -> np.ndarray:
    """Power of each player alone on the scale: float32 [players, steps, bins]."""
    nobody = np.zeros(len(mixture.sounds), bool)
    return mixing.powers(mixture.sounds, nobody, scale, settings.audio)[1][:-1].transpose(0, 2, 1)
