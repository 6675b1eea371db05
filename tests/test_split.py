"""The split: stable, and every instrument tested."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_media import URMP, workplace

from pipeline.corpus import sides, urmp
from pipeline.corpus.track import Track, write_tracks
from pipeline.dataset import split
from pipeline.dataset.set_aside import write_set_aside
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import FileError
from pipeline.params import Split

TRACKS = st.dictionaries(st.text("abcdefgh0123", min_size=1), st.sampled_from(["violin", "tuba", "harp"]), min_size=2)


SHARES = st.just(0.0) | st.floats(0.05, 0.5)


@given(TRACKS, SHARES, SHARES)
def test_every_instrument_trains_and_tests(instruments: dict[str, str], share: float, choose_share: float) -> None:
    """And settings are chosen on every instrument that has a third track, unless all of its others test."""
    parts = split.assign(instruments, share, choose_share)
    assert set(parts) == set(instruments)
    assert {"train", "test"} <= set(parts.values()) <= {"train", "choose", "test"}
    sizes = Counter(instruments.values())
    for instrument, size in sizes.items():
        here = Counter(parts[track] for track in instruments if instruments[track] == instrument)
        assert size == 1 or {"train", "test"} <= set(here)
        if size > 1:
            assert ("choose" in here) == (size - here["test"] > 1)


@given(TRACKS, SHARES, SHARES)
def test_what_settings_are_chosen_on_does_not_change_what_tests(
    instruments: dict[str, str], share: float, choose_share: float
) -> None:
    """Older figures stay comparable: the test tracks are the same ones, and those to choose by come from the training."""
    with_more, with_one = split.assign(instruments, share, choose_share), split.assign(instruments, share, 0)
    assert {name for name in instruments if with_more[name] == "test"} == {
        name for name in instruments if with_one[name] == "test"
    }


@given(TRACKS, st.text("xyz", min_size=1))
def test_a_new_track_moves_no_other(instruments: dict[str, str], new: str) -> None:
    """Where an instrument has tracks on all sides of the thresholds, as any larger corpus does."""
    before = split.assign(instruments, 0.3, 0.3)
    for name in set(instruments.values()):
        sides = {split.position(track) // 0.3 for track in instruments if instruments[track] == name}
        if {0, 1} < sides:
            after = split.assign(instruments | {new: name}, 0.3, 0.3)
            here = [track for track in instruments if instruments[track] == name]
            assert [after[track] for track in here] == [before[track] for track in here]


def test_training_is_given_names_alone(tmp_path: Path) -> None:
    """The instrument must not reach a model, not even as a column that nobody looks at."""
    table = pd.DataFrame({"track": ["b", "a", "c"], "instrument": ["tuba"] * 3, "part": ["train", "train", "test"]})
    table.to_parquet(tmp_path / "splits.parquet")
    assert split.tracks(tmp_path / "splits.parquet", "train") == ["a", "b"]


def test_trainings_are_watched_on_the_tracks_to_choose_by(tmp_path: Path) -> None:
    """Never on a test track, unless the corpus has no others."""
    for parts, expected in ((["train", "choose", "test"], ["b"]), (["train", "test", "test"], ["b", "c"])):
        table = pd.DataFrame({"track": list("abc"), "instrument": "tuba", "part": parts})
        table.to_parquet(tmp_path / "splits.parquet")
        assert split.validation(tmp_path / "splits.parquet") == expected


def test_a_share_of_0_is_one_test_track_an_instrument() -> None:
    """The paper's split of URMP, 13 test tracks: on as many tracks an instrument as URMP's 44 pieces have."""
    instruments = {
        f"{piece}_{player}_{code}": urmp.INSTRUMENTS[code]
        for piece, codes in URMP.items()
        for player, code in enumerate(codes.split(), start=1)
    }
    assert len(instruments) == 149
    parts = split.assign(instruments, 0, 0)
    tests = [track for track, part in parts.items() if part == "test"]
    assert sorted(instruments[track] for track in tests) == sorted(list(urmp.INSTRUMENTS.values())[:13])
    choose = Counter(instruments[track] for track, part in parts.items() if part == "choose")
    assert set(choose.values()) == {1}
    assert parts == split.assign(dict(reversed(instruments.items())), 0, 0), "the order of the tracks does not matter"


SPLITS = st.builds(Split, test_share=st.floats(0, 0.5), choose_share=st.floats(0, 0.4))


def recorded(name: str, instrument: str, joints: Path | None = Path("joints.npy")) -> Track:
    """A track with a sound file of its own and, unless `joints` is None, with true joints."""
    return Track(name, "piece", instrument, Path(f"{name}.mp4"), Path(f"{name}.wav"), joints=joints)


@given(TRACKS, SPLITS, st.floats(0, 1), st.data())
def test_a_test_track_is_always_detected(
    instruments: dict[str, str], chosen: Split, share: float, data: st.DataObject
) -> None:
    """Also if one of the tracks cannot be used, and another may test in its place."""
    tracks = [recorded(name, instrument) for name, instrument in instruments.items()]
    detected = sides.detected(tracks, chosen, share)
    assert detected.items() <= sides.sides(tracks, instruments, chosen).items()
    broken = data.draw(st.sampled_from([None, *instruments]))
    usable = {name for name in instruments if name != broken}
    held_out = {name for name, part in sides.sides(tracks, usable, chosen).items() if part != "train"}
    assert held_out <= set(detected)


@given(TRACKS, SPLITS, st.floats(0, 1))
def test_each_instrument_has_a_detected_training_track(
    instruments: dict[str, str], chosen: Split, share: float
) -> None:
    """Without one, there is no noise for the others."""
    tracks = [recorded(name, instrument) for name, instrument in instruments.items()]
    parts = sides.sides(tracks, instruments, chosen)
    detected = sides.detected(tracks, chosen, share)
    for instrument in set(instruments.values()):
        training = [name for name, part in parts.items() if part == "train" and instruments[name] == instrument]
        count = sum(name in detected for name in training)
        assert count == (max(1, round(share * len(training))) if training else 0)
    assert set(sides.detected(tracks, chosen, 1)) == set(instruments)


@given(TRACKS, SPLITS, st.floats(0, 1))
def test_tracks_without_true_joints_are_all_detected(instruments: dict[str, str], chosen: Split, share: float) -> None:
    """Every corpus but the studio's, whatever the parameter says."""
    tracks = [recorded(name, instrument, None) for name, instrument in instruments.items()]
    assert set(sides.detected(tracks, chosen, share)) == set(instruments)


def test_players_who_share_a_sound_are_on_one_side() -> None:
    shots = [Track(f"shot{i}", "video", "harp", Path("v.mp4"), Path("v.mp4")) for i in range(20)]
    tracks = [*shots, *(recorded(name, "harp") for name in "abcdefgh")]
    parts = sides.sides(tracks, {track.name for track in tracks}, Split(test_share=0.4, choose_share=0.2))
    assert len({parts[track.name] for track in shots}) == 1
    assert set(parts.values()) == {"train", "choose", "test"}


@pytest.mark.parametrize("detected", [True, False])
def test_a_track_that_was_not_detected_cannot_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detected: bool
) -> None:
    """Its joints would be true ones. It can happen if the tracks that were to test are set aside."""
    from stages.split import main

    monkeypatch.chdir(workplace(tmp_path))
    Path("data").mkdir()
    write_tracks(Path("data/tracks.parquet"), [recorded(name, "harp") for name in "abc"])
    for folder in ("keypoints", "motion", "spectrograms", "notes"):
        with ShardWriter(Path("data") / folder) as shards:
            for name in "abc":
                shards.add(name, {"rows": np.zeros(1)}, detected=detected)
        write_set_aside(Path("data") / folder / "set_aside.csv", [])
    write_set_aside(Path("data/tracks_set_aside.csv"), [])
    if detected:
        main()
        assert set(pd.read_parquet("data/splits.parquet").part) == {"train", "choose", "test"}
    else:
        with pytest.raises(FileError, match="its joints were not detected") as error:
            main()
        assert "set keypoints.detected_share to 1" in error.value.advice
