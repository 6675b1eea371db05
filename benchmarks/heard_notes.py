"""How well are notes heard in sound? `python -m benchmarks.heard_notes [FOLDER]`

In the folder of a run: the sounds of the test tracks are heard by each method that is installed, and compared with their annotated
notes, or with their MIDI where there are none. Prints CSV, a row for each instrument and one for all tracks: onset F1 and note F1
within `evaluate.onset_tolerance_s`, with the right semitone; and how many s of sound are heard in a s of one core.

With a folder of recordings it needs no run: a row for each method and each recording with a `<stem>.alignment.csv`, as
`benchmarks.real_sounds` takes it. Their notes have no pitch, so there is onset F1 alone.
"""

import sys
import time
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from benchmarks.real_sounds import SOUNDS, merged
from pipeline import params
from pipeline.corpus import sound
from pipeline.corpus.track import read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPLITS
from pipeline.errors import NothingLeft, ParamsError, run
from pipeline.media import sound_files
from pipeline.metrics import notes as note_metrics
from pipeline.metrics import onset
from pipeline.notes import basic_pitch, heard
from systems.foley_music.notes import of_track
from systems.foley_music.rows import table


def methods() -> list[heard.Method]:
    try:
        basic_pitch.network()
    except ParamsError as error:
        print(f"note: {error}", file=sys.stderr)
        return ["pyin"]
    return ["pyin", "basic_pitch"]


def of_recordings(folder: Path, settings: params.Params) -> pd.DataFrame:
    rows = []
    for alignment in sorted(folder.glob("*.alignment.csv")):
        stem = alignment.name.removesuffix(".alignment.csv")
        (recording,) = (folder / f"{stem}{end}" for end in SOUNDS if (folder / f"{stem}{end}").exists())
        sounding = sound_files.read_audio(recording, settings.audio.sample_rate_hz)
        starts_s = merged(pd.read_csv(alignment).start.to_numpy("float64"))
        for method in methods():
            found = table(heard.notes(sounding, settings.audio, settings.notes, method))
            score = onset.f1(starts_s, found[:, 0], settings.evaluate.onset_tolerance_s)
            rows.append(
                {"method": method, "recording": stem, "notes": len(starts_s), "heard": len(found), "onset_f1": score}
            )
    return pd.DataFrame(rows)


def main(folder: str = "") -> None:
    settings = params.load()
    if folder:
        of_recordings(Path(folder), settings).to_csv(sys.stdout, index=False, float_format="%.2f")
        return
    audio, tolerance_s = settings.audio, settings.evaluate.onset_tolerance_s
    every = read_tracks()
    names = set(split.tracks(SPLITS, "test"))
    tracks = [track for track in every if track.name in names and (track.notes or track.midi)]
    if not tracks:
        raise NothingLeft("no test track has annotated notes or MIDI to compare with")
    rows, chosen = [], methods()
    for track in tqdm(tracks, "tracks"):
        players = 1 + max(other.part for other in every if other.midi == track.midi)
        true = table(of_track(track, players)[0])
        recorded = sound.of_track(track, audio.sample_rate_hz)
        for method in chosen:
            begin_s = time.process_time()
            found = table(heard.notes(recorded, audio, settings.notes, method))
            rows.append(
                {
                    "method": method,
                    "instrument": track.instrument,
                    "onset_f1": onset.f1(true[:, 0], found[:, 0], tolerance_s),
                    "note_f1": note_metrics.f1(true, found, tolerance_s),
                    "heard_in_a_s": len(recorded) / audio.sample_rate_hz / (time.process_time() - begin_s),
                }
            )
    figures = pd.DataFrame(rows)
    by_instrument = figures.groupby(["method", "instrument"], as_index=False).mean()
    whole = figures.drop(columns="instrument").groupby("method", as_index=False).mean().assign(instrument="all")
    printed = pd.concat([by_instrument, whole]).sort_values("method", kind="stable")[figures.columns]
    printed.to_csv(sys.stdout, index=False, float_format="%.2f")


if __name__ == "__main__":
    run(main)
