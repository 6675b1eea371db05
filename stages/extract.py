"""Video → joints: data/keypoints, and metrics on how well they were found.

In a corpus with true joints, only a share of the training tracks is detected. The others get their true joints with the
noise that the detector has in a detected one of the same instrument.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import params
from pipeline.compute import parallel
from pipeline.compute.work import WORK, key, write_whole
from pipeline.corpus import sides
from pipeline.corpus.track import Track, read_tracks, relative, true_joints
from pipeline.dataset.artifacts import KEYPOINTS, METRICS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import FileError, NothingLeft, run
from pipeline.keypoints import detection, detector_noise, openpose_json, ready
from pipeline.keypoints.skeleton import JOINTS
from pipeline.media import probing
from pipeline.metrics import pck

KEPT = WORK / "extract"  # each finished track, so that a run continues where a killed one stopped
SOMEBODY = 0.05  # share of frames; a player found in fewer was found by mistake

UNUSABLE = (ValueError, OSError, EOFError)  # what np.load and pck.validate raise for a file of true joints
MAKE_AGAIN = "make it again together with its video"

Fault = tuple[str, str]  # what is wrong with a track, and what to do about it


def main() -> None:
    p = params.load()
    tracks, aside = read_tracks(), []
    KEPT.mkdir(parents=True, exist_ok=True)
    parts = sides.detected(tracks, p.split, p.keypoints.detected_share)
    chosen = [track for track in tracks if track.name in parts]
    shared = _shared(chosen, p)
    chosen = [track for track in chosen if track.name not in shared]
    with _bar(chosen):
        results = list(parallel.each(detect, [(track, p.keypoints) for track in chosen], p.compute.backend))
    detected = {track.name: result for track, result in zip(chosen, results, strict=True)} | shared
    training = [track for track in chosen if parts[track.name] == "train"]
    others = [track for track in tracks if track.name not in detected]
    simulated = _simulate(others, _examples(training, detected), p.studio.seed)
    rows = []
    with ShardWriter(KEYPOINTS) as shards:
        for track in tracks:
            file = relative(track.video, Path(p.corpus.root))
            found = _load(detected[track.name]) if track.name in detected else next(simulated)
            if not isinstance(found, detection.Detected):
                aside.append(SetAside(file, *found))
                continue
            shares = detection.found_shares(found.keypoints)
            if shares["body_found"] < SOMEBODY:
                what = (
                    f"nobody in view in {1 - shares['body_found']:.0%} of its pictures" + _strip(track) + track.stretch
                )
                aside.append(SetAside(file, what, "show the player's head, arms and hands, or delete it"))
                continue
            score = np.nan
            if track.name in detected:
                score, remarks = _score(track, found, Path(p.corpus.root))
                aside += remarks
            columns = {
                "video": file,
                "piece": track.piece,
                "detected": track.name in detected,
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
    _write_metrics(pd.DataFrame([row for row in rows if row["detected"]]))


def detect(track: Track, keypoints: params.Keypoints) -> Path | Fault:
    """Find a track's joints, or take those of an earlier run.

    Returns:
        the file that holds the joints; or what is wrong with the video, and what to do about it.
    """
    with open(KEPT / "progress", "ab", buffering=0) as progress:
        try:
            source = track.video if track.skeleton is None else ready.digest(track.skeleton)
            # The name, since two tracks may have the same pictures and different files of joints.
            of_track = (track.name, source, track.left, track.right, track.start_s, track.end_s)
            # Which tracks are detected does not decide what is found in them.
            place = KEPT / f"{key(detection.__file__, *of_track, keypoints.model_dump(exclude={'detected_share'}))}.npz"
            # The key does not cover OpenPose's JSON files, which are quick to read.
            if place.exists() and keypoints.detector != "openpose_json":
                with np.load(place, allow_pickle=False) as kept:
                    progress.write(b"." * len(kept["times"]))
            else:
                found = detection.detect(track, keypoints, tick=lambda: progress.write(b"."))
                write_whole(place, lambda path: np.savez(path, **vars(found)))
        except FileError as error:
            return _fault(track, error)
    return place


def _shared(tracks: Sequence[Track], p: params.Params) -> dict[str, Path | Fault]:
    """The tracks whose files of OpenPose fit another video of the same name, too: name → what is wrong."""
    if p.keypoints.detector != "openpose_json":
        return {}
    root, folder = Path(p.corpus.root), Path(p.keypoints.openpose.json_folder)
    others = openpose_json.of_several(folder, (track.video for track in tracks))
    advice = "put the files of each into <json_folder>/<name of the video's folder>/<name of the video>/"
    return {
        track.name: (f"OpenPose's files of its name fit {relative(others[track.video], root)}, too", advice)
        for track in tracks
        if track.video in others
    }


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


def _load(result: Path | Fault) -> detection.Detected | Fault:
    if not isinstance(result, Path):
        return result
    with np.load(result, allow_pickle=False) as kept:
        return detection.Detected(**kept)


def _examples(tracks: Sequence[Track], detected: dict[str, Path | Fault]) -> dict[str, list[tuple[Path, Path]]]:
    """Instrument → the files of true and of detected joints of its tracks that show what the detector does."""
    examples: dict[str, list[tuple[Path, Path]]] = {}
    for track in tracks:
        result = detected[track.name]
        if track.joints is None or not isinstance(result, Path):
            continue
        try:
            truth, keypoints = _pair(track.joints, result)
            pck.validate(truth, keypoints[:, :, :2], keypoints[:, :, 2] > 0)
        except UNUSABLE:
            continue  # `_score` names the file
        if detection.found_shares(keypoints)["body_found"] >= SOMEBODY:
            examples.setdefault(track.instrument, []).append((track.joints, result))
    return examples


def _pair(joints: Path, result: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(result, allow_pickle=False) as kept:
        return true_joints(joints), kept["keypoints"]


def _simulate(
    tracks: Sequence[Track], examples: dict[str, list[tuple[Path, Path]]], seed: int
) -> Iterator[detection.Detected | Fault]:
    """Yield what the detector might have found in each track, or what is wrong with it; no picture is looked at.

    The examples of an instrument take turns.
    """
    weights = {name: detector_noise.response(_pair(*each) for each in pairs) for name, pairs in examples.items()}
    turns = {name: cycle(pairs) for name, pairs in examples.items()}
    shifts = np.random.default_rng(seed)
    for track in tracks:
        if track.instrument not in turns:
            what = f"no joints of another {track.instrument} to take the detector's noise from"
            yield what, "set keypoints.detected_share to 1"
            continue
        other_truth, other = _pair(*next(turns[track.instrument]))
        shift = int(shifts.integers(2 * len(other_truth)))
        try:
            probe, size_px = probing.probe(track.video), probing.size_px(track.video)
            truth = _truth(track, round(probe.duration_s * probe.fps))
        except FileError as error:
            yield _fault(track, error)
            continue
        keypoints = detector_noise.add_noise(truth, weights[track.instrument], other_truth, other, shift)
        yield detection.Detected(keypoints, np.arange(len(truth)) / probe.fps, *size_px)


def _truth(track: Track, frames: int) -> np.ndarray:
    """A track's true joints.

    Raises:
        FileError: the file cannot be read, or does not fit `frames` pictures.
    """
    assert track.joints is not None
    try:
        truth = true_joints(track.joints)
        pck.validate(truth, np.zeros((frames, JOINTS, 2)), np.ones((frames, JOINTS), bool))
    except UNUSABLE as error:
        raise FileError(track.joints, " ".join(str(error).split()), MAKE_AGAIN) from None
    return truth


def _fault(track: Track, error: FileError) -> Fault:
    # If the fault is in another file (a folder of joints, say), the text has to name that file.
    return error.what if error.file == track.video else str(error), error.advice


def _strip(track: Track) -> str:
    return "" if (track.left, track.right) == (0, 1) else f" ({track.left:.0%} to {track.right:.0%} of its width)"


def _fps(times: np.ndarray) -> float:
    return float(1 / np.median(np.diff(times))) if len(times) > 1 else 0.0


def _score(track: Track, found: detection.Detected, root: Path) -> tuple[float, list[SetAside]]:
    """PCK against the true joints, NaN if there are none; and what is wrong with the file of true joints."""
    if track.joints is None:
        return np.nan, []
    try:
        truth = true_joints(track.joints)
        return pck.pck(truth, found.keypoints[:, :, :2], found.keypoints[:, :, 2] > 0), []
    except UNUSABLE as error:
        what = f"not used, its track is: {' '.join(str(error).split())}"
        return np.nan, [SetAside(relative(track.joints, root), what, MAKE_AGAIN)]


def _write_metrics(table: pd.DataFrame) -> None:
    """Write keypoints.csv and keypoints.json, of the detected tracks alone.

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
