"""Finds everybody in a picture with MediaPipe's pose detector alone. Holistic would follow only one person.

The detector looks at a square of 224 px, in which the people of a wide picture become small. So it also looks at
squares of the picture's height. Each square overlaps the next by about half.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from mediapipe.python.solution_base import SolutionBase

from pipeline.keypoints.mediapipe_holistic import quiet

_GRAPH = """
num_threads: 1
input_stream: "IMAGE:image"
output_stream: "DETECTIONS:people"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:people"
}
"""
# Indices of a detection's points: between the hips, on the circle around the body, between the shoulders.
_HIPS, _CIRCLE, _NECK = 0, 1, 2
# A person cut off by a square's edge is seen whole in the next square, and badly in this one.
_EDGE = 0.15  # share of a square's width at each edge in which necks are ignored
_SAME = 0.3  # share of the circle's radius; two necks closer than this belong to one person


@contextmanager
def finder() -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Open a function from a picture, uint8 [height, width, 3], BGR, to its people from left to right.

    It returns float32 [people, 2] = x of the neck as a share of the picture's width, score in 0.5..1.
    """
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype")  # MediaPipe's protobuf is older than ours
    with quiet():
        graph = SolutionBase(graph_config=_GRAPH)
        graph.process(np.zeros((64, 64, 3), np.uint8))  # the first picture loads the models
    try:
        yield lambda picture: _people(graph, picture)
    finally:
        graph.close()


def _people(graph: SolutionBase, picture: np.ndarray) -> np.ndarray:
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    height_px, width_px = rgb.shape[:2]
    found: list[tuple[float, float, float, float]] = []  # score, neck's x and y px, radius px
    squares = [(0, width_px)]
    if width_px > height_px:
        count = max(2, round(2 * width_px / height_px) - 1)
        squares += [(int(left), int(left) + height_px) for left in np.linspace(0, width_px - height_px, count)]
    for left, right in squares:
        for person in graph.process(np.ascontiguousarray(rgb[:, left:right])).people or ():
            points = person.location_data.relative_keypoints
            neck, hips, circle = points[_NECK], points[_HIPS], points[_CIRCLE]
            if right - left < width_px and not _EDGE <= neck.x <= 1 - _EDGE:
                continue
            radius_px = np.hypot((circle.x - hips.x) * (right - left), (circle.y - hips.y) * height_px)
            found.append((person.score[0], left + neck.x * (right - left), neck.y * height_px, radius_px))
    kept: list[tuple[float, float, float, float]] = []
    for each in sorted(found, reverse=True):
        if all(np.hypot(each[1] - k[1], each[2] - k[2]) > _SAME * min(each[3], k[3]) for k in kept):
            kept.append(each)
    return np.array(sorted((x_px / width_px, score) for score, x_px, _, _ in kept), np.float32).reshape(-1, 2)
