"""Joints from MediaPipe Holistic 0.10.14 (Grishchenko and Bazarevsky, "MediaPipe Holistic", 2020), without the face.

Measured: the 21 joints of each hand, and the pose's shoulders and elbows. Derived: the neck is the midpoint of the
shoulders, as OpenPose trains it. A wrist is the hand's own joint 0, or the pose's wrist if the hand is not found.

Confidence is the pose's visibility for the shoulders, the elbows and the pose's wrists. The neck takes the lower of
its shoulders' values. A hand that was found has confidence 1: MediaPipe reports only hands above its own threshold, and
gives no confidence for them.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from mediapipe.python.solution_base import SolutionBase

from pipeline.keypoints import skeleton
from pipeline.params import Keypoints

# mediapipe.solutions.holistic runs this graph and further nodes for the face. Those take a tenth of the time and are
# not used here. All else is bit-identical. One thread, because tracks are processed in parallel.
_GRAPH = """
num_threads: 1
input_stream: "IMAGE:image"
input_side_packet: "MODEL_COMPLEXITY:model_complexity"
input_side_packet: "SMOOTH_LANDMARKS:smooth_landmarks"
input_side_packet: "USE_PREV_LANDMARKS:use_prev_landmarks"
output_stream: "POSE_LANDMARKS:pose"
output_stream: "LEFT_HAND_LANDMARKS:left_hand"
output_stream: "RIGHT_HAND_LANDMARKS:right_hand"
node {
  calculator: "PoseLandmarkCpu"
  input_stream: "IMAGE:image"
  input_side_packet: "MODEL_COMPLEXITY:model_complexity"
  input_side_packet: "SMOOTH_LANDMARKS:smooth_landmarks"
  input_side_packet: "USE_PREV_LANDMARKS:use_prev_landmarks"
  output_stream: "LANDMARKS:pose"
}
node {
  calculator: "HandLandmarksLeftAndRightCpu"
  input_stream: "IMAGE:image"
  input_stream: "POSE_LANDMARKS:pose"
  output_stream: "LEFT_HAND_LANDMARKS:left_hand"
  output_stream: "RIGHT_HAND_LANDMARKS:right_hand"
}
"""
_DETECTION = "poselandmarkcpu__posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh"
_TRACKING = (
    "poselandmarkcpu__poselandmarkbyroicpu__tensorstoposelandmarksandsegmentation__ThresholdingCalculator.threshold"
)
# (MediaPipe's pose landmark, our joint). The numbers are those of BlazePose's 33 landmarks.
_BODY = (
    (12, skeleton.RIGHT_SHOULDER),
    (14, skeleton.RIGHT_ELBOW),
    (16, skeleton.RIGHT_WRIST),
    (11, skeleton.LEFT_SHOULDER),
    (13, skeleton.LEFT_ELBOW),
    (15, skeleton.LEFT_WRIST),
)


def detect(pictures: Iterable[np.ndarray], params: Keypoints) -> Iterator[np.ndarray]:
    """Yield the joints of the most prominent person in each picture, as a picture detector (keypoints.detection)."""
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype")  # MediaPipe's protobuf is older than ours
    graph = None
    for picture in pictures:
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if graph is None:
            # MediaPipe loads its models with the first picture, and prints messages as it does so.
            with quiet():
                graph = _load(params)
                found = graph.process(rgb)
        else:
            found = graph.process(rgb)
        height_px, width_px = picture.shape[:2]
        yield _joints(found, np.array([width_px, height_px], np.float32))
    if graph is not None:
        graph.close()


def _load(params: Keypoints) -> SolutionBase:
    return SolutionBase(
        graph_config=_GRAPH,
        side_inputs={"model_complexity": 1, "smooth_landmarks": True, "use_prev_landmarks": True},
        calculator_params={_DETECTION: params.min_detection_confidence, _TRACKING: params.min_tracking_confidence},
    )


def _joints(found: Any, size_px: np.ndarray) -> np.ndarray:
    """float32 [47, 3] from MediaPipe's landmarks, whose coordinates are shares of the picture's width and height."""
    joints = np.zeros((skeleton.JOINTS, 3), np.float32)
    if found.pose is None:
        return joints
    for theirs, ours in _BODY:
        landmark = found.pose.landmark[theirs]
        joints[ours] = landmark.x, landmark.y, landmark.visibility
    shoulders = joints[[skeleton.RIGHT_SHOULDER, skeleton.LEFT_SHOULDER]]
    joints[skeleton.NECK] = *shoulders[:, :2].mean(axis=0), shoulders[:, 2].min()
    for hand, place in ((found.right_hand, skeleton.RIGHT_HAND), (found.left_hand, skeleton.LEFT_HAND)):
        if hand is not None:
            joints[place] = [(landmark.x, landmark.y, 1) for landmark in hand.landmark]
    joints[:, :2] *= size_px
    return joints


@contextmanager
def quiet() -> Iterator[None]:
    """Discard stderr for the whole process. MediaPipe's C++ code cannot be silenced in another way."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
