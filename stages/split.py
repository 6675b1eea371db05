"""Splits the tracks into those that train, those to choose settings by, and those that test: data/splits.parquet.

Also writes data/set_aside.csv, the files that all earlier stages set aside.
"""

import pandas as pd

from pipeline import params
from pipeline.corpus.sides import recordings, sides
from pipeline.corpus.track import read_tracks
from pipeline.dataset.artifacts import KEYPOINTS, MOTION, NOTES, SET_ASIDE, SPECTROGRAMS, SPLITS, TRACKS_SET_ASIDE
from pipeline.dataset.set_aside import read_set_aside, write_set_aside
from pipeline.dataset.shards import Shards
from pipeline.errors import FileError, NothingLeft, run


def main() -> None:
    settings = params.load()
    tracks = read_tracks()
    usable = set(Shards(MOTION).index.index) & set(Shards(SPECTROGRAMS).index.index)
    count = len({recording for name, recording in recordings(tracks).items() if name in usable})
    if count < 2:
        raise NothingLeft(
            f"{count} usable recording in {settings.corpus.root}: one to train and one to test are needed"
        )
    parts = sides(tracks, usable, settings.split)
    # Without the tracks that were set aside since, another track may be held out than `extract` expected.
    detected = Shards(KEYPOINTS).index["detected"]
    for name in (name for name, part in parts.items() if part != "train" and not detected[name]):
        what = f"{name} is held out of training, and its joints were not detected, since other tracks were set aside"
        raise FileError(KEYPOINTS, what, "set keypoints.detected_share to 1 in params.yaml")
    instruments = {track.name: track.instrument for track in tracks}
    table = pd.DataFrame(
        {"track": list(parts), "instrument": [instruments[t] for t in parts], "part": list(parts.values())}
    )
    table.sort_values("track").to_parquet(SPLITS, index=False)

    print(table.groupby(["instrument", "part"]).size().unstack(fill_value=0).to_string())
    files = (TRACKS_SET_ASIDE, *(folder / "set_aside.csv" for folder in (KEYPOINTS, MOTION, SPECTROGRAMS, NOTES)))
    write_set_aside(SET_ASIDE, [item for file in files for item in read_set_aside(file)])


if __name__ == "__main__":
    run(main)
