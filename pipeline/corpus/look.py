"""Divides whole videos into shots and players. Each video is decoded once, and what was seen is kept.

Each shot is a track of its own, so that no window crosses a cut: recital__shot_1, recital__shot_2 and so on. Shots that
are too short are counted as well, so that names do not depend on corpus.shortest_shot_s.

With corpus.people = each, every person in a shot is a track: recital__player_1 is the leftmost. A person's strip of the
picture ends halfway to the neighbours.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.compute import parallel
from pipeline.compute.work import WORK, key, write_whole
from pipeline.corpus.cuts import cuts
from pipeline.corpus.files import safe_name
from pipeline.corpus.track import Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import FileError
from pipeline.media import picture_files

KEPT = WORK / "look"
# Opens a function from a picture to its people, float32 [people, 2] = x of the neck as a share of the width, score.
Finder = Callable[[], AbstractContextManager[Callable[[np.ndarray], np.ndarray]]]
EVERY_S = 0.5  # how often people are looked for; somebody who is missed once is seen the other times


@dataclass(frozen=True)
class Looked:
    """What was seen in a video.

    Attributes:
        cuts: float64 [cuts], times of the first picture of every shot except the first, s.
        times: float64 [pictures], when people were looked for, s.
        people: float64 [sightings, 3] = time in s, x of the neck as a share of the picture's width, score in 0..1.
        end_s: end of the last picture, s.
    """

    cuts: np.ndarray
    times: np.ndarray
    people: np.ndarray
    end_s: float


def divided(tracks: list[Track], corpus: params.Corpus, finder: Finder) -> tuple[list[Track], list[SetAside]]:
    """Divide whole videos into shots and, with corpus.people = each, into players.

    A video that cannot be decoded to its end stays whole. The stage that decodes it reports what is wrong.

    Returns:
        the tracks, and one item for each video with shots that are too short.
    """
    looks = parallel.each(
        _look, [(track.video, finder if corpus.people == "each" else None) for track in tracks], "loky"
    )
    parts: list[Track] = []
    aside: list[SetAside] = []
    taken = {track.name for track in tracks}
    for track, looked in zip(tracks, tqdm(looks, "look", len(tracks), unit="video", delay=2), strict=True):
        if looked is None:
            parts.append(track)
            continue
        whole = shots(looked, corpus.shortest_shot_s)
        for part in _parts(track, looked, whole):
            if part is not track:
                name = part.name if part.name not in taken else safe_name(f"{part.name} of {track.name}")
                taken.add(name)
                part = replace(part, name=name)
            parts.append(part)
        short_s = looked.end_s - sum(
            (looked.end_s if end_s is None else end_s) - start_s for _, start_s, end_s in whole
        )
        if count := len(looked.cuts) + 1 - len(whole):
            what = (
                f"{count} of its {len(looked.cuts) + 1} shots, {short_s:.1f} s in all, "
                f"are shorter than {corpus.shortest_shot_s:g} s and were left out"
            )
            advice = "use a take without cuts, or lower corpus.shortest_shot_s and windows.duration_s"
            aside.append(SetAside(relative(track.video, Path(corpus.root)), what, advice))
    return parts, aside


def look(video: Path, find: Callable[[np.ndarray], np.ndarray] | None = None) -> Looked:
    """Decode a video and find its cuts and, if `find` is given, its people.

    Args:
        find: from a picture to its people, float32 [people, 2] = x of the neck, score.

    Raises:
        FileError: the video cannot be read to its end.
    """
    times: list[float] = []
    people: list[tuple[float, float, float]] = []
    end_s = last_s = 0.0

    def pictures() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal end_s, last_s
        for time_s, picture in picture_files.frames(video):
            if find and (not times or time_s >= times[-1] + EVERY_S - picture_files.ROUNDING_S):
                times.append(time_s)
                people.extend((time_s, x, score) for x, score in find(picture))
            end_s, last_s = 2 * time_s - last_s, time_s  # the last picture lasts as long as the one before it
            yield time_s, picture

    found = np.array(list(cuts(pictures())))
    return Looked(found, np.array(times), np.array(people).reshape(-1, 3), end_s)


def shots(looked: Looked, shortest_s: float) -> list[tuple[int, float, float | None]]:
    """Number (from 1), start and end (s) of every shot of shortest_s or more. A video's only shot is always kept.

    The first shot starts with the file, because sound may start before the picture. None is the end of the file.
    """
    if not len(looked.cuts):
        return [(1, 0.0, None)]
    edges = [0.0, *map(float, looked.cuts), looked.end_s]
    long = [
        (number, start_s, end_s)
        for number, (start_s, end_s) in enumerate(pairwise(edges), start=1)
        if end_s - start_s >= shortest_s - picture_files.ROUNDING_S
    ]
    last = len(edges) - 1
    return [(number, start_s, None if number == last else end_s) for number, start_s, end_s in long]


def strips(looked: Looked, start_s: float, end_s: float | None) -> list[tuple[float, float]]:
    """Left and right edge of each person's strip of the picture from start_s to end_s, as shares of the width.

    People are ordered from left to right. Their number is the largest that is seen at once in at least half of the
    pictures, and at least 1. The edge between two neighbours is the median of the midpoints between their necks.
    """
    times = looked.times[(looked.times >= start_s) & (looked.times < (np.inf if end_s is None else end_s))]
    seen = [looked.people[looked.people[:, 0] == time_s, 1:] for time_s in times]
    counts = sorted(map(len, seen), reverse=True)
    count = counts[(len(counts) - 1) // 2] if counts else 0
    if count < 2:
        return [(0.0, 1.0)]
    surest = [each[np.argsort(-each[:, 1], kind="stable")[:count], 0] for each in seen if len(each) >= count]
    necks = np.sort(surest, axis=1)
    edges = [0.0, *map(float, np.median((necks[:, :-1] + necks[:, 1:]) / 2, axis=0)), 1.0]
    return list(pairwise(edges))


def _look(video: Path, finder: Finder | None) -> Looked | None:
    try:
        # The finder's own code is in the key, because it decides who is seen.
        made_by = None if finder is None else key(inspect.getfile(inspect.unwrap(finder)))
        place = KEPT / f"{key(__file__, video, made_by)}.npz"
        if not place.exists():
            with nullcontext() if finder is None else finder() as find:
                looked = look(video, find)
            write_whole(place, lambda path: np.savez(path, **vars(looked)))
        with np.load(place, allow_pickle=False) as kept:
            return Looked(kept["cuts"], kept["times"], kept["people"], float(kept["end_s"]))
    except FileError:
        return None


def _parts(track: Track, looked: Looked, whole: list[tuple[int, float, float | None]]) -> Iterator[Track]:
    in_shots = [strips(looked, start_s, end_s) for _, start_s, end_s in whole]
    most = max(map(len, in_shots), default=1)
    for (number, start_s, end_s), edges in zip(whole, in_shots, strict=True):
        shot = track
        if len(looked.cuts):
            shot = replace(track, name=f"{track.name}__shot_{number}", start_s=start_s, end_s=end_s)
        if len(edges) == 1:
            # If other shots show more people, nobody knows which part of the score this person plays.
            yield shot if most == 1 else replace(shot, midi=None)
            continue
        for player, (left, right) in enumerate(edges):
            yield replace(
                shot,
                name=f"{shot.name}__player_{player + 1}",
                left=left,
                right=right,
                part=player,
                midi=track.midi if len(edges) == most else None,
            )
