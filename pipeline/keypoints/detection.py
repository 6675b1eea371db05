"""From a track to its player's joints.

A detector is a function

    detect(track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected

It calls tick once for each of the track's pictures that it looks at.

A picture detector is a function

    detect(pictures: Iterable[uint8 [height, width, 3], BGR], params: Keypoints) -> Iterator[float32 [47, 3]]

It yields x px, y px and confidence in 0..1 of the 47 joints of `skeleton` for each picture, in order. Confidence 0
means "not found", with x = y = 0. It may use earlier pictures, because all belong to one recording of one player.
`in_pictures` turns a picture detector into a detector.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from pipeline.corpus.track import Track
from pipeline.errors import FileError
from pipeline.keypoints import ready
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.skeleton import LEFT_HAND, NECK, RIGHT_HAND
from pipeline.media import picture_files, probing
from pipeline.params import Keypoints

PictureDetector = Callable[[Iterable[np.ndarray], Keypoints], Iterator[np.ndarray]]


def in_pictures(find: PictureDetector, track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected:
    """Find the player's joints with a picture detector. It sees only the player's strip of each picture."""
    times: list[float] = []
    width_px = height_px = left_px = 0

    def strips() -> Iterator[np.ndarray]:
        nonlocal width_px, height_px, left_px
        for time_s, picture in picture_files.frames(track.video, track.start_s, track.end_s, track.max_fps):
            height_px, width_px = picture.shape[:2]
            left_px = round(track.left * width_px)
            times.append(time_s - track.start_s)
            yield picture[:, left_px : round(track.right * width_px)]

    found = []
    for joints in find(strips(), params):
        joints[joints[:, 2] > 0, 0] += left_px
        found.append(joints)
        tick()
    if not found:
        raise FileError(track.video, "no picture in it can be decoded")
    assert len(found) == len(times), f"{track.name}: {len(found)} detections for {len(times)} pictures"
    return Detected(np.stack(found), np.array(times), width_px, height_px)


def _mediapipe(track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected:
    from pipeline.keypoints import mediapipe_holistic  # takes seconds and 200 MB: only where it is used

    return in_pictures(mediapipe_holistic.detect, track, params, tick)


def _openpose(track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected:
    from pipeline.keypoints import openpose  # only where it is used

    return openpose.detect(track, params, tick)


# keypoints.detector → detector
DETECTORS: dict[str, Callable[[Track, Keypoints, Callable[[], object]], Detected]] = {
    "mediapipe": _mediapipe,
    "pyopenpose": _openpose,
    "openpose": _openpose,
    "openpose_json": _openpose,
}


def detect(track: Track, params: Keypoints, tick: Callable[[], object] = lambda: None) -> Detected:
    """The joints of a track's player: its skeleton if it has one, else what the detector finds.

    Args:
        tick: called once for every picture that is looked at, or for every row of the skeleton.

    Raises:
        FileError: the video cannot be read to its end, or the files of OpenPose or of the skeleton cannot be used.
        ParamsError: the detector is not installed, or is not where the parameters say.
    """
    if track.skeleton is None:
        return DETECTORS[params.detector](track, params, tick)
    keypoints, times = ready.read(track.skeleton)
    for _ in times:
        tick()
    return Detected(keypoints, times, *probing.size_px(track.video))


def found_shares(keypoints: np.ndarray) -> dict[str, float]:
    """Share of the frames in which the body and each hand were found, from keypoints [frames, 47, 3].

    A hand counts as found if one of its fingers is, because the wrist may come from the arm.
    """
    confidence = keypoints[:, :, 2]
    return {
        "body_found": float((confidence[:, NECK] > 0).mean()),
        "left_hand_found": float((confidence[:, LEFT_HAND][:, 1:] > 0).any(axis=1).mean()),
        "right_hand_found": float((confidence[:, RIGHT_HAND][:, 1:] > 0).any(axis=1).mean()),
    }
