"""A player's looks: the shapes of body, clothes, head and hands, in the player's own space (see geometry.py)."""

import numpy as np

from pipeline.studio.geometry import unit, vec
from pipeline.studio.players import Colour, Player
from pipeline.studio.pose import Shape, shade


def legs(player: Player, seated: bool) -> list[Shape]:
    """The legs, and a chair if seated. They do not move, so their points are [n, 3]."""
    hips = -player.torso_cm
    girth = player.girth
    if seated:
        knees, feet = vec(20.0, hips - 3, 40.0), vec(19.0, hips - 46, 38.0)
    else:
        knees, feet = vec(10.5, hips - 45, 2.0), vec(11.0, hips - 90, 0.0)
    shapes = []
    if seated:
        seat = np.stack([vec(-21.0, hips - 11, -6.0), vec(21.0, hips - 11, -6.0)])
        shapes.append(Shape(seat, (48, 44, 42), 4.0, "legs"))
    for side in (-1, 1):
        mirror = vec(side, 1, 1)
        points = np.stack([vec(side * 7.6, hips - 5, 0), knees * mirror, feet * mirror])
        shapes.append(Shape(points, player.trousers, (8.4 * girth, 8.2 * girth, 6.0 * girth), "lap"))
    return shapes


def torso(player: Player, shoulders: np.ndarray, yaw: float) -> list[Shape]:
    """The trunk under the shirt, and the hips.

    Args:
        shoulders: [frames, 2, 3], right and left.
        yaw: degrees away from the camera. The trunk gets narrower as it turns, because a chest is less deep than wide.
    """
    turned = np.radians(yaw)
    width = float(np.hypot(np.cos(turned), 0.62 * np.sin(turned))) * player.girth
    across = vec(np.cos(turned), 0, np.sin(turned))  # to the right in the picture
    middle = shoulders.mean(axis=1)
    down = player.torso_cm / 51.0
    rights = [
        middle + x * width * across + vec(0, y, 0)
        for x, y in ((12.5, -8), (14.6, -15), (13.8, -26 * down), (12.6, -38 * down), (13.6, -49 * down))
    ]
    lefts = [
        middle - x * width * across + vec(0, y, 0)
        for x, y in ((13.6, -49 * down), (12.6, -38 * down), (13.8, -26 * down), (14.6, -15), (12.5, -8))
    ]
    slope = vec(0, 3.6, 0)
    outline = [
        middle - 5.5 * across + vec(0, 6.0, 0),
        middle + 5.5 * across + vec(0, 6.0, 0),
        shoulders[:, 1] * 0.96 + middle * 0.04 + slope,
        shoulders[:, 1],
        *rights,
        *lefts,
        shoulders[:, 0],
        shoulders[:, 0] * 0.96 + middle * 0.04 + slope,
    ]
    hips = [
        middle + x * width * across + vec(0, y * down, 0)
        for x, y in ((-13.2, -47), (13.2, -47), (14.6, -53), (11.0, -62), (-11.0, -62), (-14.6, -53))
    ]
    return [
        Shape(np.stack(outline, axis=1), player.shirt, -1.2, "torso"),
        Shape(np.stack(hips, axis=1), player.trousers, -1.0, "torso"),
        Shape(np.stack(hips[:2], axis=1), shade(player.trousers, -0.5), 1.1, "torso"),
    ]


def neck(player: Player, shoulders: np.ndarray, head_centre: np.ndarray) -> list[Shape]:
    middle = shoulders.mean(axis=1)
    foot = middle + vec(0, 1.5, 1.0)
    return [
        Shape(
            np.stack([head_centre + vec(0, -7.5, -1.0), foot], axis=1),
            shade(player.skin, -0.13),
            5.0 * player.girth,
            "neck",
        ),
        Shape(
            _points(middle, (-5.5, 4.5, 2.0), (0, 0.5, 5.5), (5.5, 4.5, 2.0)), shade(player.shirt, 0.22), 1.2, "neck"
        ),
    ]


def arm(player: Player, shoulder: np.ndarray, elbow: np.ndarray, wrist: np.ndarray, layer: str) -> list[Shape]:
    """One arm in its sleeve. Shoulder, elbow and wrist are [frames, 3]."""
    cuff = elbow + 0.8 * (wrist - elbow)
    girth = player.girth
    sleeve = shade(player.shirt, 0.08)  # lighter than the shirt, so that an arm in front of the trunk stands out
    return [
        Shape(np.stack([cuff, wrist], axis=1), player.skin, (2.9 * girth, 2.5 * girth), layer),
        Shape(np.stack([shoulder, elbow], axis=1), sleeve, (5.4 * girth, 4.5 * girth), layer),
        Shape(np.stack([elbow, cuff], axis=1), sleeve, (4.5 * girth, 3.5 * girth), layer),
        Shape(np.stack([elbow + 0.77 * (wrist - elbow), cuff], axis=1), shade(player.shirt, 0.3), 3.6 * girth, layer),
    ]


def hand(player: Player, joints: np.ndarray, palm_to_camera: bool, layer: str) -> list[Shape]:
    """The shapes of a hand around its 21 joints [frames, 21, 3]."""
    thick = player.hand_cm / 18.0
    skin = player.skin
    wrist, across = joints[:, 0], unit(joints[:, 5] - joints[:, 17])
    heel = [wrist + 2.2 * across, wrist - 2.2 * across]
    outline = np.stack(
        [heel[0], joints[:, 1], joints[:, 5], joints[:, 9], joints[:, 13], joints[:, 17], heel[1]], axis=1
    )
    palm = [Shape(outline, shade(skin, 0.04 if palm_to_camera else -0.02), -1.0 * thick, layer)]
    fingers = []
    for finger in (4, 3, 2, 1, 0):
        chain = joints[:, 1 + 4 * finger : 5 + 4 * finger]
        radius = thick * (1.15 if finger == 0 else 0.84 if finger == 4 else 0.98)
        fingers.append(Shape(chain, skin, radius, layer))
        if not palm_to_camera:
            nail = chain[:, 3] + 0.12 * (chain[:, 3] - chain[:, 2])
            fingers.append(Shape(np.stack([chain[:, 3], nail], axis=1), shade(skin, 0.35), 0.5 * radius, layer))
    # Fingers bend towards the palm. They are in front of it if the camera sees the palm, else behind it.
    if palm_to_camera:
        return palm + fingers
    knuckles = [
        Shape(joints[:, [base, base]] + 0.3 * across[:, None, :], shade(skin, 0.10), 0.8, layer)
        for base in (5, 9, 13, 17)
    ]
    return fingers + palm + knuckles


def head(player: Player, centre: np.ndarray, turn: np.ndarray, open_mouth: np.ndarray) -> list[Shape]:
    """Head, face and hair.

    Args:
        centre: [frames, 3].
        turn: [frames, 3, 3], see geometry.rotation.
        open_mouth: [frames], 0 closed .. 1 open.
    """
    size, skin = player.head, player.skin

    def at(*places: tuple[float, float, float]) -> np.ndarray:
        return centre[:, None, :] + size * np.einsum("tij,kj->tki", turn, np.array(places))

    def mirrored(*places: tuple[float, float, float]) -> list[np.ndarray]:
        return [at(*[(side * x, y, z) for x, y, z in places]) for side in (-1, 1)]

    dark, brow = shade(skin, -0.35), shade(player.hair, -0.1)
    shapes = []
    if player.hair_style != "bald":
        shapes.append(Shape(at((0, 2.5, -2.5), (0, -1.0, -3.0)), player.hair, (10.2 * size, 8.8 * size), "head"))
    if player.hair_style == "long":
        shapes += [
            Shape(points, player.hair, (3.6 * size, 4.0 * size, 3.0 * size), "head")
            for points in mirrored((6.6, 2, -3), (7.6, -7, -4), (7.0, -15, -4))
        ]
    if player.hair_style == "bun":
        shapes.append(Shape(at((0, 11.5, -4.5), (0, 12.0, -4.5)), player.hair, 4.2 * size, "head"))
    shapes += [
        Shape(points, shade(skin, -0.08), 1.7 * size, "head")
        for points in mirrored((8.0, 0.6, -0.5), (7.8, -2.2, -0.8))
    ]
    shapes.append(
        Shape(at((0, 3.0, 0.8), (0, -3.0, 2.0), (0, -7.0, 3.2)), skin, (8.3 * size, 7.5 * size, 4.7 * size), "head")
    )
    if player.hair_style != "bald":
        fringe = at(
            (-7.4, 4.2, 2.2), (-5.6, 8.0, 3.4), (-1.5, 9.8, 4.2), (3.0, 9.4, 4.0), (6.3, 7.4, 3.0), (7.5, 4.0, 2.2)
        )
        shapes.append(
            Shape(fringe, player.hair, (1.3 * size, 2.2 * size, 2.5 * size, 2.5 * size, 2.2 * size, 1.3 * size), "head")
        )
    for points in mirrored(
        (1.6, 1.6, 8.4), (2.6, 2.3, 8.3), (3.8, 2.2, 7.8), (4.8, 1.5, 7.0), (3.8, 0.9, 7.7), (2.6, 0.8, 8.2)
    ):
        shapes.append(Shape(points, (238, 240, 240), 0.0, "head"))
    for points in mirrored((3.1, 1.55, 8.4), (3.15, 1.5, 8.4)):
        shapes.append(Shape(points, (50, 60, 70), 0.85 * size, "head"))
        shapes.append(Shape(points, (16, 14, 16), 0.45 * size, "head"))
    shapes += [
        Shape(points, shade(skin, -0.55), 0.28 * size, "head")
        for points in mirrored((1.5, 1.7, 8.4), (2.7, 2.5, 8.4), (3.9, 2.4, 7.8), (5.0, 1.6, 7.0))
    ]
    shapes += [
        Shape(points, brow, 0.5 * size, "head")
        for points in mirrored((1.4, 4.0, 8.6), (3.2, 4.6, 8.2), (5.3, 3.8, 7.0))
    ]
    shapes.append(
        Shape(at((0.9, 2.2, 9.0), (1.3, -0.5, 10.2), (1.7, -2.2, 9.6)), shade(skin, -0.22), 0.45 * size, "head")
    )
    shapes.append(Shape(at((0, 2.0, 9.3), (0, -0.6, 10.9), (0, -1.6, 11.0)), shade(skin, 0.18), 0.7 * size, "head"))
    shapes.append(
        Shape(at((-1.6, -2.5, 9.4), (-0.7, -2.9, 10.3), (0.7, -2.9, 10.3), (1.6, -2.5, 9.4)), dark, 0.35 * size, "head")
    )
    lips: Colour = (int(skin[0] * 0.62), int(skin[1] * 0.6), int(skin[2] * 0.86))
    gape = open_mouth[:, None, None] * vec(0, -1.3, 0) * size
    shapes.append(
        Shape(at((-2.7, -5.6, 8.2), (-1.2, -5.1, 9.1), (1.2, -5.1, 9.1), (2.7, -5.6, 8.2)), lips, 0.5 * size, "head")
    )
    shapes.append(Shape(at((-2.2, -6.0, 8.4), (0, -6.5, 9.1), (2.2, -6.0, 8.4)) + gape, lips, 0.6 * size, "head"))
    shapes.append(
        Shape(
            at((-2.2, -5.75, 8.5), (0, -5.85, 9.2), (2.2, -5.75, 8.5)) + 0.5 * gape,
            shade(lips, -0.5),
            0.25 * size,
            "head",
        )
    )
    return shapes


def _points(origin: np.ndarray, *places: tuple[float, float, float]) -> np.ndarray:
    return origin[:, None, :] + np.array(places)
