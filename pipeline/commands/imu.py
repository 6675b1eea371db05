"""Virtual sensors of a video: `minet imu my_video.mp4 -o imu.csv`.

What a sensor on each forearm would read, as a CSV file that any program reads, and that `minet sonify --imu` plays.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.commands.sonify import movement
from pipeline.errors import NothingLeft, shown
from pipeline.keypoints.whole_video import WHOLE, strip_of
from pipeline.sensors import virtual

SMOOTHING_S = 0.04  # as in systems/imu/params.yaml: standard deviation of the Gaussian that smooths the joints
SHORTEST = 3  # frames: an acceleration needs as many
DIGITS = "%.4f"


def write(video: Path, out: Path, settings: params.Params, *, player: int, shoulders_m: float) -> int:
    """Write the readings of one player's virtual sensors, a row a frame at motion.fps. Returns the number of rows.

    Args:
        player: 0 for the most prominent person, or the number of a person, from 1 at the left.
        shoulders_m: shoulder width of the player in m.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: nobody is found in it, or it is too short.
    """
    _, motion = movement(video, strip_of(video, player)[0] if player else WHOLE, settings)
    if len(motion) < SHORTEST:
        raise NothingLeft(f"{shown(video)}: too short for readings; give {SHORTEST} pictures or more")
    read = virtual.readings(motion, settings.motion.fps, shoulders_m=shoulders_m, smoothing_s=SMOOTHING_S)
    columns = {"time_s": np.arange(len(read)) / settings.motion.fps}
    for side, name in enumerate(virtual.SIDES):
        for channel, what in enumerate(virtual.CHANNELS):
            columns[f"{name}_{what}"] = read[:, channel, side]
    pd.DataFrame(columns).to_csv(out, index=False, float_format=DIGITS)
    return len(read)
