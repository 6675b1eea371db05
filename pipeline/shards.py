"""Shards: the tracks of a corpus in a few large NPY files, with a Parquet index that says where each track lies.

A folder holds, for every array name, `<name>_000.npy`, `<name>_001.npy`, … and one `index.parquet` with a row a track:
`track`, `shard`, `start`, `rows`, `sha256` (of the track's bytes) and whatever columns the writer was given.
Arrays of one track share their first axis and their place: rows [start, start + rows) of that shard's files.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHARD_BYTES = 256 * 2**20  # large enough for few files, small enough to hold one in memory while it is written


class ShardWriter:
    """Collects tracks and writes a shard whenever `SHARD_BYTES` have come together.

    Use as a context manager: leaving it without an exception writes the last shard and the index.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rows: list[dict[str, Any]] = []
        self._pending: dict[str, list[np.ndarray]] = {}
        self._shard = self._start = self._bytes = 0

    def add(self, track: str, arrays: dict[str, np.ndarray], **columns: Any) -> None:
        """Append a track.

        Args:
            arrays: name → array [rows, ...]; the same names and dtypes for every track, the same number of rows in each.
            columns: further values for the track's row of the index.
        """
        rows = len(next(iter(arrays.values())))
        assert all(len(array) == rows for array in arrays.values()), f"{track}: arrays of different lengths"
        digest = hashlib.sha256()
        for name, array in arrays.items():
            self._pending.setdefault(name, []).append(array)
            digest.update(np.ascontiguousarray(array).tobytes())
            self._bytes += array.nbytes
        row = {
            "track": track,
            "shard": self._shard,
            "start": self._start,
            "rows": rows,
            "sha256": digest.hexdigest(),
        }
        self._rows.append(row | columns)
        self._start += rows
        if self._bytes >= SHARD_BYTES:
            self._flush()

    def _flush(self) -> None:
        for name, arrays in self._pending.items():
            np.save(self.folder / f"{name}_{self._shard:03d}.npy", np.concatenate(arrays), allow_pickle=False)
        self._pending = {}
        self._shard += 1
        self._start = self._bytes = 0

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self._pending:
                self._flush()
            # Without tracks there would be no columns, and no way to read the index.
            columns = None if self._rows else ["track", "shard", "start", "rows", "sha256"]
            pd.DataFrame(self._rows, columns=columns).to_parquet(self.folder / "index.parquet", index=False)


class Shards:
    """Reads a folder that `ShardWriter` wrote. Files are memory-mapped: only the rows asked for are read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.index = pd.read_parquet(self.folder / "index.parquet").set_index("track")
        places = self.index[["shard", "start", "rows"]].itertuples(name=None)
        self._places: dict[str, tuple[int, int, int]] = {
            track: (shard, start, rows) for track, shard, start, rows in places
        }
        self.arrays = sorted({path.stem.rpartition("_")[0] for path in self.folder.glob("*_[0-9]*.npy")})
        self._files: dict[tuple[str, int], np.ndarray] = {}

    def __contains__(self, track: str) -> bool:
        return track in self._places

    def length(self, track: str) -> int:
        """Rows of a track."""
        return self._places[track][2]

    def rows(self, name: str, track: str, start: int = 0, count: int | None = None) -> np.ndarray:
        """Rows [start, start + count) of a track's array `name`, as a view of the memory map; all the rest if count is None."""
        shard, offset, rows = self._places[track]
        count = rows - start if count is None else count
        assert start >= 0 and count >= 0 and start + count <= rows, f"{track}: rows {start}..{start + count} of {rows}"
        return self._file(name, shard)[offset + start : offset + start + count]

    def _file(self, name: str, shard: int) -> np.ndarray:
        if (name, shard) not in self._files:
            path = self.folder / f"{name}_{shard:03d}.npy"
            self._files[name, shard] = np.load(path, mmap_mode="r", allow_pickle=False)
        return self._files[name, shard]
