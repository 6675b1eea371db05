"""Joints → movement: data/motion."""

import json

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.dataset.artifacts import KEYPOINTS, METRICS, MOTION
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import NothingLeft, run
from pipeline.keypoints.cleaning import clean


def main() -> None:
    p = params.load()
    keypoints = Shards(KEYPOINTS)
    shortest = round(p.windows.duration_s * p.motion.fps)
    aside: list[SetAside] = []
    shares = []
    videos = list(zip(keypoints.index.index, keypoints.index["video"], strict=True))
    with ShardWriter(MOTION) as shards:
        for track, video in tqdm(videos, "clean", unit="track"):
            try:
                motion, share = clean(
                    keypoints.rows("keypoints", track),
                    keypoints.rows("times", track),
                    p.motion.fps,
                    p.motion.min_confidence,
                )
            except ValueError as error:
                aside.append(SetAside(video, f"{track}: {error}", "show the player from the front, head to hips"))
                continue
            if len(motion) < shortest:
                length = f"{len(motion) / p.motion.fps:.1f} s long, shorter than a window of {p.windows.duration_s:g} s"
                aside.append(
                    SetAside(video, f"{track}: its picture is {length}", "record longer, or lower windows.duration_s")
                )
                continue
            shards.add(track, {"motion": motion}, interpolated_share=share)
            shares.append(share)
    write_set_aside(MOTION / "set_aside.csv", aside)
    if not shares:
        raise NothingLeft(f"{KEYPOINTS}: no track with movement that can be used; {MOTION}/set_aside.csv says why")
    METRICS.mkdir(exist_ok=True)
    summary = {"interpolated": round(float(np.mean(shares)), 4)}
    (METRICS / "motion.json").write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
