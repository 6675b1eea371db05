"""Hands alone, from MediaPipe Hands (Zhang et al., "MediaPipe Hands", 2020, arXiv 2006.10214): where no body is in the picture.

`mediapipe_holistic` looks for hands where a body's arms end, so a pianist's hands from above are not found by it. This detector
finds palms anywhere. All joints but those of the hands have confidence 0. A hand that was found has confidence 1.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from mediapipe.python.solutions.hands import Hands

from pipeline.corpus.track import Track
from pipeline.keypoints import detection
from pipeline.keypoints.detected import Detected
from pipeline.keypoints.mediapipe_holistic import quiet
from pipeline.keypoints.skeleton import JOINTS, LEFT_HAND, RIGHT_HAND
from pipeline.params import Keypoints

# Its names are those of a picture that a mirror shows.
SIDES = {"Left": (RIGHT_HAND, LEFT_HAND), "Right": (LEFT_HAND, RIGHT_HAND)}


def of_track(track: Track, params: Keypoints, tick: Callable[[], object]) -> Detected:
    """A detector (keypoints.detection)."""
    return detection.in_pictures(detect, track, params, tick)


def detect(pictures: Iterable[np.ndarray], params: Keypoints) -> Iterator[np.ndarray]:
    """Yield the joints of the two surest hands in each picture, as a picture detector (keypoints.detection)."""
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype")  # MediaPipe's protobuf is older than ours
    with quiet():
        hands = Hands(
            max_num_hands=2,
            min_detection_confidence=params.min_detection_confidence,
            min_tracking_confidence=params.min_tracking_confidence,
        )
    for number, picture in enumerate(pictures):
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if number:
            found = hands.process(rgb)
        else:
            with quiet():
                found = hands.process(rgb)
        height_px, width_px = picture.shape[:2]
        named = [each.classification[0] for each in found.multi_handedness or []]
        shapes = [[(mark.x, mark.y) for mark in each.landmark] for each in found.multi_hand_landmarks or []]
        yield placed(
            [(one.label, one.score, np.array(shape)) for one, shape in zip(named, shapes, strict=True)],
            np.array([width_px, height_px]),
        )
    hands.close()


def placed(hands: list[tuple[str, float, np.ndarray]], size_px: np.ndarray) -> np.ndarray:
    """Joints float32 [47, 3] from hands: MediaPipe's name of the side, how sure it is, and [21, 2] shares of the picture's size.

    Of two hands of one name, the surer one has it and the other is taken for the other hand.
    """
    joints = np.zeros((JOINTS, 3), np.float32)
    for side, _, shape in sorted(hands, key=lambda hand: -hand[1]):
        own, other = SIDES[side]
        place = other if joints[own, 2].any() else own
        joints[place, :2], joints[place, 2] = shape * size_px, 1
    return joints
