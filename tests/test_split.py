"""The split: stable, and every instrument tested."""

from collections import Counter
from pathlib import Path

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from make_media import URMP

from pipeline.corpus import urmp
from pipeline.dataset import split

TRACKS = st.dictionaries(st.text("abcdefgh0123", min_size=1), st.sampled_from(["violin", "tuba", "harp"]), min_size=2)


@given(TRACKS, st.just(0.0) | st.floats(0.05, 0.5))
def test_every_instrument_trains_and_tests(instruments: dict[str, str], share: float) -> None:
    parts = split.assign(instruments, share)
    assert set(parts) == set(instruments)
    assert set(parts.values()) == {"train", "test"}
    sizes = Counter(instruments.values())
    for instrument, size in sizes.items():
        here = {parts[track] for track in instruments if instruments[track] == instrument}
        assert size == 1 or here == {"train", "test"}


@given(TRACKS, st.text("xyz", min_size=1))
def test_a_new_track_moves_no_other(instruments: dict[str, str], new: str) -> None:
    """Where an instrument has tracks on both sides of the threshold, as any larger corpus does."""
    share = 0.4
    before = split.assign(instruments, share)
    for name in set(instruments.values()):
        sides = {split.position(track) < share for track in instruments if instruments[track] == name}
        if len(sides) == 2:
            after = split.assign(instruments | {new: name}, share)
            here = [track for track in instruments if instruments[track] == name]
            assert [after[track] for track in here] == [before[track] for track in here]


def test_training_is_given_names_alone(tmp_path: Path) -> None:
    """The instrument must not reach a model, not even as a column that nobody looks at."""
    table = pd.DataFrame({"track": ["b", "a", "c"], "instrument": ["tuba"] * 3, "part": ["train", "train", "test"]})
    table.to_parquet(tmp_path / "splits.parquet")
    assert split.tracks(tmp_path / "splits.parquet", "train") == ["a", "b"]


def test_a_share_of_0_is_one_test_track_an_instrument() -> None:
    """The paper's split of URMP, 13 test tracks: on as many tracks an instrument as URMP's 44 pieces have."""
    instruments = {
        f"{piece}_{player}_{code}": urmp.INSTRUMENTS[code]
        for piece, codes in URMP.items()
        for player, code in enumerate(codes.split(), start=1)
    }
    assert len(instruments) == 149
    parts = split.assign(instruments, 0)
    tests = [track for track, part in parts.items() if part == "test"]
    assert sorted(instruments[track] for track in tests) == sorted(urmp.INSTRUMENTS.values())
    assert parts == split.assign(dict(reversed(instruments.items())), 0), "the order of the tracks does not matter"
