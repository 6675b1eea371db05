"""What a player of the studio has played, pose by pose, and pictures of that player in any movement.

A movement is joints alone, and a picture needs clothes, a face and an instrument. Each pose of a movement is therefore shown by the
poses of the repertoire that are nearest to it, blended, and what is left of the movement bends them a little. So the hand stays on
the bow, whatever a network makes of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.keypoints.skeleton import LEFT_SHOULDER, NECK, RIGHT_SHOULDER
from pipeline.studio import figure, motion, players, score
from pipeline.studio.instruments import Instrument
from pipeline.studio.motion import Performance
from pipeline.studio.players import Player

NEAREST = 8  # poses that are blended
REACH = 0.25  # shoulder widths from a joint within which what is drawn goes with it


@dataclass(frozen=True)
class Repertoire:
    """The poses of one player.

    Attributes:
        performance: a frame is a pose.
        poses: float32 [poses, 47, 2], the neck at the origin, the shoulders 1 apart.
        unit_px: the width of the shoulders.
    """

    instrument: Instrument
    player: Player
    performance: Performance
    poses: np.ndarray
    unit_px: float
    size_px: int


def learn(instrument: Instrument, seed: int, duration_s: float, fps: float, size_px: int) -> Repertoire:
    """Let a player play for a while.

    Args:
        seed: of the player and of the music.
        duration_s: length of the music.
        fps: poses a second.
        size_px: height and width of the player's pictures.
    """
    generator = np.random.default_rng(seed)
    # Who sways would sway with the piece that was learnt, and not with the one that is played.
    player = replace(players.draw_player(generator), sway=0.0)
    (part,) = score.compose([instrument], duration_s, generator)
    performance = motion.perform(instrument, player, part, duration_s, fps, (size_px, size_px), generator)
    unit_px = shoulders_px(performance.joints)
    return Repertoire(instrument, player, performance, normalised(performance.joints, unit_px), unit_px, size_px)


def shoulders_px(joints: np.ndarray) -> float:
    """The median width of the shoulders in some poses [poses, 47, 2], px."""
    return float(np.median(np.linalg.norm(joints[:, RIGHT_SHOULDER] - joints[:, LEFT_SHOULDER], axis=-1)))


def normalised(joints: np.ndarray, unit_px: float) -> np.ndarray:
    """Joints [poses, 47, 2] in px as movement is: the neck at the origin, the shoulders 1 apart."""
    return ((joints - joints[:, [NECK]]) / unit_px).astype(np.float32)


def nearest(repertoire: Repertoire, movement: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pose of a movement [rows, 47, 2]: which poses are nearest, int64 [rows, NEAREST]; their shares, which add up to 1,
    float64 [rows, NEAREST]; and the root mean squared distance of the nearest, float64 [rows]."""
    known, asked = repertoire.poses.reshape(len(repertoire.poses), -1), movement.reshape(len(movement), -1)
    square = ((asked**2).sum(1)[:, None] - 2 * asked @ known.T + (known**2).sum(1)).astype(np.float64).clip(min=0)
    places = np.argpartition(square, NEAREST, axis=1)[:, : NEAREST + 1]
    places = np.take_along_axis(places, np.argsort(np.take_along_axis(square, places, 1), 1, kind="stable"), 1)
    found = np.take_along_axis(square, places, 1)
    # A pose fades out before another one takes its place, so that nothing jumps.
    shares = (found[:, -1:] - found[:, :-1]) + 1e-9
    return places[:, :-1], shares / shares.sum(1, keepdims=True), np.sqrt(found[:, 0] / asked.shape[1])


def most_alike(known: Sequence[Repertoire], movement: np.ndarray) -> Repertoire:
    """The one with whose poses a movement [rows, 47, 2] has the smallest mean distance."""
    return min(known, key=lambda each: float(nearest(each, movement)[2].mean()))


def to_life(repertoire: Repertoire, movement: np.ndarray, like: np.ndarray, liveliest: float) -> np.ndarray:
    """A movement [rows, 47, 2] around the middle of the repertoire, and as fast as it is played there.

    A regression from sound shows the mean of all movement that goes with it, which is slower than any of it.

    Args:
        like: [rows, 47, 2], the same movement or its beginning, whose middle and speed are taken.
        liveliest: largest factor by which it is made larger.
    """
    speed, wanted = (np.sqrt((np.diff(each, axis=0) ** 2).mean()) for each in (like, repertoire.poses))
    factor = np.clip(wanted / max(speed, 1e-6), 1, liveliest)
    return (repertoire.poses.mean(0) + factor * (movement - like.mean(0))).astype(np.float32)


def blended(points: np.ndarray, places: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points [poses, n, 2] of some poses, blended: float32 [rows, n, 2]."""
    return np.einsum("rk,rknc->rnc", shares, points[places]).astype(np.float32)


def performed(repertoire: Repertoire, movement: np.ndarray) -> Performance:
    """The player in a movement, float32 [rows, 47, 2]."""
    places, shares, _ = nearest(repertoire, movement)
    known = repertoire.performance
    joints = blended(known.joints, places, shares)
    left = repertoire.unit_px * (movement - normalised(joints, repertoire.unit_px))  # px
    shapes = [
        replace(shape, points=blended(shape.points, places, shares) + near(repertoire, shape.points) @ left)
        for shape in known.shapes
    ]
    depths = np.einsum("rk,rkj->rj", shares, known.depths[places]).astype(np.float32)
    return Performance(joints + left, depths, shapes)


def near(repertoire: Repertoire, points: np.ndarray) -> np.ndarray:
    """How much of each joint's way the points of a shape [poses, n, 2] go: float32 [n, 47]. They are near, or go nowhere."""
    away = np.linalg.norm(points.mean(0)[:, None] - repertoire.performance.joints.mean(0), axis=2)
    shares = np.exp(-0.5 * (away / (REACH * repertoire.unit_px)) ** 2)
    return (shares / np.maximum(shares.sum(1, keepdims=True), 1)).astype(np.float32)


def pictures(repertoire: Repertoire, movements: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the picture of each pose of a movement that comes in parts, [rows, 47, 2]: uint8 [size_px, size_px, 3], BGR."""
    size_px = repertoire.size_px, repertoire.size_px
    for movement in movements:
        yield from figure.draw(performed(repertoire, movement), repertoire.player, size_px)
