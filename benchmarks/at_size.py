"""Do memory and time grow with the size of the corpus? `python -m benchmarks.at_size`

Compares corpora of 100 and 100,000 tracks. Their indices are real. The shards of the large corpus, 54 GB, are sparse files and take
no disk space. A new process opens each corpus, draws windows of sound, movement and codes, and measures time and memory. Then
20,000 small tracks are written, and the time of the first half is compared with the second. In each half, one shard fills up and
goes to disk.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows

SIZES = (100, 100_000)  # tracks
SHARD_TRACKS = 500
ARRAYS = {
    "spectrogram": (62.5, 260, (1024,), "f2"),
    "motion": (25.0, 104, (47, 2), "f4"),
    "codes": (62.5, 260, (), "i2"),
}
BATCH, BATCHES, ROUNDS = 16, 60, 5
WRITTEN = 20_000


def make(folder: Path, tracks: int) -> None:
    """Make a corpus of `tracks` tracks of 4.16 s, with shards that are sparse files."""
    order = np.arange(tracks)
    for name, (_, rows, shape, dtype) in ARRAYS.items():
        (folder / name).mkdir(parents=True)
        names = [f"{i:06d}_Piece_1_vn" for i in order]
        places = {"shard": order // SHARD_TRACKS, "start": order % SHARD_TRACKS * rows, "rows": rows}
        hashes = [f"{i:064x}" for i in order]
        pd.DataFrame({"track": names, **places, "sha256": hashes}).to_parquet(folder / name / "index.parquet")
        for shard, first in enumerate(range(0, tracks, SHARD_TRACKS)):
            here = min(SHARD_TRACKS, tracks - first) * rows
            path = folder / name / f"{name}_{shard:03d}.npy"
            np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(here, *shape))


def read(folder: Path, again: Path) -> dict[str, float]:
    """Time and memory to open a corpus and draw windows. `again` is opened first: the first use of pandas loads its modules."""
    for place in (again, folder):
        start = time.perf_counter()
        sources = {name: Source(Shards(place / name), name, fps) for name, (fps, *_) in ARRAYS.items()}
        windows = Windows(sources, list(sources["codes"].shards.index.index), 4.0)
        generator = np.random.default_rng(0)
        windows.batch(windows.random(BATCH, generator))
        opened_s = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(BATCHES):
        windows.batch(windows.random(BATCH, generator))
    batch_ms = (time.perf_counter() - start) / BATCHES * 1000
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "opened_s": opened_s,
        "batch_ms": batch_ms,
        "peak_mb": peak_mb,
        "files": len(list(Path("/proc/self/fd").iterdir())),
    }


def write(folder: Path) -> list[float]:
    """The time to write each half of `WRITTEN` tracks, s."""
    array = np.zeros((250, 47, 2), np.float32)
    marks = [time.perf_counter()]
    with ShardWriter(folder) as shards:
        for i in range(WRITTEN):
            shards.add(f"{i:06d}", {"motion": array})
            if (i + 1) % (WRITTEN // 2) == 0:
                marks.append(time.perf_counter())
    return np.diff(marks).tolist()


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for tracks in SIZES:
            make(folder / str(tracks), tracks)
        found: dict[int, list[dict[str, float]]] = {tracks: [] for tracks in SIZES}
        for _ in range(ROUNDS):
            for tracks in SIZES:
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.at_size",
                    str(folder / str(tracks)),
                    str(folder / str(SIZES[0])),
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[tracks].append(json.loads(done.stdout))
        size_gb = sum(path.stat().st_size for path in (folder / str(SIZES[1])).rglob("*.npy")) / 1e9
        print(f"{SIZES[1]:,} tracks are {size_gb:.0f} GB; medians of {ROUNDS} processes each, with files in the cache:")
        medians = {}
        for tracks, rounds in found.items():
            medians[tracks] = m = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
            print(
                f"{tracks:>7,} tracks: {m['opened_s']:.3f} s to open and draw {BATCH} windows, then {m['batch_ms']:.1f} ms per "
                f"batch of {BATCH}; peak {m['peak_mb']:.0f} MB, {m['files']:.0f} files open"
            )
        print(f"more memory for the large corpus: {medians[SIZES[1]]['peak_mb'] - medians[SIZES[0]]['peak_mb']:.0f} MB")
        shutil.rmtree(folder / str(SIZES[1]))
        halves = [statistics.median(each) for each in zip(*(write(folder / f"w{i}") for i in range(3)), strict=True)]
        first, last = (1e6 * halves[i] / (WRITTEN // 2) for i in (0, -1))
        print(
            f"writing: {first:.0f} us per track in the first half of {WRITTEN:,}, {last:.0f} us in the second (medians of 3)"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(read(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        main()
