"""Who plays what, and where: a row a track in data/tracks.parquet. The only stage that reads the corpus's own layout."""

from pathlib import Path

from pipeline import params
from pipeline.corpus.reading import read
from pipeline.corpus.track import TRACKS, write_tracks
from pipeline.dataset.set_aside import write_set_aside
from pipeline.errors import NothingLeft, run
from pipeline.keypoints.people_finder import finder

ASIDE = Path("data/tracks_set_aside.csv")


def main() -> None:
    settings = params.load()
    tracks, aside = read(settings.corpus, finder)
    TRACKS.parent.mkdir(exist_ok=True)
    write_set_aside(ASIDE, aside)
    if not tracks:
        raise NothingLeft(f"{settings.corpus.root}: no track that can be used; {ASIDE} says why")
    write_tracks(TRACKS, tracks)


if __name__ == "__main__":
    run(main)
