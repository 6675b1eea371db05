"""Writes data/imu: what sensors on both forearms would read, of each track and of the studio's further players."""

from pathlib import Path

from pipeline import params
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from pipeline.sensors import virtual
from systems.imu import paths
from systems.imu.params import load


def main() -> None:
    for movement, folder in ((MOTION, paths.TRACKS), (MORE_PLAYERS / "motion", paths.MORE_PLAYERS)):
        print(f"{folder}: {write(movement, folder)} tracks")


def write(movement: Path, folder: Path) -> int:
    """Write the standardised readings of every track with movement, float32 [frames, 3, 2]. Returns their number."""
    settings, chosen, motion = params.load(), load().sensors, Shards(movement)
    with ShardWriter(folder) as shards:
        for track in motion.index.index:
            read = virtual.readings(motion.rows("motion", track), settings.motion.fps, **chosen.model_dump())
            shards.add(track, {"sensors": virtual.standardise(read)})
    return len(motion.index)


if __name__ == "__main__":
    run(main)
