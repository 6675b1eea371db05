"""What all rows of Foley Music's table share: the keys of their metrics, how notes are judged, and the controls.

Each figure stands beside two controls: the notes judged against a window of another track (shuffled), and the notes that the model
writes without any movement (zeroed).
A model that knows keys is also asked for one in each window (keyed): `in_key` is the share of its notes that belong to it, beside
that of the notes that it writes unasked. For `nll_*_keyed` the model is told the pitch classes of the true notes, so these are no
likelihoods of a prediction.

`heard`, the instrument heard in the sound, is null in every row: one SoundFont makes the
corpus and plays the notes, so it would be right by construction.
"""

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pretty_midi import Note

from pipeline.dataset.windows import Places
from pipeline.evaluation.rows import Metrics, folder, instrument_of, mean, others
from pipeline.metrics import notes as note_metrics
from pipeline.metrics import onset
from pipeline.notes import note_table
from systems.foley_music import paths

CONTROLS = ("", "_shuffled", "_zeroed")
JUDGED = ("onset_f1", "note_f1")
KEYS = (
    *(f"{figure}{control}" for figure in (*JUDGED, "nll_token", "nll_second") for control in CONTROLS),
    "nll_token_keyed",
    "nll_second_keyed",
    "in_key",
    "in_key_unasked",
    "onset_f1_keyed",
    "density_ratio",
    "density_ratio_zeroed",
    "knn",
    "heard",
)


def judged(tracks: Iterable[str]) -> list[str]:
    """Those of some tracks whose notes are written down. Says how many are left out, since their notes were only heard."""
    names, heard = list(tracks), note_table.heard(paths.NOTES)
    if left := heard.intersection(names):
        print(f"note: {len(left)} test tracks are not judged: their notes were heard in their sound, which is no truth")
    return [track for track in names if track not in heard]


def table(notes: Sequence[Note]) -> np.ndarray:
    """Notes as the metrics take them, by their onsets: float64 [notes, 3] = onset s, end s, MIDI pitch."""
    values = sorted((note.start, note.end, note.pitch) for note in notes)
    return np.array(values, np.float64).reshape(-1, 3)


def compared(
    places: Places,
    asked: Sequence[np.ndarray],
    written: Sequence[np.ndarray],
    zeroed: Sequence[np.ndarray] | None,
    tolerance_s: float,
) -> pd.DataFrame:
    """Onset F1 and note F1 of each window, with their controls; a row a window, with its track and instrument.

    Args:
        asked, written, zeroed: as of `judge`.
    """
    order, moved = others(places)
    instruments = instrument_of()
    figures = pd.DataFrame(places, columns=["source", "source_start"])
    figures["instrument"] = figures.source.map(instruments)
    for i, true in enumerate(asked):
        tried = {"": written[i], "_shuffled": written[order[i]] if moved[i] else None}
        tried["_zeroed"] = None if zeroed is None else zeroed[i]
        for control, found in tried.items():
            if found is not None:
                figures.loc[i, f"onset_f1{control}"] = onset.f1(true[:, 0], found[:, 0], tolerance_s)
                figures.loc[i, f"note_f1{control}"] = note_metrics.f1(true, found, tolerance_s)
    return figures


def judge(
    row: str,
    places: Places,
    asked: Sequence[np.ndarray],
    written: Sequence[np.ndarray],
    zeroed: Sequence[np.ndarray] | None,
    tolerance_s: float,
) -> Metrics:
    """Onset F1, note F1 and density of notes, with their controls; by instrument in
    metrics/foley_music/<row>.csv, by window in evaluations/foley_music/<row>/windows.csv.

    Args:
        asked, written, zeroed: the true notes of each window, those of the model, and those that it writes without movement,
            each float [notes, 3]. A window in which nothing is asked and nothing written does not count.

    Returns:
        Nothing if there is no window.
    """
    paths.FIGURES.mkdir(parents=True, exist_ok=True)
    if not places:
        pd.DataFrame(columns=["instrument", *JUDGED]).to_csv(paths.FIGURES / f"{row}.csv", index=False)
        folder(f"{paths.ROW}/{row}")
        return {}
    figures = compared(places, asked, written, zeroed, tolerance_s)
    figures.to_csv(folder(f"{paths.ROW}/{row}") / "windows.csv", index=False, float_format="%.6g")
    names = [name for name in KEYS if name in figures]
    by_instrument = figures.groupby("instrument")[names].mean()
    by_instrument.to_csv(paths.FIGURES / f"{row}.csv", float_format="%.4f")
    metrics = {name: mean(figures[name].dropna()) for name in names}
    metrics["density_ratio"] = note_metrics.density_ratio(asked, written)
    if zeroed is not None:
        metrics["density_ratio_zeroed"] = note_metrics.density_ratio(asked, zeroed)
    return metrics


def write(row: str, metrics: Metrics) -> None:
    """Write metrics/foley_music/<row>.json: the same keys in every file, null where a key has no meaning for the row."""
    assert set(metrics) <= set(KEYS), set(metrics) - set(KEYS)
    values = {key: metrics.get(key) for key in KEYS}
    rounded = {key: None if value is None or np.isnan(value) else round(value, 4) for key, value in values.items()}
    (paths.FIGURES / f"{row}.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
