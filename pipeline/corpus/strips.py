"""Small pictures of a player's strip of a video, for models that look at pixels."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import FileError
from pipeline.media import picture_files


def pictures(
    video: Path, strip: tuple[float, float], start_s: float, end_s: float | None, fps: float, size_px: int
) -> np.ndarray:
    """A strip of the pictures, each padded to a square with black: uint8 [rows, size_px, size_px, 3], RGB.

    Row i is the picture that is shown i / fps s after start_s; where there is none, the last one before it.

    Args:
        strip: left and right edge as shares of the width.

    Raises:
        FileError: the video cannot be read, or shows nothing in this stretch.
    """
    small: list[np.ndarray] = []
    kept = None
    for time_s, picture in picture_files.frames(video, start_s, end_s):
        # Every row that is due before this picture shows the one before.
        while kept is not None and len(small) / fps < time_s - start_s - picture_files.ROUNDING_S:
            small.append(square(kept, strip, size_px))
        kept = picture
    if kept is None:
        raise FileError(video, "no picture in it that can be decoded")
    small.append(square(kept, strip, size_px))
    return np.stack(small)


def square(picture: np.ndarray, strip: tuple[float, float], size_px: int) -> np.ndarray:
    """A strip of a picture, uint8 [height, width, 3], BGR, padded to a square and made small: [size_px, size_px, 3], RGB."""
    left, right = (round(edge * picture.shape[1]) for edge in strip)
    cut = picture[:, left : max(right, left + 1)]
    height, width = cut.shape[:2]
    share = size_px / max(height, width)
    shape = max(round(width * share), 1), max(round(height * share), 1)
    shrunk = cv2.resize(cut, shape, interpolation=cv2.INTER_AREA)
    made = np.zeros((size_px, size_px, 3), np.uint8)
    top, begin = (size_px - shape[1]) // 2, (size_px - shape[0]) // 2
    made[top : top + shape[1], begin : begin + shape[0]] = shrunk[..., ::-1]
    return made
