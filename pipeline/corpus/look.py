"""Videos of anyone's: where they are cut, and who is seen in them. Each is decoded once, and what was seen is kept.

A shot is a track of its own, so that no window crosses a cut: recital__shot_1, recital__shot_2 and so on. Shots that are too
short are counted, too, so that a name does not hang on what is too short. With corpus.people = each, every person of a shot is
a track, with a strip of the picture that ends halfway to the neighbours: recital__player_1 is the leftmost.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.compute.work import WORK, key, write_whole
from pipeline.corpus.cuts import cuts
from pipeline.corpus.files import safe_name
from pipeline.corpus.track import Track, relative
from pipeline.dataset.set_aside import SetAside
from pipeline.errors import FileError
from pipeline.media import picture_files

KEPT = WORK / "look"
# Opens what gives a picture's people, float32 [people, 2] = x of the neck as a share of the width, score in 0..1.
Finder = Callable[[], AbstractContextManager[Callable[[np.ndarray], np.ndarray]]]
EVERY_S = 0.5  # people are looked for this often: one who is missed in one picture is seen in the others


@dataclass(frozen=True)
class Looked:
    """What was seen in a video.

    Attributes:
        cuts: float64 [cuts], times of the first picture of every shot but the first, s.
        times: float64 [pictures], when people were looked for, s.
        people: float64 [sightings, 3] = time in s, x of the neck as a share of the picture's width, score in 0..1.
        end_s: end of the last picture.
    """

    cuts: np.ndarray
    times: np.ndarray
    people: np.ndarray
    end_s: float


def divided(tracks: list[Track], corpus: params.Corpus, finder: Finder) -> tuple[list[Track], list[SetAside]]:
    """Whole videos as their shots and, if corpus.people says so, their players; and how much is in shots too short.

    A video that cannot be decoded to its end stays as it is: what is wrong with it is for the stage that decodes it.
    """
    work = (joblib.delayed(_look)(track.video, finder if corpus.people == "each" else None) for track in tracks)
    looks = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(work)
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
    """Decode a video and see where it is cut and, if `find` is given, who is in it.

    Args:
        find: a picture's people, float32 [people, 2] = x of the neck, score.

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
            end_s, last_s = 2 * time_s - last_s, time_s  # the last picture is shown as long as the one before it
            yield time_s, picture

    found = np.array(list(cuts(pictures())))
    return Looked(found, np.array(times), np.array(people).reshape(-1, 3), end_s)


def shots(looked: Looked, shortest_s: float) -> list[tuple[int, float, float | None]]:
    """Number from 1, start and end of every shot of shortest_s or more; the only shot is long enough, whatever its length.

    The first starts with the file, since sound may be there before the picture; None is the end of the file.
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
    """Left and right edge of each person's strip of the picture in a stretch, from left to right.

    There are as many people as are seen at once in half of the pictures; none is taken for one. An edge lies where the middle
    between two neighbours is most of the time (the median).
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
        # The finder's own code, too, decides who is seen.
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
            # Where other shots show more people, nobody knows whose part of the score this one's is.
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
