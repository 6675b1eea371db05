"""People followed from frame to frame, and the one among them who is a track's player.

OpenPose finds everybody in a picture and lists them in any order, another one in the next picture. From frame to frame
people are matched so that the sum of the ways that their necks and shoulders went is the least (Kuhn, "The Hungarian
Method for the Assignment Problem", 1955). Who is not seen for a while is waited for where they were last seen.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.keypoints.skeleton import BODY, JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER

REACH = 1.0  # who appears farther from where a person was last seen is somebody else; in the body's size, see `sizes`
_ANCHORS = (NECK, RIGHT_SHOULDER, LEFT_SHOULDER)  # they move least, and hardly ever hide


def follow(people: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Who is who.

    Args:
        people: for each frame the joints of all who were found in it, float32 [people, 47, 3] = x px, y px, confidence
            (0 = not found), in any order.

    Returns:
        for each frame int64 [people], a number for each person that is the same in every frame; -1 for who shows
        neither neck nor shoulder. The order in which people are listed changes nothing but the order of the result.
    """
    last = np.zeros((0, len(_ANCHORS), 2))  # where each person's anchors were last seen, px; NaN: never
    size = np.zeros(0)  # the largest that each person was seen, px
    identities = []
    for joints in people:
        identity = np.full(len(joints), -1)
        order = np.lexsort(joints.reshape(len(joints), JOINTS * 3).T)  # one order, whatever theirs was
        order = order[(joints[order][:, _ANCHORS, 2] > 0).any(axis=1)]
        if len(order):
            here, here_size = anchors(joints[order]), sizes(joints[order])
            distance = _distances(here, last)
            reach = REACH * np.maximum(here_size[:, None], size)
            # No farther than the reach: else it would pay to move everybody one place on for a newcomer's sake.
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
    """The joints of a strip's player.

    Of those whose neck and shoulders lie in the strip (by the median of x over time) it is the one who takes up most of
    the picture: the sum over time of the body's size. So somebody who walks by or sits behind is not the player.

    Args:
        people: as for `follow`.
        left_px, right_px: edges of the strip; infinite where it ends with the picture.

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
    """Places of neck and shoulders, float64 [people, 3, 2] px, of joints [people, 47, 3]; NaN where not found."""
    found = joints[:, _ANCHORS].astype(np.float64)
    return np.where(found[..., 2:] > 0, found[..., :2], np.nan)


def sizes(joints: np.ndarray) -> np.ndarray:
    """How large bodies are, float64 [people] px: the diagonal of the box around the neck and the arms that were found."""
    body = joints[:, BODY].astype(np.float64)
    found = body[..., 2:] > 0
    high = np.where(found, body[..., :2], -np.inf).max(axis=1)
    low = np.where(found, body[..., :2], np.inf).min(axis=1)
    return np.linalg.norm(np.where(found.any(axis=1), high - low, 0), axis=-1)


def _distances(here: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean way of the anchors [people, 3, 2] from [persons, 3, 2]: float64 [people, persons] px.

    Over the anchors that both have; who have none in common are measured by the means of those they have.
    """
    ways = np.linalg.norm(here[:, None] - last, axis=-1)
    common = ~np.isnan(ways)
    means = np.linalg.norm(np.nanmean(here, axis=1)[:, None] - np.nanmean(last, axis=1), axis=-1)
    mean_way = np.where(common, ways, 0).sum(axis=-1) / np.maximum(common.sum(axis=-1), 1)
    return np.where(common.any(axis=-1), mean_way, means)
