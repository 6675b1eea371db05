"""Which part each track of a corpus is in; and whose joints are detected even if the true ones are known."""

from collections import Counter
from collections.abc import Container, Sequence

from pipeline.corpus.track import Track
from pipeline.dataset import split
from pipeline.params import Split


def recordings(tracks: Sequence[Track]) -> dict[str, str]:
    """Track → recording. Tracks that share a sound file (shots or players of one video) are one recording, their piece."""
    sharing = Counter(track.audio for track in tracks)
    return {track.name: track.piece if sharing[track.audio] > 1 else track.name for track in tracks}


def sides(tracks: Sequence[Track], usable: Container[str], chosen: Split) -> dict[str, str]:
    """Track → "train", "choose" or "test", by `split.assign`. All tracks of a recording are in one part.

    Args:
        tracks: all tracks of the corpus.
        usable: names of the tracks that are to be split.
    """
    of_track = recordings(tracks)
    instruments = {of_track[track.name]: track.instrument for track in tracks if track.name in usable}
    parts = split.assign(instruments, chosen.test_share, chosen.choose_share)
    return {track.name: parts[of_track[track.name]] for track in tracks if track.name in usable}


def detected(tracks: Sequence[Track], chosen: Split, detected_share: float) -> dict[str, str]:
    """Track → "train", "choose" or "test", of the tracks whose joints are detected.

    These are all tracks without true joints, all that do not train, and of each instrument's training tracks with true joints the
    `detected_share` with the lowest hashes, at least one. If a test track cannot be used, the lowest hashes test next.
    """
    parts = sides(tracks, {track.name for track in tracks}, chosen)
    known: dict[str, list[str]] = {}
    for track in tracks:
        if track.joints is not None and parts[track.name] == "train":
            known.setdefault(track.instrument, []).append(track.name)
    for names in known.values():
        for name in sorted(names, key=split.position)[max(1, round(detected_share * len(names))) :]:
            del parts[name]
    return parts
