"""Which tracks train, which are for choosing settings, and which test."""

import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd


def position(track: str) -> float:
    """A number in 0..1 that depends only on the track's name."""
    return int.from_bytes(hashlib.sha256(track.encode()).digest()[:8], "big") / 2**64


def assign(instruments: dict[str, str], test_share: float, choose_share: float) -> dict[str, str]:
    """Give every track "train", "choose" or "test".

    Within each instrument, a track is a test track if the hash of its name falls below `test_share`, and is to choose settings
    by if it falls into the `choose_share` above that, so a new track moves no other. If no hash of an instrument does, the
    lowest hash tests, and the next lowest is to choose by. The highest hash always trains, and an instrument with two tracks
    has none to choose by. Instruments with a single track are treated as one instrument together.

    Args:
        instruments: track → instrument.
    """
    sizes = Counter(instruments.values())
    groups: dict[str | None, list[str]] = {}
    for track, instrument in instruments.items():
        groups.setdefault(instrument if sizes[instrument] > 1 else None, []).append(track)
    parts: dict[str, str] = {}
    for group in groups.values():
        ordered = sorted(group, key=position)
        below = sum(position(track) < test_share for track in ordered)
        tests = min(max(below, 1), len(ordered) - 1)
        between = sum(position(track) < test_share + choose_share for track in ordered[tests:])
        choose = min(max(between, 1), len(ordered) - 1 - tests)
        names = ["test"] * tests + ["choose"] * choose + ["train"] * (len(ordered) - tests - choose)
        parts |= dict(zip(ordered, names, strict=True))
    return parts


def tracks(path: str | Path, part: str) -> list[str]:
    """Names of the "train", "choose" or "test" tracks in a splits.parquet. Only names: training must not know the instruments."""
    table = pd.read_parquet(path, columns=["track", "part"])
    return sorted(table.track[table.part == part])


def validation(path: str | Path) -> list[str]:
    """Names of the tracks that a training is watched on: those to choose by, so that no setting is chosen on the test tracks.

    A corpus too small to have any is watched on its test tracks.
    """
    return tracks(path, "choose") or tracks(path, "test")
