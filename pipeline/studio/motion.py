"""Turns a part's notes into a player's movement: the 47 joints over time, and the shapes to draw, both in px."""

from dataclasses import dataclass

import numpy as np

from pipeline.keypoints import skeleton
from pipeline.studio import body, geometry, timing
from pipeline.studio.geometry import vec
from pipeline.studio.instruments import Instrument
from pipeline.studio.players import Colour, Player
from pipeline.studio.pose import Cues, Hand, Pose, Shape, head_turn
from pipeline.studio.postures import POSTURES
from pipeline.studio.score import Part

_CAMERA_CM = 420.0  # from the camera to the player, near enough that an outstretched hand looks larger
_HEAD = vec(0.0, 20.5, 3.0)  # centre of the head, from the midpoint of the shoulders
_MARGIN = 0.03  # share of the picture along each edge that no joint enters
# Each joint's counterpart on the other side of the body.
_OTHER_SIDE = [skeleton.NECK, *range(24, skeleton.JOINTS), *range(1, 24)]


@dataclass(frozen=True)
class Drawn:
    """A shape in the picture: a tube, or a plate where radius_px <= 0. Its corners are rounded by -radius_px.

    Attributes:
        points: float32 [frames, points, 2], px.
        radius_px: float64 [points].
    """

    points: np.ndarray
    radius_px: np.ndarray
    colour: Colour


@dataclass(frozen=True)
class Performance:
    """A player's movement, in a picture of this player alone.

    Attributes:
        joints: float32 [frames, 47, 2], px, in the order of pipeline.keypoints.skeleton.
        depths: float32 [frames, 47], how much nearer to the camera than the midpoint of the shoulders at rest, px.
        shapes: in drawing order.
    """

    joints: np.ndarray
    depths: np.ndarray
    shapes: list[Drawn]


def perform(
    instrument: Instrument,
    player: Player,
    part: Part,
    duration_s: float,
    fps: float,
    size_px: tuple[int, int],
    rng: np.random.Generator,
) -> Performance:
    """Play the part. Frame i shows the time i / fps.

    Args:
        size_px: width and height of the player's picture.
    """
    times_s = np.arange(round(duration_s * fps)) / fps
    cues = _cues(instrument, player, part, times_s, rng)
    pose = POSTURES[instrument.code](cues)

    lift = (1.1 * cues.breath + 0.5 * cues.accent)[:, None] * vec(0, 1, 0)
    half = vec(player.shoulder_cm, 0, 0)
    shoulders = np.stack([lift - half, lift + half], axis=1)  # [frames, 2, 3], right and left
    joints = np.empty((len(times_s), skeleton.JOINTS, 3))
    joints[:, skeleton.NECK] = shoulders.mean(axis=1)
    facing = {}
    for side, held, first in ((0, pose.right, skeleton.RIGHT_SHOULDER), (1, pose.left, skeleton.LEFT_SHOULDER)):
        arm, axes = _arm(cues, held, shoulders[:, side], left=side == 1)
        joints[:, first : first + 23] = arm
        facing[side] = axes[:, 2]

    yaw = instrument.yaw + player.yaw
    still = geometry.rotation(np.zeros(len(times_s)), yaw, 0.0)
    tilt = geometry.rotation(player.pitch, 0.0, 0.0)
    sway = geometry.rotation(
        player.stoop + 1.2 * cues.sway * player.sway - 1.2 * cues.breath + 1.0 * cues.accent * player.accent,
        1.5 * np.roll(cues.sway, 3) * player.sway,
        player.lean + 2.2 * cues.sway * player.sway,
    )
    pivot = vec(0, -player.torso_cm, 0)

    def before_camera(points: np.ndarray, moves: bool = True) -> np.ndarray:
        """Points [frames, n, 3] as the camera sees them: [frames, n, 3] in cm: x, y up, and depth towards the camera."""
        if moves:
            points = np.einsum("tij,tnj->tni", sway, points - pivot) + pivot
        return np.einsum("ij,tjk,tnk->tni", tilt, still, points)

    mirror = vec(-1.0 if player.left_handed else 1.0, 1.0)

    def to_camera(points: np.ndarray, moves: bool = True) -> np.ndarray:
        """Project points [frames, n, 3] onto the picture plane: [frames, n, 2] in cm, y up."""
        points = before_camera(points, moves)
        return mirror * points[..., :2] * (_CAMERA_CM / (_CAMERA_CM - points[..., 2:]))

    turn = head_turn(pose, len(times_s))
    centre = shoulders.mean(axis=1) + _HEAD
    shapes = _all_shapes(cues, pose, joints, shoulders, centre, turn, yaw, facing, still)
    flat = [
        to_camera(_framed(shape.points, len(times_s)), moves=shape.layer not in ("legs", "lap")) for shape in shapes
    ]
    scale, shift = _fit(instrument, player, to_camera(joints), to_camera(centre[:, None] + vec(0, 13.0, 0)), size_px)

    def to_px(points: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(points * (scale, -scale) + shift, dtype=np.float32)

    drawn = {layer: [] for layer in pose.layers}  # type: dict[str, list[Drawn]]
    for shape, points in zip(shapes, flat, strict=True):
        radius_px = scale * np.broadcast_to(np.asarray(shape.radius_cm, dtype=float), points.shape[1])
        drawn[shape.layer].append(Drawn(to_px(points), radius_px, shape.colour))
    if player.left_handed:
        joints = joints[:, _OTHER_SIDE]
    depths = (scale * before_camera(joints)[..., 2]).astype(np.float32)
    return Performance(to_px(to_camera(joints)), depths, [shape for layer in pose.layers for shape in drawn[layer]])


def _cues(instrument: Instrument, player: Player, part: Part, times_s: np.ndarray, rng: np.random.Generator) -> Cues:
    beats = times_s / part.beat_s
    waves = np.sin(2 * np.pi * beats / player.sway_beats + player.sway_phase)
    waves = 0.75 * waves + 0.25 * np.sin(2 * np.pi * beats / (2 * player.sway_beats) + 2 * player.sway_phase)
    return Cues(
        instrument=instrument,
        player=player,
        part=part,
        times_s=times_s,
        loud=timing.reach(times_s, part, part.velocities / 127.0, 0.2),
        accent=timing.accents(times_s, part),
        breath=timing.breath(times_s, part),
        sounding=timing.sounding(times_s, part),
        sway=waves,
        rng=rng,
    )


def _arm(cues: Cues, held: Hand, shoulder: np.ndarray, left: bool) -> tuple[np.ndarray, np.ndarray]:
    """Shoulder, elbow and hand [frames, 23, 3], and the hand's axes [frames, 3, 3]."""
    player, frames = cues.player, len(cues.times_s)
    along, palm = (np.broadcast_to(way, (frames, 3)) for way in (held.along, held.palm))
    fingers, axes = geometry.hand(left, along, palm, held.curls, player.hand_cm)
    grip = np.einsum("j,tjk->tk", np.array(held.hold) * player.hand_cm / 18.0, axes)
    # The elbows move out as the lungs fill and as the notes get louder.
    out = player.elbows + 0.12 * cues.breath + 0.12 * (cues.loud - 0.5) + 0.12 * cues.accent
    pole = held.pole + out[:, None] * vec(1.0 if left else -1.0, 0.3, 0.0)
    elbow, wrist = geometry.elbow(shoulder, held.grip - grip, player.upper_arm_cm, player.forearm_cm, pole)
    return np.concatenate([shoulder[:, None], elbow[:, None], wrist[:, None] + fingers], axis=1), axes


def _all_shapes(
    cues: Cues,
    pose: Pose,
    joints: np.ndarray,
    shoulders: np.ndarray,
    head_centre: np.ndarray,
    turn: np.ndarray,
    yaw: float,
    facing: dict[int, np.ndarray],
    still: np.ndarray,
) -> list[Shape]:
    player = cues.player
    shapes = body.legs(player, pose.seated) + body.torso(player, shoulders, yaw)
    shapes += body.neck(player, shoulders, head_centre)
    gape = timing.smooth(2 * cues.breath - 1) * (1 - cues.sounding)
    shapes += body.head(player, head_centre, turn, gape)
    for side, name, first in (
        (0, "right", skeleton.RIGHT_SHOULDER),
        (1, "left", skeleton.LEFT_SHOULDER),
    ):
        palm_to_camera = bool(np.einsum("tij,tj->ti", still, facing[side])[:, 2].mean() > 0)
        arm = joints[:, first], joints[:, first + 1], joints[:, first + 2]
        shapes += body.arm(player, *arm, layer=f"{name} arm")
        shapes += body.hand(player, joints[:, first + 2 : first + 23], palm_to_camera, f"{name} hand")
    return shapes + pose.shapes


def _framed(points: np.ndarray, frames: int) -> np.ndarray:
    return np.broadcast_to(points, (frames, *points.shape[-2:]))


def _fit(
    instrument: Instrument, player: Player, joints: np.ndarray, head_top: np.ndarray, size_px: tuple[int, int]
) -> tuple[float, np.ndarray]:
    """Scale (px per cm) and shift (px) that fit the player, with every joint and the head, into the picture."""
    width, height = size_px
    points = np.concatenate([joints, head_top], axis=1).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.array([_MARGIN * width, _MARGIN * height])
    room = np.array(size_px) - 2 * margin
    seen_cm = instrument.above_cm + head_top[..., 1].mean() + player.torso_cm + instrument.below_cm
    scale = float(min(player.fill * height / seen_cm, *(room / (high - low))))
    # Start at the preferred place, and move only as far as is needed to keep every joint inside.
    aside = instrument.aside + player.place
    x = width * (1 + (-aside if player.left_handed else aside)) / 2
    y = scale * (instrument.above_cm + high[1])
    x = np.clip(x, margin[0] - scale * low[0], width - margin[0] - scale * high[0])
    y = np.clip(y, margin[1] + scale * high[1], max(height - margin[1] + scale * low[1], margin[1] + scale * high[1]))
    return scale, np.array([x, y])
