"""Any folder of videos with sound. This module reads whole videos; `look` divides them into shots and players.

The instrument is the name of the top sub-folder that holds the video (violin/recital.mp4, violin/monday/recital.mp4).
Without a sub-folder it is the only instrument in the file's name (double_bass.mp4), or else unknown. A MIDI file next
to the video and with the same name (recital.mid) is its score.
"""

import re
from collections import Counter
from pathlib import Path

from pipeline.corpus.files import safe_name, unusable
from pipeline.corpus.track import UNKNOWN, Track, relative
from pipeline.corpus.urmp import INSTRUMENTS
from pipeline.dataset.set_aside import SetAside

VIDEOS = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv")
SOUNDS = (".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".wma")
SCORES = (".mid", ".midi")
OTHERS = ("accordion", "drums", "guitar", "harp", "keyboard", "piano", "recorder", "tabla", "ukulele", "voice")


def read(root: Path) -> tuple[list[Track], list[SetAside]]:
    """The videos below root, sorted by path, and the files that cannot be used. Hidden and other files are ignored."""
    tracks: list[Track] = []
    aside: list[SetAside] = []
    places = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    places = [place for place in places if not any(part.startswith(".") for part in place.parts)]
    videos = [place for place in places if place.suffix.lower() in VIDEOS]
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
        elif place.suffix.lower() in VIDEOS:
            if bad := unusable(root / place, root, picture=True, sound=True):
                aside.append(bad)
                continue
            # If videos share a short name (one take in two formats, say), their full paths tell them apart.
            short = _joined(place.with_suffix(""))
            name = safe_name(short if same[short] == 1 else f"{place}")
            path = root / place
            midi = scores.get(place.with_suffix(""))
            tracks.append(Track(name=name, piece=name, instrument=instrument(place), video=path, audio=path, midi=midi))
    return tracks, aside


def _joined(place: Path) -> str:
    return "__".join(place.parts)


def instrument(place: Path) -> str:
    """The instrument named by a video's path in the corpus, or UNKNOWN."""
    if len(place.parts) > 1:
        # Printable ASCII, because the name goes into tables and a folder's name may hold any bytes.
        return safe_name(place.parts[0].lower().replace(" ", "_")).replace("_", " ").replace("-", " ").strip()
    words = " ".join(re.findall("[a-z]+", place.stem.lower()))
    named = [known for known in (*INSTRUMENTS.values(), *OTHERS) if re.search(rf"\b{known}\b", words)]
    return named[0] if len(named) == 1 else UNKNOWN
