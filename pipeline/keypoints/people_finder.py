"""Opens the finder of people. Separate from `mediapipe_people`, whose import takes seconds and 200 MB."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np


def finder() -> AbstractContextManager[Callable[[np.ndarray], np.ndarray]]:
    """As `mediapipe_people.finder`."""
    from pipeline.keypoints import mediapipe_people

    return mediapipe_people.finder()
