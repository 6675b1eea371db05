"""Postures for flute, oboe, clarinet, bassoon and saxophone: fingers on keys."""

from dataclasses import dataclass

import numpy as np

from pipeline.studio.geometry import vec
from pipeline.studio.players import Colour
from pipeline.studio.pose import BRASS, EBONY, MOUTH, SILVER, Cues, Hand, Pose, Shape, line, ring


def _holes(cues: Cues, lifted: float = 0.12, pressed: float = 0.38) -> tuple[np.ndarray, np.ndarray]:
    """Finger curls of the left and the right hand on a woodwind's keys, each float64 [frames, 5].

    All fingers are down for the lowest note and are lifted one by one up the octave.
    """
    steps = (cues.part.pitches - cues.instrument.low) % 12
    down = np.clip(8 - steps * 8 / 11, 0, 8)[:, None]  # number of fingers down, counted from the mouth
    keys = np.arange(8)[None, :]
    curl = lifted + (pressed - lifted) * np.clip(down - keys, 0.0, 1.0)
    thumb = np.full((len(steps), 1), 0.45)
    left = np.hstack([thumb, curl[:, :4]])
    right = np.hstack([thumb, curl[:, 4:]])
    return cues.reach(left, 0.06), cues.reach(right, 0.06)


@dataclass(frozen=True)
class Reed:
    """Oboe or clarinet. Lengths in cm from the mouth; the angle in degrees from straight down."""

    angle: float
    length: float
    left: float
    right: float
    radius: float
    bell: float
    colour: Colour = EBONY


OBOE = Reed(angle=35.0, length=60.0, left=20.0, right=34.5, radius=1.1, bell=1.9)
CLARINET = Reed(angle=41.5, length=66.0, left=24.5, right=42.0, radius=1.45, bell=3.6)


def reed(setup: Reed, cues: Cues) -> Pose:
    quirks = cues.player.quirks
    angle = np.radians(setup.angle + 2.0 * quirks[0] + 3.0 * cues.sway + 2.5 * (cues.loud - 0.5) - 3.0 * cues.accent)
    side = np.radians(2.5 * quirks[1] + 2.0 * cues.sway)
    axis = np.stack([np.sin(side), -np.cos(angle), np.sin(angle)], axis=-1)

    def at(cm: float) -> np.ndarray:
        return MOUTH + cm * axis

    left_curls, right_curls = _holes(cues)
    rods = [
        Shape(line(at(cm) + vec(0.4, 0.5, 1.0), at(cm + 2.2) + vec(0.4, 0.5, 1.0)), SILVER, 0.75)
        for cm in np.arange(setup.left - 6, setup.right + 10, 4.2)
    ]
    return Pose(
        right=Hand(
            at(setup.right + 0.8 * quirks[2]),
            vec(0.80, 0.35, 0.30),
            vec(0.25, -0.15, -1.0),
            right_curls,
            vec(-1.0, -0.8, -0.3),
            (0.5, 12.0, 3.5),
        ),
        left=Hand(
            at(setup.left + 0.8 * quirks[3]),
            vec(-0.80, 0.35, 0.30),
            vec(-0.25, -0.15, -1.0),
            left_curls,
            vec(1.0, -0.8, -0.3),
            (0.5, 12.0, 3.5),
        ),
        shapes=[
            Shape(line(at(0), at(6)), (60, 130, 190), 0.45),
            Shape(line(at(5), at(setup.length - 6)), setup.colour, setup.radius),
            Shape(
                line(at(setup.length - 7), at(setup.length - 2), at(setup.length)),
                setup.colour,
                (setup.radius, setup.bell * 0.8, setup.bell),
            ),
            Shape(line(at(setup.right - 8), at(setup.right - 6.8)), SILVER, setup.radius * 1.15),
            *rods,
        ],
        head=(6.0 + 3 * cues.accent, 0.0, 2.0 * quirks[4]),
    )


def flute(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    droop = np.radians(8 + 4 * quirks[0] + 3 * cues.sway + 2.5 * cues.accent)
    ahead = np.radians(12 + 4 * quirks[1])
    axis = np.stack([-np.cos(droop) * np.cos(ahead), -np.sin(droop), np.full_like(droop, np.sin(ahead))], axis=-1)
    lip = MOUTH + vec(0, -1.0, 1.0)

    def at(cm: float) -> np.ndarray:
        return lip + cm * axis

    left_curls, right_curls = _holes(cues, 0.2, 0.45)
    keys = [
        Shape(line(at(cm) + vec(0, 1.0, 0.6), at(cm + 1.4) + vec(0, 1.0, 0.6)), (170, 170, 165), 0.9)
        for cm in np.arange(16, 52, 3.4)
    ]
    return Pose(
        right=Hand(
            at(41), vec(0.25, 0.75, 0.55), vec(0.15, -0.55, 0.85), right_curls, vec(-1.0, -0.9, -0.3), (0.0, 11.0, 3.0)
        ),
        left=Hand(
            at(21), vec(-0.55, 0.75, -0.15), vec(-0.2, -0.35, -0.95), left_curls, vec(0.8, -1.0, 0.2), (0.0, 11.0, 3.2)
        ),
        shapes=[Shape(line(at(-5), at(60)), SILVER, 0.95), *keys],
        head=(2.0 + 2 * cues.accent, -14.0 + 3 * quirks[2], 4.0 + 3 * quirks[3]),
    )


def bassoon(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    foot = vec(-24.0 + 2 * quirks[0], -66.0, 6.0)
    top = vec(20.0 + 3 * quirks[1], 44.0, 22.0)
    swing = (1.6 * cues.sway - 2.0 * cues.accent)[:, None] * vec(1.0, 0.0, 0.3)

    def at(share: float) -> np.ndarray:
        return foot + share * (top - foot) + share * swing

    left_curls, right_curls = _holes(cues, 0.18, 0.42)
    bocal = [
        at(0.66),
        at(0.74) + vec(-2, 2, 6),
        np.broadcast_to(MOUTH + vec(2, 3, 8), swing.shape),
        np.broadcast_to(MOUTH, swing.shape),
    ]
    second = vec(3.4, -1.2, 0)
    keys = [
        Shape(line(at(s) + vec(0, 0, 2.4), at(s + 0.03) + vec(0, 0, 2.4)), SILVER, 0.8)
        for s in np.arange(0.1, 0.8, 0.06)
    ]
    return Pose(
        right=Hand(
            at(0.20), vec(0.82, 0.1, 0.45), vec(0.35, -0.1, -0.9), right_curls, vec(-1.0, -0.3, -0.5), (0.5, 11.5, 3.8)
        ),
        left=Hand(
            at(0.55), vec(-0.78, 0.35, 0.35), vec(-0.3, -0.1, -0.95), left_curls, vec(1.0, -0.9, -0.2), (0.5, 11.5, 3.8)
        ),
        shapes=[
            Shape(line(at(0.0) + second, at(0.62) + second), (34, 36, 78), 2.1),
            Shape(line(at(0.0), at(1.0)), (36, 40, 96), (3.0, 2.0)),
            Shape(line(at(0.0) + second * 0.5, at(0.36) + second * 0.5), (36, 40, 96), 3.1),
            Shape(line(at(0.97), at(1.0)), (215, 228, 235), 2.5),
            Shape(line(*bocal), SILVER, 0.45),
            *keys,
        ],
        head=(2.0 + 2 * cues.accent, 3.0, 0.0),
        seated=True,
    )


def saxophone(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    swing = (2.0 * cues.sway + 1.5 * quirks[0] - 2.2 * cues.accent)[:, None] * vec(1.0, 0.0, 0.5)
    push = vec(0.0, 0.0, 2.0) * quirks[1]

    def at(x: float, y: float, z: float) -> np.ndarray:
        depth = (MOUTH[1] - y) / 60
        return vec(x, y, z) + depth * (swing + push)

    left_curls, right_curls = _holes(cues, 0.18, 0.42)
    bend = [at(-10.0, -40, 16), at(-10.5, -45, 18), at(-10, -47, 22), at(-9, -45, 26), at(-8.4, -40, 28)]
    keys = [
        Shape(
            line(at(-2.2 - 0.16 * s, -2.0 - s, 23.5 - 0.12 * s), at(-2.4 - 0.16 * s, -3.2 - s, 23.5 - 0.12 * s)),
            (120, 200, 235),
            1.5,
        )
        for s in np.arange(0, 36, 5.0)
    ]
    bell = at(-5.0, -18, 34)
    return Pose(
        right=Hand(
            at(-9.0, -28, 22),
            vec(0.78, 0.15, 0.45),
            vec(0.3, -0.1, -0.9),
            right_curls,
            vec(-1.0, -0.5, -0.5),
            (0.5, 11.0, 3.6),
        ),
        left=Hand(
            at(-2.6, -4, 24),
            vec(-0.8, 0.3, 0.3),
            vec(-0.3, -0.1, -0.95),
            left_curls,
            vec(1.0, -0.8, -0.3),
            (0.5, 11.0, 3.6),
        ),
        shapes=[
            Shape(line(at(*MOUTH), at(0, 14, 15)), EBONY, 1.0),
            Shape(
                line(at(0, 14, 15), at(-0.3, 15, 19), at(-0.8, 13, 22), at(-1.2, 9, 23)), BRASS, (0.9, 1.1, 1.4, 1.6)
            ),
            Shape(line(at(-1.2, 9, 23), bend[0]), BRASS, (1.6, 3.2)),
            Shape(line(*bend), BRASS, (3.2, 3.4, 3.5, 3.7, 4.0)),
            Shape(line(bend[-1], at(-6.6, -28, 31), bell), BRASS, (4.0, 4.8, 6.4)),
            Shape(ring(bell + vec(0.2, 1.5, 1.0), vec(0.15, 0.75, 0.65), 7.4), (40, 95, 130)),
            *keys,
        ],
        head=(4.0 + 3 * cues.accent, -3.0, 2.0 * quirks[4]),
    )
