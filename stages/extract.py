"""Video → joints: data/keypoints, and metrics on how well they were found."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import params
from pipeline.compute import parallel
from pipeline.compute.work import WORK, key, write_whole
from pipeline.corpus.track import Track, read_tracks, relative
from pipeline.dataset.artifacts import KEYPOINTS, METRICS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import FileError, NothingLeft, run
from pipeline.keypoints import detection, ready
from pipeline.media import probing
from pipeline.metrics import pck

KEPT = WORK / "extract"  # each finished track, so that a run continues where a killed one stopped
SOMEBODY = 0.05  # share of frames; a player found in fewer was found by mistake


def main() -> None:
    p = params.load()
    tracks, aside = read_tracks(), []
    KEPT.mkdir(parents=True, exist_ok=True)
    rows = []
    with _bar(tracks), ShardWriter(KEYPOINTS) as shards:
        results = parallel.each(detect, [(track, p.keypoints) for track in tracks], p.compute.backend)
        for track, result in zip(tracks, results, strict=True):
            file = relative(track.video, Path(p.corpus.root))
            if not isinstance(result, Path):
                aside.append(SetAside(file, *result))
                continue
            with np.load(result, allow_pickle=False) as kept:
                found = detection.Detected(**kept)
            shares = detection.found_shares(found.keypoints)
            if shares["body_found"] < SOMEBODY:
                what = (
                    f"nobody in view in {1 - shares['body_found']:.0%} of its pictures" + _strip(track) + track.stretch
                )
                aside.append(SetAside(file, what, "show the player's head, arms and hands, or delete it"))
                continue
            score, remarks = _score(track, found, Path(p.corpus.root))
            aside += remarks
            columns = {
                "video": file,
                "piece": track.piece,
                "fps": _fps(found.times),
                "width_px": int(found.width_px),
                "height_px": int(found.height_px),
                **shares,
                "pck": score,
            }
            shards.add(track.name, {"keypoints": found.keypoints, "times": found.times}, **columns)
            rows.append({"instrument": track.instrument, **columns})
    write_set_aside(KEYPOINTS / "set_aside.csv", aside)
    if not rows:
        raise NothingLeft(f"{p.corpus.root}: no track with a player in view; {KEYPOINTS}/set_aside.csv says why")
    _write_metrics(pd.DataFrame(rows))


def detect(track: Track, keypoints: params.Keypoints) -> Path | tuple[str, str]:
    """Find a track's joints, or take those of an earlier run.

    Returns:
        the file that holds the joints; or what is wrong with the video, and what to do about it.
    """
    with open(KEPT / "progress", "ab", buffering=0) as progress:
        try:
            source = track.video if track.skeleton is None else ready.digest(track.skeleton)
            place = (
                KEPT
                / f"{key(detection.__file__, source, track.left, track.right, track.start_s, track.end_s, keypoints)}.npz"
            )
            # The key does not cover OpenPose's JSON files, which are quick to read.
            if place.exists() and keypoints.detector != "openpose_json":
                with np.load(place, allow_pickle=False) as kept:
                    progress.write(b"." * len(kept["times"]))
            else:
                found = detection.detect(track, keypoints, tick=lambda: progress.write(b"."))
                write_whole(place, lambda path: np.savez(path, **vars(found)))
        except FileError as error:
            # If the fault is in another file (a folder of joints, say), the text has to name that file.
            return error.what if error.file == track.video else str(error), error.advice
    return place


@contextmanager
def _bar(tracks: list[Track]) -> Iterator[None]:
    """A progress bar over all frames. The workers append one byte per frame to a file, and the bar shows its length."""
    progress = KEPT / "progress"
    progress.write_bytes(b"")
    probes = {video: probing.probe(video) for video in {track.video for track in tracks}}
    ends_s = [probes[track.video].duration_s if track.end_s is None else track.end_s for track in tracks]
    rates = [track.skeleton.fps if track.skeleton else probes[track.video].fps for track in tracks]
    total = sum(round((end_s - track.start_s) * fps) for track, end_s, fps in zip(tracks, ends_s, rates, strict=True))
    done = threading.Event()
    with tqdm(desc="extract", total=total, unit="frame", mininterval=0.5) as bar:

        def show() -> None:
            while not done.wait(0.5):
                bar.update(progress.stat().st_size - bar.n)
            bar.update(progress.stat().st_size - bar.n)

        watcher = threading.Thread(target=show, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _strip(track: Track) -> str:
    return "" if (track.left, track.right) == (0, 1) else f" ({track.left:.0%} to {track.right:.0%} of its width)"


def _fps(times: np.ndarray) -> float:
    return float(1 / np.median(np.diff(times))) if len(times) > 1 else 0.0


def _score(track: Track, found: detection.Detected, root: Path) -> tuple[float, list[SetAside]]:
    """PCK against the true joints, NaN if there are none; and what is wrong with the file of true joints."""
    if track.joints is None:
        return np.nan, []
    try:
        truth = np.load(track.joints, allow_pickle=False)
        return pck.pck(truth, found.keypoints[:, :, :2], found.keypoints[:, :, 2] > 0), []
    except (ValueError, OSError, EOFError) as error:
        what = f"not used, its track is: {' '.join(str(error).split())}"
        return np.nan, [SetAside(relative(track.joints, root), what, "make it again together with its video")]


def _write_metrics(table: pd.DataFrame) -> None:
    """Write keypoints.csv and keypoints.json.

    The table has one row per instrument. The JSON file has the mean PCK over tracks and the median of `hand_found` over
    instruments.
    """
    METRICS.mkdir(exist_ok=True)
    table["hand_found"] = (table["left_hand_found"] + table["right_hand_found"]) / 2
    groups = table.groupby("instrument")
    by_instrument = groups[["body_found", "left_hand_found", "right_hand_found", "hand_found", "pck"]].mean().round(4)
    by_instrument.insert(0, "tracks", groups.size())
    by_instrument.to_csv(METRICS / "keypoints.csv", lineterminator="\n")
    score = table["pck"].mean()
    summary = {
        "pck": None if np.isnan(score) else round(float(score), 4),
        "hand_found": round(float(by_instrument["hand_found"].median()), 4),
    }
    (METRICS / "keypoints.json").write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
