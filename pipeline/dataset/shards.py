"""Shards: the tracks of a corpus in a few large NPY files, and a Parquet index of where each track lies.

A folder holds, for every array name, `<name>_000.npy`, `<name>_001.npy`, … and one `index.parquet` with one row per track:
`track`, `shard`, `start`, `rows`, `sha256` (of the track's bytes) and whatever columns the writer was given.
Arrays of one track share their first axis and their place: rows [start, start + rows) of that shard's files.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import parquet

SHARD_BYTES = 256 * 2**20  # few files, and each fits into memory while it is written


class ShardWriter:
    """Collects tracks and writes a shard whenever they reach `SHARD_BYTES`.

    Use it as a context manager. Leaving it without an exception writes the last shard and the index.
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
            arrays: name → array [rows, ...]. Names and dtypes are the same for every track; all arrays have the same rows.
            columns: further values for the track's row of the index.
        """
        rows = len(next(iter(arrays.values())))
        assert all(len(array) == rows for array in arrays.values()), f"{track}: arrays of different lengths"
        digest = hashlib.sha256()
        for name, array in arrays.items():
            self._pending.setdefault(name, []).append(array)
            digest.update(np.ascontiguousarray(array).data)
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
            # As np.save would write them in one piece, without a copy of it all.
            shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
            dtype = np.lib.format.dtype_to_descr(arrays[0].dtype)
            with open(self.folder / f"{name}_{self._shard:03d}.npy", "wb") as file:
                header = {"descr": dtype, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for array in arrays:
                    assert array.dtype == arrays[0].dtype and array.shape[1:] == shape[1:], f"{name}: tracks differ"
                    array.tofile(file)
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
    """Reads a folder that `ShardWriter` wrote. It reads only the requested rows and keeps only the index in memory.

    A file is opened for each read: a corpus may have more shards than a process may open files, and a memory map that stays
    open would keep everything in memory that was read through it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / "index.parquet"
        # Hashes take most of the space of the index, and nothing here needs them.
        columns = [name for name in parquet.read_schema(path).names if name != "sha256"]
        self.index = pd.read_parquet(path, columns=columns).set_index("track")
        self._places = self.index[["shard", "start", "rows"]].to_numpy(np.int64)  # [tracks, 3]
        self.arrays = sorted({path.stem.rpartition("_")[0] for path in self.folder.glob("*_[0-9]*.npy")})
        self._headers: dict[tuple[str, int], tuple[int, np.dtype, tuple[int, ...]]] = {}

    def __contains__(self, track: str) -> bool:
        return track in self.index.index

    def length(self, track: str) -> int:
        """Rows of a track."""
        return int(self._places[self.index.index.get_loc(track), 2])

    def lengths(self, tracks: Sequence[str]) -> np.ndarray:
        """Rows of each of several tracks, int64 [tracks]; 0 for a track that is not here."""
        places = self.index.index.get_indexer(pd.Index(tracks, dtype=object))
        return np.where(places < 0, 0, self._places[places, 2])

    def rows(self, name: str, track: str, start: int = 0, count: int | None = None) -> np.ndarray:
        """Rows [start, start + count) of a track's array `name`; without `count`, all rows from `start`."""
        shard, offset, rows = self._places[self.index.index.get_loc(track)].tolist()
        count = rows - start if count is None else count
        assert start >= 0 and count >= 0 and start + count <= rows, f"{track}: rows {start}..{start + count} of {rows}"
        data, dtype, shape = self._header(name, shard)
        array = np.empty((count, *shape), dtype)
        with open(self._file(name, shard), "rb") as file:
            file.seek(data + (offset + start) * array[:1].nbytes)
            assert file.readinto(array.data) == array.nbytes
        return array

    def _file(self, name: str, shard: int) -> Path:
        return self.folder / f"{name}_{shard:03d}.npy"

    def _header(self, name: str, shard: int) -> tuple[int, np.dtype, tuple[int, ...]]:
        """Where the rows of a shard begin, in bytes; their dtype; and the shape of one."""
        if (name, shard) not in self._headers:
            file = np.load(self._file(name, shard), mmap_mode="r", allow_pickle=False)
            assert file.flags.c_contiguous, f"{self._file(name, shard)}: its rows do not lie one after the other"
            self._headers[name, shard] = file.offset, file.dtype, file.shape[1:]
        return self._headers[name, shard]
