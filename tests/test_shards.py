"""Shards and windows: what was written is read, only what is asked for is read, and sound and movement stay together."""

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.compute import work
from pipeline.dataset import shards
from pipeline.dataset.arrays import write_npz
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.errors import NothingLeft


def test_tracks_come_back_from_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An offset that is wrong by a row, or by a shard, would train on another track's sound."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 1000)
    rng = np.random.default_rng(0)
    arrays = {f"t{i}": {"a": rng.normal(size=(7 * i + 1, 3)), "b": rng.integers(99, size=7 * i + 1)} for i in range(12)}
    with ShardWriter(tmp_path) as writer:
        for track, here in arrays.items():
            writer.add(track, here, number=len(track))
    assert len(list(tmp_path.glob("a_*.npy"))) > 2
    read = Shards(tmp_path)
    assert list(read.index.number) == [len(track) for track in arrays]
    for track, here in arrays.items():
        for name, array in here.items():
            np.testing.assert_array_equal(read.rows(name, track), array)
            np.testing.assert_array_equal(read.rows(name, track, 1, len(array) - 1), array[1:])


def test_an_unfinished_folder_has_no_index(tmp_path: Path) -> None:
    """A reader must not take half a corpus for a whole one."""
    with pytest.raises(RuntimeError), ShardWriter(tmp_path) as writer:  # noqa: PT012
        writer.add("t", {"a": np.zeros(3)})
        raise RuntimeError
    assert not (tmp_path / "index.parquet").exists()


def test_rows_outside_the_track_are_refused(tmp_path: Path) -> None:
    """They would silently be the next track's."""
    with ShardWriter(tmp_path) as writer:
        writer.add("t", {"a": np.zeros(5)})
        writer.add("u", {"a": np.ones(5)})
    with pytest.raises(AssertionError):
        Shards(tmp_path).rows("a", "t", 3, 3)


def test_a_window_is_read_without_its_shard(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add("t", {"a": np.zeros((20000, 256), dtype=np.float16)})  # 10 MB
    windows = Windows({"a": Source(Shards(tmp_path), "a", 62.5)}, ["t"], 4.0)
    tracemalloc.start()
    windows.batch([("t", 15000)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 250 * 256 * 2


def _two_sources(folder: Path, sound_rows: int, motion_rows: int, motion_fps: float) -> Windows:
    for name, rows, fps in (("sound", sound_rows, 62.5), ("motion", motion_rows, motion_fps)):
        with ShardWriter(folder / name) as writer:
            writer.add("t", {name: np.arange(rows) / fps})  # each row holds its own time
    sources = {
        "sound": Source(Shards(folder / "sound"), "sound", 62.5),
        "motion": Source(Shards(folder / "motion"), "motion", motion_fps),
    }
    return Windows(sources, ["t"], 4.0)


@settings(max_examples=60)
@given(st.integers(240, 700), st.integers(90, 300), st.sampled_from([25.0, 20.0, 29.97, 12.5, 60.0]))
def test_windows_are_aligned_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, sound: int, motion: int, fps: float
) -> None:
    """Sound and movement of every window start within half a motion frame; every start that fits is offered, no other."""
    folder = tmp_path_factory.mktemp("windows")
    fits = [
        start
        for start in range(max(sound - 250 + 1, 0))
        if int(np.floor(start / 62.5 * fps + 0.5)) + round(4 * fps) <= motion
    ]
    if not fits:
        with pytest.raises(NothingLeft):
            _two_sources(folder, sound, motion, fps)
        return
    windows = _two_sources(folder, sound, motion, fps)
    assert windows.starts["t"] == len(fits)
    for start in {0, len(fits) // 2, len(fits) - 1}:
        window = windows.at("t", start)
        assert abs(window["sound"][0] - window["motion"][0]) <= 0.5 / fps + 1e-9
        assert len(window["sound"]) == 250
        assert len(window["motion"]) == round(4 * fps)


def test_random_windows_are_all_as_likely(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add("short", {"a": np.zeros(251)})  # 2 starts
        writer.add("long", {"a": np.zeros(257)})  # 8 starts
        writer.add("too_short", {"a": np.zeros(249)})
    windows = Windows({"a": Source(Shards(tmp_path), "a", 62.5)}, ["short", "long", "too_short"], 4.0)
    drawn = windows.random(10_000, np.random.default_rng(0))
    counts = {place: drawn.count(place) for place in set(drawn)}
    assert len(counts) == 10
    assert min(counts.values()) > 850
    assert max(counts.values()) < 1150
    spread = windows.spread(7)
    assert len(spread) == 7
    assert [track for track, _ in spread].count("short") == 3
    assert spread[-1] == ("long", 7)


def test_work_key_depends_on_every_input(tmp_path: Path) -> None:
    """A key that misses an input would resume from another run's checkpoint."""
    file = tmp_path / "a"
    file.write_bytes(b"1")
    keys = {work.key(__file__, *inputs) for inputs in ((file, 1), (file, 2), (file,), (1,))}
    keys |= {work.key(work.__file__, file, 1)}  # made by other code
    file.write_bytes(b"2")
    keys |= {work.key(__file__, file, 1)}
    assert len(keys) == 6
    assert work.key(__file__, file, 1) == work.key(__file__, file, 1)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    work.write_whole(path, lambda p: p.write_text("old") and None)

    def fail(p: Path) -> None:
        p.write_text("half")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        work.write_whole(path, fail)
    assert path.read_text() == "old"


def test_a_window_that_starts_between_two_rows_is_interpolated_there(tmp_path: Path) -> None:
    """Movement at 25 rows/s beside codes at 62.5: row i of the codes lies at i / 2.5 rows of the movement."""
    with ShardWriter(tmp_path / "codes") as codes, ShardWriter(tmp_path / "motion") as motion:
        codes.add("a", {"codes": np.arange(40, dtype=np.int16)})
        motion.add("a", {"motion": 10 * np.arange(16, dtype=np.float32)[:, None]})
    sources = {
        "codes": Source(Shards(tmp_path / "codes"), "codes", 62.5),
        "motion": Source(Shards(tmp_path / "motion"), "motion", 25.0, between=True),
        "nearest": Source(Shards(tmp_path / "motion"), "motion", 25.0),
    }
    windows = Windows(sources, ["a"], duration_s=0.4)
    for start in range(windows.starts["a"]):
        window = windows.at("a", start)
        assert len(window["motion"]) == len(window["nearest"]) == 10
        there = 10 * np.minimum(start / 2.5 + np.arange(10), 15)  # the last row holds
        np.testing.assert_allclose(window["motion"][:, 0], there, rtol=1e-6)
        assert np.abs(window["nearest"][:, 0] - there).max() <= 5
    assert windows.starts["a"] == 16


def test_arrays_are_written_with_the_same_bytes_by_every_python(tmp_path: Path) -> None:
    """Two releases of 3.11 write other bytes for the same np.savez, and the hash of an evaluation was another one."""
    path = tmp_path / "a.npz"
    write_npz(path, one=np.arange(3, dtype=np.float32), count=7)
    with np.load(path, allow_pickle=False) as file:
        assert file["one"].tolist() == [0, 1, 2] and int(file["count"]) == 7
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "b1b5aada4544daa0185c3bc05568f55d09fa4e7dbdeb63163c5b2a7ac7066ce9"
    )
