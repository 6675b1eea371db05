"""The ceiling of each variant: the true notes of the test tracks through its code, without any model.

metrics/foley_music/score_<variant>.json; and metrics/foley_music/drift.csv, how far notes get in longer windows.
"""

import numpy as np
import pandas as pd
from pretty_midi import Note

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset import split
from pipeline.dataset.artifacts import NOTES as NOTE_INDICES
from pipeline.dataset.artifacts import SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Places
from pipeline.errors import run
from pipeline.metrics import onset
from pipeline.notes import note_table
from pipeline.notes.events import Code
from pipeline.sampling import event_sampler
from systems.foley_music import examples, paths, rows
from systems.foley_music.params import Drift, load


def main() -> None:
    settings, chosen = params.load(), load()
    determinism.prepare(settings.seed)
    tolerance_s, duration_s = settings.evaluate.onset_tolerance_s, settings.windows.duration_s
    tracks, notes = rows.judged(split.tracks(SPLITS, "test")), note_table.read(paths.NOTES)
    places: Places = []
    asked: list[list[Note]] = []
    if tracks:
        windows = examples.as_generated(tracks, settings)
        places = windows.spread(settings.generate.samples)
        asked = examples.notes_at(windows, places, notes, duration_s)
    sound = Shards(NOTE_INDICES)
    lengths_s = {track: sound.length(track) / settings.audio.fps for track in tracks if track in sound}
    true, drifts = [rows.table(each) for each in asked], []
    for name, each in chosen.variants.items():
        row = f"score_{name}"
        coded = [event_sampler.notes(each.code.encode(one, duration_s), each.code, duration_s) for one in asked]
        rows.write(row, rows.judge(row, places, true, [rows.table(one) for one in coded], None, tolerance_s))
        drifts += [{"code": name, **line} for line in drift(each.code, lengths_s, notes, chosen.drift, tolerance_s)]
    table = pd.DataFrame(
        drifts, columns=["code", "window_s", "onset_f1", "last_onset_late_ms", "tokens", "most_tokens"]
    )
    table.to_csv(paths.FIGURES / "drift.csv", index=False, float_format="%.4f")
    print(table.to_string(index=False))


def drift(
    code: Code, lengths_s: dict[str, float], notes: dict[str, list[Note]], chosen: Drift, tolerance_s: float
) -> list[dict[str, float]]:
    """How true notes get through a code in windows of some lengths: onset F1, how late the last onset is, and the tokens.

    Args:
        lengths_s: track → its length. The notes alone would end with the last of them.
    """
    found = []
    for duration_s in chosen.windows_s:
        f1, late_ms, tokens = [], [], []
        for track, length_s in lengths_s.items():
            for start_s in np.arange(0, length_s - duration_s + 1e-6, chosen.hop_s):
                true = note_table.window(notes.get(track, []), start_s, duration_s)
                if not true:
                    continue
                events = code.events(true, duration_s)
                coded = code.decode(np.array([*events, code.end]))
                asked_s, coded_s = (np.array([note.start for note in each]) for each in (true, coded))
                f1.append(onset.f1(asked_s, coded_s, tolerance_s))
                late_ms.append(1000 * (coded_s[-1] - asked_s[-1]))
                tokens.append(len(events) + 1)
        if f1:
            means = {"onset_f1": np.mean(f1), "last_onset_late_ms": np.mean(late_ms), "tokens": np.mean(tokens)}
            found.append({"window_s": duration_s, **means, "most_tokens": max(tokens)})
    return found


if __name__ == "__main__":
    run(main)
