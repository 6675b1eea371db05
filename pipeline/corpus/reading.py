"""Reads a corpus with the reader for its layout: who plays what, and where."""

from pathlib import Path

from pipeline import params
from pipeline.corpus import folder, look, solos, urmp
from pipeline.corpus.files import is_utf8
from pipeline.corpus.track import Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import NothingLeft, shown

READERS = {"studio": urmp.read, "urmp": urmp.read, "solos": solos.read, "folder": folder.read}


def read(corpus: params.Corpus, finder: look.Finder) -> tuple[list[Track], list[SetAside]]:
    """The tracks of a corpus, in an order that depends only on names, and the files that cannot be used.

    Only headers are read. Faults that show only in decoding are left to the stage that decodes. The exception is
    corpus.name = folder: each of its videos is decoded once, to find shots and players.

    Args:
        finder: finds the people in a picture, for corpus.people = each.

    Raises:
        NothingLeft: the folder does not exist, or holds nothing that the corpus can be read from.
        ParamsError: corpus.player_order does not fit the corpus.
    """
    root = Path(corpus.root)
    if not root.is_dir():
        advice = "make it with: dvc repro studio" if corpus.name == "studio" else "set it in params.yaml"
        raise NothingLeft(f"corpus.root = {shown(root)}: no such folder; {advice}")
    reader = READERS[corpus.name]
    tracks, aside = reader(root, corpus.player_order) if reader is urmp.read else reader(root)
    if not tracks and not aside:
        what = f"nothing in it that corpus.name = {corpus.name} can read"
        raise NothingLeft(f"corpus.root = {shown(root)}: {what}; put the corpus there, or set both in params.yaml")
    unnamed = {path for track in tracks for path in track.files if not is_utf8(path)}
    aside += [
        SetAside(relative(path, root), "its name is not UTF-8, and cannot be kept", "rename it") for path in unnamed
    ]
    tracks = [track for track in tracks if unnamed.isdisjoint(track.files)]
    if corpus.name == "urmp":
        held, whole = urmp.held(root)
        if not whole:  # an unfinished download is reported before any work
            aside.append(SetAside("corpus.root", held, "copy the others there, too, unless you want these alone"))
    if corpus.name == "folder":
        tracks, short = look.divided(tracks, corpus, finder)
        aside += short
    return tracks, aside
