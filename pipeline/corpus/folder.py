"""Any folder of videos with sound. This module reads whole videos; `look` divides them into shots and players.

The instrument is the name of the top sub-folder that holds the video (violin/recital.mp4, violin/monday/recital.mp4).
Without a sub-folder it is the only instrument in the file's name (double_bass.mp4), or else unknown. A MIDI file next
to the video and with the same name (recital.mid) is its score.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpus.files import safe_name, unusable
from pipeline.corpus.track import UNKNOWN, Track, relative
from pipeline.corpus.urmp import INSTRUMENTS
from pipeline.dataset.set_aside import SetAside
from pipeline.media import probing

# A video of any other name is taken, too, if it is one. These are reported if they cannot be read.
# fmt: off
VIDEOS = (
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv",
)
# fmt: on
SOUNDS = (".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".wma")
SCORES = (".mid", ".midi")
OTHERS = ("keyboard", "recorder", "tabla", "voice")  # besides those of `INSTRUMENTS`


def read(root: Path) -> tuple[list[Track], list[SetAside]]:
    """The videos below root, sorted by path, and the files that cannot be used. Hidden files are ignored."""
    tracks: list[Track] = []
    aside: list[SetAside] = []
    places = [path.relative_to(root) for path in sorted(_files(root))]
    known = (*VIDEOS, *SOUNDS, *SCORES)
    others = [place for place in places if place.suffix.lower() not in known]
    films = {place for place in others if probing.is_film(root / place)}
    videos = [place for place in places if place.suffix.lower() in VIDEOS or place in films]
    # In reverse order, so that recital.mid wins over recital.midi.
    scores = {place.with_suffix(""): root / place for place in reversed(places) if place.suffix.lower() in SCORES}
    filmed = {video.with_suffix("") for video in videos}
    same = Counter(_joined(place.with_suffix("")) for place in videos)
    for place in places:
        if place.suffix.lower() in SOUNDS:
            what, advice = "a sound without a picture", "put it into its video's file, or move it out of the corpus"
            aside.append(SetAside(relative(root / place, root), what, advice))
        elif place.suffix.lower() in SCORES and place.with_suffix("") not in filmed:
            what, advice = "a score without a video", "give it its video's name, or move it out of the corpus"
            aside.append(SetAside(relative(root / place, root), what, advice))
        elif place.suffix.lower() in VIDEOS or place in films:
            if bad := unusable(root / place, root, picture=True, sound=True):
                aside.append(bad)
                continue
            # If videos share a short name (one take in two formats, say), their full paths tell them apart.
            short = _joined(place.with_suffix(""))
            name = safe_name(short if same[short] == 1 else f"{place}")
            path = root / place
            midi = scores.get(place.with_suffix(""))
            tracks.append(Track(name=name, piece=name, instrument=instrument(place), video=path, audio=path, midi=midi))
    if tracks or aside:
        aside += _left_alone([place for place in others if place not in films])
    return tracks, aside


def _files(root: Path) -> Iterator[Path]:
    """The files below root that are not hidden. Linked folders are entered, but no folder twice, so that no loop is endless."""
    entered: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in names if not name.startswith(".") and Path(folder, name).is_file())


def _left_alone(places: list[Path]) -> list[SetAside]:
    """One item for the files of each kind that is no video."""
    kinds = Counter(place.suffix.lower() for place in places)
    return [
        SetAside(
            f"*{kind}",
            f"{count} file{'s' * (count > 1)} of this name, no video in {'them' if count > 1 else 'it'}",
            "nothing, unless one should have been a video",
        )
        for kind, count in sorted(kinds.items())
    ]


def _joined(place: Path) -> str:
    return "__".join(place.parts)


def instrument(place: Path) -> str:
    """The instrument named by a video's path in the corpus, or UNKNOWN."""
    if len(place.parts) > 1:
        # Printable ASCII, because the name goes into tables and a folder's name may hold any bytes.
        return safe_name(place.parts[0].lower().replace(" ", "_")).replace("_", " ").replace("-", " ").strip()
    words = " ".join(re.findall("[a-z]+", place.stem.lower()))
    named = [known for known in {*INSTRUMENTS.values(), *OTHERS} if re.search(rf"\b{known}\b", words)]
    # A bass guitar is not also a guitar.
    named = [one for one in named if not any(one != other and re.search(rf"\b{one}\b", other) for other in named)]
    return named[0] if len(named) == 1 else UNKNOWN
