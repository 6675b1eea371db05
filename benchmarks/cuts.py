"""How well are cuts found? `python -m benchmarks.cuts FOLDER`, with a folder of videos

Composes test sequences from stretches of the videos. Some have cuts: to another video, or to a part of the same picture, like a
second camera. Others have none: cross-fades, flashes, a light that is switched on, pans, zooms. Counts the cuts that are found.
Finally, lists the cuts found in the original videos, with all pictures and with every second or third picture.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.corpus.cuts import cuts
from pipeline.corpus.folder import VIDEOS
from pipeline.media import picture_files

SIZE_PX = (320, 180)
BEFORE = 12  # pictures on each side of the event
Pictures = list[np.ndarray]


def found(pictures: Pictures) -> list[int]:
    return [round(place) for place in cuts((float(i), picture) for i, picture in enumerate(pictures))]


def part(picture: np.ndarray, x: float, y: float, share: float) -> np.ndarray:
    """A part of a picture, enlarged to its full size. x, y: upper left corner; share: width and height; all 0..1."""
    width_px, height_px = SIZE_PX
    rows = slice(round(y * height_px), round((y + share) * height_px))
    return cv2.resize(picture[rows, round(x * width_px) : round((x + share) * width_px)], SIZE_PX)


def take(video: Pictures, count: int, rng: np.random.Generator) -> Pictures:
    start = int(rng.integers(0, len(video) - count + 1))
    return video[start : start + count]


def made(videos: dict[str, Pictures], rng: np.random.Generator) -> Iterator[tuple[str, Pictures, list[int]]]:
    """Test sequences: their kind, the pictures, and the indices of the true cuts."""
    for name, video in videos.items():
        for other, there in videos.items():
            if other != name:
                yield "cut to another video", take(video, BEFORE, rng) + take(there, BEFORE, rng), [BEFORE]
                third = videos[next(each for each in videos if each not in (name, other))]
                insert = take(there, 6, rng)
                yield (
                    "cut to another, 6 pictures later to a third",
                    take(video, BEFORE, rng) + insert + take(third, BEFORE, rng),
                    [BEFORE, BEFORE + 6],
                )
                for length in (8, 15, 30):
                    a, b = take(video, BEFORE + length, rng), take(there, BEFORE + length, rng)
                    share = np.linspace(0, 1, length + 2)[1:-1]
                    mixed = [
                        cv2.addWeighted(x, 1 - s, y, s, 0)
                        for x, y, s in zip(a[BEFORE:], b[:length], share, strict=True)
                    ]
                    yield f"cross-fade of {length} pictures", a[:BEFORE] + mixed + b[length:], []
        for _ in range(6):
            share = rng.uniform(0.4, 0.6)
            x, y = rng.uniform(0, 1 - share, 2)
            pictures = take(video, 2 * BEFORE, rng)
            closer = [part(picture, x, y, share) for picture in pictures[BEFORE:]]
            yield "cut to a part of the same picture", pictures[:BEFORE] + closer, [BEFORE]
        for length in (1, 2, 3, 5):
            for gain in (1.5, 2.5):
                pictures = take(video, 2 * BEFORE + length, rng)
                for i in range(BEFORE, BEFORE + length):
                    pictures[i] = cv2.convertScaleAbs(pictures[i], alpha=gain, beta=40)
                yield f"flash of {length} pictures", pictures, []
        for dark in (0.3, 0.5, 0.7):
            pictures = take(video, 2 * BEFORE, rng)
            dim = [cv2.convertScaleAbs(picture, alpha=dark) for picture in pictures[:BEFORE]]
            yield f"light switched on, from {dark:.0%}", dim + pictures[BEFORE:], []
        for length in (8, 15, 30):
            pictures = take(video, 2 * BEFORE + length, rng)
            way = np.clip((np.arange(len(pictures)) - BEFORE) / length, 0, 1)
            pan = [part(picture, 0.5 * w, 0.2, 0.5) for picture, w in zip(pictures, way, strict=True)]
            yield f"pan over half of the picture in {length} pictures", pan, []
            zoom = [part(picture, 0.2 * w, 0.2 * w, 1 - 0.5 * w) for picture, w in zip(pictures, way, strict=True)]
            yield f"zoom to half in {length} pictures", zoom, []


def main() -> None:
    rng = np.random.default_rng(0)
    videos: dict[str, Pictures] = {}
    whole: dict[str, Pictures] = {}
    for path in sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix.lower() in VIDEOS):
        pictures = [cv2.resize(p, SIZE_PX, interpolation=cv2.INTER_AREA) for _, p in picture_files.frames(path)]
        whole[path.stem] = pictures
        edges = [0, *found(pictures), len(pictures)]  # detected cuts are assumed to be real
        videos |= {f"{path.stem} {i}": pictures[a:b] for i, (a, b) in enumerate(pairwise(edges))}
    rows = []
    for kind, pictures, true in made(videos, rng):
        at = found(pictures)
        rows.append((kind, len(true), len(set(at) & set(true)), len(set(at) - set(true))))
    table = pd.DataFrame(rows, columns=["made", "cuts", "found", "false"]).groupby("made", sort=False)
    print(
        table.agg(
            times=("cuts", "size"), cuts=("cuts", "sum"), found=("found", "sum"), false=("false", "sum")
        ).to_string()
    )
    for name, pictures in whole.items():
        print(name, *(f"1 of {step}: {found(pictures[::step])}" for step in (1, 2, 3)), sep="; ")


if __name__ == "__main__":
    main()
