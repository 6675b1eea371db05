"""Shot changes: where one picture does not go on in the next.

Two neighbouring pictures are a cut where every one of the REACH pictures before differs from every one after,

- in colour: otherwise it is a movement, or a flash, after which things are as before;
- in the arrangement of light and dark: otherwise somebody switched the light on;
- by far more than neighbours do on either side: otherwise the camera moves. The OTHERS largest steps on either side do not
  count, since a flash or another cut may be near.

A cross-fade is no cut: its neighbours are alike. The thresholds were chosen with `python -m benchmarks.cuts`; what it finds
is in docs/your_videos.md.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

REACH = 8  # pictures that are compared on either side; a shot of fewer is not found
SIZE_PX = (48, 27)  # width, height of the thumbnails that are compared
COLOUR = 6.0  # least mean difference in L*a*b*, each channel from 0 to 255
ARRANGEMENT = 0.25  # least 1 - correlation of lightness
STEPS = 2.0  # least multiple of the steps on either side
OTHERS = 2


class _Thumbnail(NamedTuple):
    time_s: float
    colour: np.ndarray  # float32 [height * width * 3]
    arrangement: np.ndarray  # float32 [height * width], of unit length unless the picture is nearly blank


def cuts(pictures: Iterable[tuple[float, np.ndarray]]) -> Iterator[float]:
    """Times of the first picture of every shot but the first.

    Args:
        pictures: time in s and picture, uint8 [height, width, 3], blue first.
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
    # With a contrast of 2 levels more, so that the noise of a black picture is no arrangement.
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
