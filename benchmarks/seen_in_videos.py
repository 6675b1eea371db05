"""How well are the players in a folder of videos detected? `python -m benchmarks.seen_in_videos FOLDER`

Splits the videos into shots and players, finds the joints and cleans them, as the stages do with corpus.people = each, in a
separate folder. Prints one row per track: the number of pictures, the shares of pictures in which body and hands are found, the
share of interpolated joints, and the position of the neck (median and middle 96 %, as a share of the picture's width).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from pipeline.dataset.shards import Shards
from pipeline.keypoints.skeleton import NECK

SHORTEST_S = 2  # nothing is trained here, so that shots shorter than a window can be used


def main() -> None:
    yaml = YAML()
    tree = yaml.load(Path("params.yaml"))
    root = str(Path(sys.argv[1]).resolve())
    tree["corpus"].update(name="folder", root=root, people="each", shortest_shot_s=SHORTEST_S)
    tree["windows"]["duration_s"] = SHORTEST_S
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        yaml.dump(tree, place / "params.yaml")
        for stage in ("tracks", "extract", "clean"):
            environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
            subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=place, env=environment, check=True)
        keypoints, motion = Shards(place / "data/keypoints"), Shards(place / "data/motion")
        print("| track | pictures | body | left hand | right hand | interpolated | neck |")
        print("|---|---|---|---|---|---|---|")
        for track, row in keypoints.index.iterrows():
            joints = keypoints.rows("keypoints", track)
            neck = joints[joints[:, NECK, 2] > 0, NECK, 0] / row["width_px"]
            share = motion.index.interpolated_share.get(track, np.nan)
            shares = " | ".join(f"{row[name]:.2f}" for name in ("body_found", "left_hand_found", "right_hand_found"))
            low, middle, high = np.quantile(neck, [0.02, 0.5, 0.98])
            print(f"| {track} | {len(joints)} | {shares} | {share:.2f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")


if __name__ == "__main__":
    main()
