"""Pitch and onsets of windows: are the notes that should be heard there, and in time?"""

import librosa
import numpy as np
import pandas as pd

from pipeline import params
from pipeline.audio import heard, onset_detector
from pipeline.compute import parallel
from pipeline.dataset.artifacts import NOTES, SPECTROGRAMS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places
from pipeline.evaluation.rows import KEYS, Metrics, folder, instrument_of, mean, others
from pipeline.metrics import onset, pitch

SEMITONE_CENTS = 100


def listened_to(places: Places, settings: params.Params) -> list[int]:
    """Numbers of the `evaluate.content_windows` windows whose pitch and onsets are measured.

    They are spread evenly over the windows with notes, or over all windows if the corpus has no notes.
    """
    notes = Shards(NOTES)
    there = [number for number, (track, _) in enumerate(places) if track in notes] or list(range(len(places)))
    picked = np.linspace(0, len(there) - 1, min(settings.evaluate.content_windows, len(there))).astype(int)
    return [there[i] for i in picked]


Content = tuple[np.ndarray, np.ndarray]  # pitch in Hz of each frame, 0 a rest; onsets in s


def content(places: Places, frames: int, settings: params.Params) -> list[Content]:
    """What should be heard in windows: their notes.

    Without notes, every frame is a rest, and the onsets are those that the detector finds in the recording.
    """
    notes, recorded, fps = Shards(NOTES), Shards(SPECTROGRAMS), settings.audio.fps
    asked = []
    for track, start in places:
        if track in notes:
            pitch_hz = note_hz(notes.rows("notes", track, start, frames), settings.notes)
            asked.append((pitch_hz, np.flatnonzero(notes.rows("onsets", track, start, frames)) / fps))
        else:
            sound = recorded.rows("spectrogram", track, start, frames)
            asked.append((np.zeros(frames), onset_detector.detect(sound, fps)))
    return asked


def measure_content(row: str, batch: np.ndarray, places: Places, settings: params.Params) -> Metrics:
    """Pitch accuracy and onset F1 of log-spectrograms [windows, frames, bins], and of the control with another track's notes.

    evaluations/<row>/content.csv also has the pitch within a semitone, and the chroma, which ignores octaves.
    """
    evaluate, asked = settings.evaluate, content(places, batch.shape[1], settings)
    calls = [(window, settings.audio, settings.notes) for window in batch]
    found = list(parallel.each(heard.listen, calls, "loky"))
    order, moved = others(places)
    instruments = instrument_of()
    table = pd.DataFrame(places, columns=["source", "source_start"])
    table["instrument"] = table.source.map(instruments)
    for suffix, of, valid in (("", np.arange(len(places)), moved | True), ("_shuffled", order, moved)):
        for i in np.flatnonzero(valid):
            (true_hz, true_onsets_s), (hz, onsets_s) = asked[i], found[of[i]]
            true_hz = true_hz[:: heard.PITCH_EVERY]
            table.loc[i, f"pitch{suffix}"] = pitch.accuracy(true_hz, hz, evaluate.pitch_tolerance_cents)
            table.loc[i, f"semitone{suffix}"] = pitch.accuracy(true_hz, hz, SEMITONE_CENTS)
            table.loc[i, f"chroma{suffix}"] = pitch.accuracy(true_hz, hz, evaluate.pitch_tolerance_cents, octaves=False)
            table.loc[i, f"onset_f1{suffix}"] = onset.f1(true_onsets_s, onsets_s, evaluate.onset_tolerance_s)
    table.to_csv(folder(row) / "content.csv", index=False, float_format="%.6g")
    metrics = {name: mean(table[name].dropna()) for name in KEYS if name in table}
    onsets = [(true_s, found_s) for (_, true_s), (_, found_s) in zip(asked, found, strict=True)]
    lag_s = onset.lag(onsets, evaluate.onset_tolerance_s, evaluate.largest_lag_s, 1 / settings.audio.fps)
    return metrics | {"onset_lag_s": None if np.isnan(lag_s) else lag_s}


def note_hz(notes: np.ndarray, settings: params.Notes) -> np.ndarray:
    """Pitch in Hz of note indices, 0 for a rest."""
    return np.where(notes > 0, librosa.midi_to_hz(notes.astype(np.float64) - 1 + settings.lowest_midi), 0.0)
