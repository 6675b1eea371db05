"""Opens the finder of people. Apart from `mediapipe_people`, which takes seconds and 200 MB to import."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np


def finder() -> AbstractContextManager[Callable[[np.ndarray], np.ndarray]]:
    """As `mediapipe_people.finder`."""
    from pipeline.keypoints import mediapipe_people

    return mediapipe_people.finder()
