"""Which tracks train and which test: data/splits.parquet. All that earlier stages set aside: data/set_aside.csv."""

from collections import Counter
from pathlib import Path

import pandas as pd

from pipeline import params
from pipeline.corpus.track import read_tracks
from pipeline.dataset import split
from pipeline.dataset.set_aside import read_set_aside, write_set_aside
from pipeline.dataset.shards import Shards
from pipeline.errors import NothingLeft, run


def main() -> None:
    settings = params.load()
    tracks = read_tracks()
    usable = set(Shards("data/motion").index.index) & set(Shards("data/spectrograms").index.index)
    # What shares a file of sound, as the shots and the players of a video do, must not be heard in training and test.
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
    table.sort_values("track").to_parquet("data/splits.parquet", index=False)

    print(table.groupby(["instrument", "part"]).size().unstack(fill_value=0).to_string())
    files = (
        "tracks_set_aside.csv",
        *(f"{stage}/set_aside.csv" for stage in ("keypoints", "motion", "spectrograms", "notes")),
    )
    items = [item for file in files for item in read_set_aside(f"data/{file}")]
    write_set_aside(Path("data") / "set_aside.csv", items)


if __name__ == "__main__":
    run(main)
