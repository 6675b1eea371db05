"""Who plays what, and where: a reader for each layout of a corpus, and the tracks that it finds."""

from pathlib import Path

from pipeline import media, params
from pipeline.corpus import folder, look, solos, urmp
from pipeline.corpus.track import UNKNOWN, Track
from pipeline.set_aside import NothingLeft, SetAside

__all__ = ["READERS", "UNKNOWN", "Track", "read"]

READERS = {"studio": urmp.read, "urmp": urmp.read, "solos": solos.read, "folder": folder.read}


def read(corpus: params.Corpus) -> tuple[list[Track], list[SetAside]]:
    """The tracks of a corpus, in an order that depends on nothing but their names, and what of it cannot be used.

    Files are only looked into, not decoded: what shows on decoding is for the stage that decodes. But anyone's videos are
    decoded once, to find their shots and their players.

    Raises:
        NothingLeft: there is no such folder, or nothing in it that the corpus could be read from.
        ParamsError: corpus.player_order does not fit the corpus.
    """
    root = Path(corpus.root)
    if not root.is_dir():
        advice = "make it with: dvc repro studio" if corpus.name == "studio" else "set it in params.yaml"
        raise NothingLeft(f"corpus.root = {media.shown(root)}: no such folder; {advice}")
    reader = READERS[corpus.name]
    tracks, aside = reader(root, corpus.player_order) if reader is urmp.read else reader(root)
    if not tracks and not aside:
        what = f"nothing in it that corpus.name = {corpus.name} can read"
        raise NothingLeft(
            f"corpus.root = {media.shown(root)}: {what}; put the corpus there, or set both in params.yaml"
        )
    if corpus.name == "urmp":
        held, whole = urmp.held(root)
        if not whole:  # a download that is not finished is seen at once
            aside.append(SetAside("corpus.root", held, "copy the others there, too, unless you want these alone"))
    if corpus.name == "folder":
        tracks, short = look.divided(tracks, corpus)
        aside += short
    return tracks, aside
