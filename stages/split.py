"""Which tracks train and which test: data/splits.parquet. All that earlier stages set aside: data/set_aside.csv."""

from pathlib import Path

import pandas as pd

from pipeline import corpus, params, set_aside, split
from pipeline.shards import Shards
from stages import run


def main() -> None:
    settings = params.load()
    tracks, _ = corpus.read(settings.corpus)
    usable = set(Shards("data/motion").index.index) & set(Shards("data/spectrograms").index.index)
    instruments = {track.name: track.instrument for track in tracks if track.name in usable}
    recordings = {track.name: track.recording for track in tracks if track.name in usable}
    if len(set(recordings.values())) < 2:
        raise set_aside.NothingLeft(
            f"{len(instruments)} usable track in {settings.corpus.root}: one to train and one to test are needed, "
            "of different recordings"
        )
    sides = split.assign({recordings[track]: instruments[track] for track in instruments}, settings.split.test_share)
    parts = {track: sides[recordings[track]] for track in instruments}
    table = pd.DataFrame(
        {"track": list(parts), "instrument": [instruments[t] for t in parts], "part": list(parts.values())}
    )
    table.sort_values("track").to_parquet("data/splits.parquet", index=False)

    print(table.groupby(["instrument", "part"]).size().unstack(fill_value=0).to_string())
    items = [
        item for stage in ("keypoints", "motion", "spectrograms", "notes") for item in set_aside.read(f"data/{stage}")
    ]
    set_aside.write(Path("data"), items)


if __name__ == "__main__":
    run(main)
