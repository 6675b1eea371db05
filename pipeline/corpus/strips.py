"""Small pictures of a player's strip of a video, for models that look at pixels."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import FileError
from pipeline.media import picture_files

Strip = tuple[float, float]  # left and right edge of a player's strip of the picture, as shares of its width


def pictures(
    video: Path, strips: Sequence[Strip], start_s: float, end_s: float | None, fps: float, size_px: int
) -> np.ndarray:
    """Strips of the pictures, each padded to a square with black: uint8 [strips, rows, size_px, size_px, 3], RGB.

    Row i is a picture that is shown at most half a row away from i / fps s after start_s; where there is none, the one before it.
    The video is decoded once.

    Raises:
        FileError: the video cannot be read, or shows nothing in this stretch.
    """
    small: list[np.ndarray] = []
    kept = None
    for time_s, picture in picture_files.frames(video, start_s, end_s, fps):
        # Every row that is due long before this picture shows the one before.
        while kept is not None and len(small) / fps < time_s - start_s - 0.5 / fps:
            small.append(np.stack([square(kept, strip, size_px) for strip in strips]))
        kept = picture
    if kept is None:
        raise FileError(video, "no picture in it that can be decoded")
    small.append(np.stack([square(kept, strip, size_px) for strip in strips]))
    return np.stack(small, axis=1)


def square(picture: np.ndarray, strip: Strip, size_px: int) -> np.ndarray:
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
