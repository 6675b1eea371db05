"""Splits the tracks into training and test: data/splits.parquet.

Also writes data/set_aside.csv, the files that all earlier stages set aside.
"""

from collections import Counter

import pandas as pd

from pipeline import params
from pipeline.corpus.track import read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import KEYPOINTS, MOTION, NOTES, SET_ASIDE, SPECTROGRAMS, SPLITS, TRACKS_SET_ASIDE
from pipeline.dataset.set_aside import read_set_aside, write_set_aside
from pipeline.dataset.shards import Shards
from pipeline.errors import NothingLeft, run


def main() -> None:
    settings = params.load()
    tracks = read_tracks()
    usable = set(Shards(MOTION).index.index) & set(Shards(SPECTROGRAMS).index.index)
    # Tracks that share a sound file (shots or players of one video) must be on the same side of the split.
    sharing = Counter(track.audio for track in tracks)
    recordings = {track.name: track.piece if sharing[track.audio] > 1 else track.name for track in tracks}
    instruments = {track.name: track.instrument for track in tracks if track.name in usable}
    of_recordings = {recordings[name]: instrument for name, instrument in instruments.items()}
    if len(of_recordings) < 2:
        raise NothingLeft(
            f"{len(of_recordings)} usable recording in {settings.corpus.root}: one to train and one to test are needed"
        )
    sides = split.assign(of_recordings, settings.split.test_share)
    parts = {name: sides[recordings[name]] for name in instruments}
    table = pd.DataFrame(
        {"track": list(parts), "instrument": [instruments[t] for t in parts], "part": list(parts.values())}
    )
    table.sort_values("track").to_parquet(SPLITS, index=False)

    print(table.groupby(["instrument", "part"]).size().unstack(fill_value=0).to_string())
    files = (TRACKS_SET_ASIDE, *(folder / "set_aside.csv" for folder in (KEYPOINTS, MOTION, SPECTROGRAMS, NOTES)))
    write_set_aside(SET_ASIDE, [item for file in files for item in read_set_aside(file)])


if __name__ == "__main__":
    run(main)
