"""Where the artifacts of IMU to music lie, from the project's folder."""

from pathlib import Path

from pipeline.dataset.artifacts import METRICS, MODELS

TRACKS = Path("data/imu/tracks")
MORE_PLAYERS = Path("data/imu/more_players")
SYNC = MODELS / "imu_sync"
FIGURES = METRICS / "imu"
ROW = "imu"  # below evaluations/
