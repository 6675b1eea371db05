"""Finds the joints of one player in a whole video of any length, in parts, on all cores.

It imports none of our networks, because each worker would load them too.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from tqdm import tqdm

from pipeline import params
from pipeline.corpus import look
from pipeline.corpus.track import Track
from pipeline.errors import FileError, NothingLeft, shown
from pipeline.keypoints import detection
from pipeline.keypoints.detected import Detected
from pipeline.media import probing

# Length of the parts, so that several cores share a video. It is the same on any machine.
PART_S = 15.0
SOMEBODY = 0.05  # share of the pictures; a player found in fewer was found by mistake


Detector = Callable[[Track, params.Keypoints, Callable[[], object]], Detected]
Strip = tuple[float, float]  # left and right edge of a player's strip of the picture, as shares of its width
WHOLE: Strip = (0.0, 1.0)


def find(video: Path, strip: Strip, keypoints: params.Keypoints, max_fps: float) -> Detected:
    """The joints of the most prominent person in a strip of the pictures of a video.

    Args:
        max_fps: the most pictures per second that are looked at.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: there is nobody in it.
    """
    found = _find(video, strip, keypoints, max_fps, detection.detect)
    if detection.found_shares(found.keypoints)["body_found"] < SOMEBODY:
        raise NothingLeft(f"{shown(video)}: nobody in view; show the player's head, arms and hands")
    return found


def find_hands(video: Path, strip: Strip, keypoints: params.Keypoints, max_fps: float) -> Detected:
    """The joints of the two surest hands, wherever they are, as `find` gives those of a person; there may be none."""
    from pipeline.keypoints import mediapipe_hands  # takes seconds and 200 MB: only where it is used

    return _find(video, strip, keypoints, max_fps, mediapipe_hands.of_track)


def _find(video: Path, strip: Strip, keypoints: params.Keypoints, max_fps: float, detect: Detector) -> Detected:
    probe = probing.probe(video)
    if not probe.has_video:
        raise FileError(video, "no picture in it")
    whole = Track(video.stem, video.stem, "unknown", video, video, left=strip[0], right=strip[1], max_fps=max_fps)
    starts_s = [number * PART_S for number in range(max(1, int(np.ceil(probe.duration_s / PART_S))))]
    work = (
        joblib.delayed(_find_part)(
            whole, start_s, None if start_s == starts_s[-1] else start_s + PART_S, keypoints, detect
        )
        for start_s in starts_s
    )
    results = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(work)
    parts = []
    with tqdm(
        total=round(probe.duration_s * min(probe.fps, max_fps)), desc="joints", unit=" picture", mininterval=1
    ) as bar:
        for part in results:
            if part is not None:
                parts.append(part)
                bar.update(len(part.times))
    get_reusable_executor().shutdown()  # frees the gigabyte that the workers hold
    if not parts:
        raise FileError(video, "no picture in it can be decoded")
    joints = np.concatenate([part.keypoints for part in parts])
    return replace(parts[0], keypoints=joints, times=np.concatenate([part.times for part in parts]))


def _find_part(
    whole: Track, start_s: float, end_s: float | None, keypoints: params.Keypoints, detect: Detector
) -> Detected | None:
    """The joints in a part of a video, with times in the whole video; None if the part has no picture."""
    try:
        found = detect(replace(whole, start_s=start_s, end_s=end_s), keypoints, lambda: None)
    except FileError:
        if start_s == 0:
            raise
        return None  # the sound is longer than the picture
    return replace(found, times=found.times + start_s)


def strip_of(video: Path, player: int) -> tuple[Strip, int]:
    """The strip of the picture with a player, counted from 1 at the left; and the number of players in the video.

    Raises:
        FileError: the video cannot be read.
        NothingLeft: there is no such player.
    """
    from pipeline.keypoints import mediapipe_people  # takes seconds and 200 MB: only where it is used

    with mediapipe_people.finder() as finder:
        strips = look.strips(look.look(video, finder), 0.0, None)
    if player > len(strips):
        raise NothingLeft(
            f"{shown(video)}: {len(strips)} people seen in it, so there is no player {player} from the left"
        )
    return strips[player - 1], len(strips)
