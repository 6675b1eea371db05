"""Shot changes: where a picture does not continue the one before it.

Two neighbouring pictures are a cut if each of the REACH pictures before differs from each of the REACH pictures after

- in colour. Otherwise it is movement, or a flash after which things are as before.
- in the arrangement of light and dark. Otherwise somebody switched the light on.
- by far more than neighbouring pictures on either side differ. Otherwise the camera moves. The OTHERS largest of these
  differences do not count, because a flash or another cut may be near.

A cross-fade is not a cut, because neighbouring pictures in it are alike. The thresholds were chosen with
`python -m benchmarks.cuts`. docs/your_videos.md shows what it finds.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

REACH = 8  # pictures compared on either side; a shorter shot is not found
SIZE_PX = (48, 27)  # width, height of the compared thumbnails
COLOUR = 6.0  # least mean difference in L*a*b*, each channel from 0 to 255
ARRANGEMENT = 0.25  # least 1 - correlation of lightness
STEPS = 2.0  # least multiple of the usual step between neighbours
OTHERS = 2  # largest steps that do not count as usual


class _Thumbnail(NamedTuple):
    time_s: float
    colour: np.ndarray  # float32 [height * width * 3]
    arrangement: np.ndarray  # float32 [height * width], of unit length unless the picture is nearly blank


def cuts(pictures: Iterable[tuple[float, np.ndarray]]) -> Iterator[float]:
    """Yield the time of the first picture of every shot except the first, s.

    Args:
        pictures: time in s and picture, uint8 [height, width, 3], BGR.
    """
    near: deque[_Thumbnail] = deque(maxlen=2 * REACH)
    for time_s, picture in pictures:
        near.append(_thumbnail(time_s, picture))
        if len(near) == 2 * REACH and _is_cut(near):
            yield near[REACH].time_s


def _thumbnail(time_s: float, picture: np.ndarray) -> _Thumbnail:
    small = cv2.resize(picture, SIZE_PX, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32)
    light = lab[..., 0].ravel()
    light -= light.mean()
    # The 2 levels of extra contrast keep the noise of a black picture from counting as an arrangement.
    return _Thumbnail(time_s, lab.ravel(), light / (np.linalg.norm(light) + 2 * np.sqrt(light.size)))


def _is_cut(near: deque[_Thumbnail]) -> bool:
    """Whether there is a cut in the middle of 2 * REACH thumbnails."""
    if np.abs(near[REACH].colour - near[REACH - 1].colour).mean() < COLOUR:
        return False
    colour = np.stack([each.colour for each in near])
    arrangement = np.stack([each.arrangement for each in near])
    steps = np.delete(np.abs(np.diff(colour, axis=0)).mean(axis=1), REACH - 1)
    across = np.abs(colour[:REACH, None] - colour[None, REACH:]).mean(axis=-1).min()
    rearranged = (1 - arrangement[:REACH] @ arrangement[REACH:].T).min()
    usual = np.sort(steps)[-1 - OTHERS]
    return bool(across >= max(COLOUR, STEPS * usual) and rearranged >= ARRANGEMENT)
