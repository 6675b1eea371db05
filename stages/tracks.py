"""Write data/tracks.parquet: who plays what, and where, one row per track.

No other stage reads the corpus's own layout.
"""

from pipeline import params
from pipeline.corpus.reading import read
from pipeline.corpus.track import write_tracks
from pipeline.dataset.artifacts import TRACKS, TRACKS_SET_ASIDE
from pipeline.dataset.set_aside import write_set_aside
from pipeline.errors import NothingLeft, run
from pipeline.keypoints.people_finder import finder


def main() -> None:
    settings = params.load()
    tracks, aside = read(settings.corpus, finder)
    TRACKS.parent.mkdir(exist_ok=True)
    write_set_aside(TRACKS_SET_ASIDE, aside)
    if not tracks:
        raise NothingLeft(f"{settings.corpus.root}: no track that can be used; {TRACKS_SET_ASIDE} says why")
    write_tracks(TRACKS, tracks)


if __name__ == "__main__":
    run(main)
