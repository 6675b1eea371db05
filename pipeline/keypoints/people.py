"""Follows people from frame to frame, and picks the one who is a track's player.

OpenPose finds everybody in a picture and lists them in an order that differs from frame to frame. People are matched
between frames so that the total distance moved by their necks and shoulders is smallest (Kuhn, "The Hungarian Method
for the Assignment Problem", 1955). Somebody who is not seen for a while is expected where they were last seen.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.keypoints.skeleton import BODY, JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER

# In body sizes (see `sizes`). Whoever appears farther than this from where a person was last seen is somebody else.
REACH = 1.0
_ANCHORS = (NECK, RIGHT_SHOULDER, LEFT_SHOULDER)  # they move least and are hardly ever hidden


def follow(people: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Number the people so that each keeps one number in all frames.

    Args:
        people: for each frame the joints of everybody found in it, float32 [people, 47, 3] = x px, y px, confidence
            (0 = not found), in any order.

    Returns:
        for each frame int64 [people], each person's number, the same in every frame; -1 for a person with neither neck
        nor shoulder. The order in which people are listed changes only the order of the result.
    """
    last = np.zeros((0, len(_ANCHORS), 2))  # where each person's anchors were last seen, px; NaN: never
    size = np.zeros(0)  # each person's largest size so far, px
    identities = []
    for joints in people:
        identity = np.full(len(joints), -1)
        order = np.lexsort(joints.reshape(len(joints), JOINTS * 3).T)  # one order, whatever the input's was
        order = order[(joints[order][:, _ANCHORS, 2] > 0).any(axis=1)]
        if len(order):
            here, here_size = anchors(joints[order]), sizes(joints[order])
            distance = _distances(here, last)
            reach = REACH * np.maximum(here_size[:, None], size)
            # Capped at the reach. Otherwise a distant newcomer could make it cheaper to shift everybody by one.
            rows, columns = linear_sum_assignment(np.minimum(distance, reach))
            same = distance[rows, columns] < reach[rows, columns]
            found = np.full(len(order), -1)
            found[rows[same]] = columns[same]
            new = found < 0
            found[new] = len(last) + np.arange(new.sum())
            last = np.concatenate([last, np.full((new.sum(), *last.shape[1:]), np.nan)])
            size = np.concatenate([size, np.zeros(new.sum())])
            last[found] = np.where(np.isnan(here), last[found], here)
            size[found] = np.maximum(size[found], here_size)
            identity[order] = found
        identities.append(identity)
    return identities


def player(people: Sequence[np.ndarray], left_px: float, right_px: float) -> np.ndarray:
    """The joints of the player in a strip of the picture.

    Candidates are the people whose neck and shoulders lie in the strip, by the median of x over time. The player is the
    candidate with the largest sum of body sizes over time. So somebody who walks by or sits behind is not the player.

    Args:
        people: as in `follow`.
        left_px, right_px: edges of the strip; infinite at the edges of the picture.

    Returns:
        float32 [frames, 47, 3]; all 0 in frames without the player.
    """
    joints = np.zeros((len(people), JOINTS, 3), np.float32)
    identities = follow(people)
    everybody = np.concatenate([np.zeros((0, JOINTS, 3), np.float32), *people])
    who = np.concatenate([np.zeros(0, np.int64), *identities])
    frame = np.repeat(np.arange(len(people)), [len(identity) for identity in identities])
    most = 0.0
    for identity in range(who.max(initial=-1) + 1):
        mine = who == identity
        x_px = float(np.nanmedian(anchors(everybody[mine])[..., 0]))
        presence = float(sizes(everybody[mine]).sum())
        if left_px <= x_px < right_px and presence > most:
            most = presence
            joints[:] = 0
            joints[frame[mine]] = everybody[mine]
    return joints


def anchors(joints: np.ndarray) -> np.ndarray:
    """Positions of neck and shoulders, float64 [people, 3, 2] px, from joints [people, 47, 3]; NaN where not found."""
    found = joints[:, _ANCHORS].astype(np.float64)
    return np.where(found[..., 2:] > 0, found[..., :2], np.nan)


def sizes(joints: np.ndarray) -> np.ndarray:
    """Body sizes, float64 [people] px: the diagonal of the box around the joints of neck and arms that were found."""
    body = joints[:, BODY].astype(np.float64)
    found = body[..., 2:] > 0
    high = np.where(found, body[..., :2], -np.inf).max(axis=1)
    low = np.where(found, body[..., :2], np.inf).min(axis=1)
    return np.linalg.norm(np.where(found.any(axis=1), high - low, 0), axis=-1)


def _distances(here: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean distance between the anchors `here` [people, 3, 2] and `last` [persons, 3, 2]: float64 [people, persons] px.

    The mean is over the anchors that both have. If they share none, it is the distance between their mean anchors.
    """
    ways = np.linalg.norm(here[:, None] - last, axis=-1)
    common = ~np.isnan(ways)
    means = np.linalg.norm(np.nanmean(here, axis=1)[:, None] - np.nanmean(last, axis=1), axis=-1)
    mean_way = np.where(common, ways, 0).sum(axis=-1) / np.maximum(common.sum(axis=-1), 1)
    return np.where(common.any(axis=-1), mean_way, means)
