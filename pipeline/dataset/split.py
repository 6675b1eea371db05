"""Which tracks are for training and which for testing."""

import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd


def position(track: str) -> float:
    """A number in 0..1 that depends only on the track's name."""
    return int.from_bytes(hashlib.sha256(track.encode()).digest()[:8], "big") / 2**64


def assign(instruments: dict[str, str], test_share: float) -> dict[str, str]:
    """Give every track "train" or "test".

    Within each instrument, a track is a test track if the hash of its name falls below `test_share`, so a new track moves no
    other. If no hash of an instrument does, the track with the lowest hash tests. If all do, the one with the highest hash
    trains. Instruments with a single track are treated as one instrument together.

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
        parts |= {track: "test" if i < tests else "train" for i, track in enumerate(ordered)}
    return parts


def tracks(path: str | Path, part: str) -> list[str]:
    """Names of the "train" or "test" tracks in a splits.parquet. Only names: training must not know the instruments."""
    table = pd.read_parquet(path, columns=["track", "part"])
    return sorted(table.track[table.part == part])
