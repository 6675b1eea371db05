"""Postures for guitar, ukulele, bass guitar and harp: strings that are strummed or plucked at the onsets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import turned, unit, vec
from pipeline.studio.players import Colour
from pipeline.studio.pose import DARK_WOOD, EBONY, SILVER, STRING, Cues, Hand, Pose, Shape, layers, ring, shade

# Half the outline of a guitar's body: cm from its lower end, cm from its centre line.
_OUTLINE = (
    (0.0, 0.0),
    (0.5, 8.0),
    (3.0, 14.5),
    (8.0, 18.5),
    (14.0, 19.0),
    (20.0, 16.5),
    (25.0, 13.2),
    (29.0, 12.2),
    (33.0, 12.6),
    (38.0, 14.2),
    (43.0, 13.8),
    (46.5, 11.0),
    (48.5, 6.0),
    (49.0, 2.6),
)
# An electric bass has horns on both sides of the neck.
_HORNS = (
    (0.0, 0.0),
    (1.0, 9.0),
    (5.0, 13.5),
    (11.0, 15.5),
    (18.0, 14.0),
    (24.0, 12.0),
    (31.0, 13.0),
    (38.0, 15.0),
    (45.0, 14.5),
    (49.0, 11.0),
    (44.0, 7.5),
    (40.0, 3.0),
)

_LIFTED, _DOWN = 0.36, 0.58  # curls of the left hand's fingers, above a string and on it


@dataclass(frozen=True)
class Neck:
    """An instrument with a neck: its position in the player's space, and how it is played. Lengths in cm."""

    bridge: np.ndarray  # where the right hand plays, on the middle strings
    axis: np.ndarray  # from there to the head
    scale: float  # size of the body, guitar = 1
    right_at: float  # from the body's lower end to the right hand
    nut: float  # from the body's lower end
    hand_low: float  # left hand at the lowest pitch, from the lower end
    hand_high: float  # left hand at the highest pitch, from the lower end
    colour: Colour
    outline: tuple[tuple[float, float], ...] = _OUTLINE
    hollow: bool = True
    strings: int = 6
    strum_cm: float = 0.0  # how far a loud stroke goes beyond the strings; 0: the fingers pluck instead
    right_along: tuple[float, float, float] = (0.85, -0.48, 0.08)
    right_hold: tuple[float, float, float] = (1.5, 12.0, 3.5)
    seated: bool = True


GUITAR = Neck(
    bridge=vec(-12.0, -31.0, 20.0),
    axis=vec(0.89, 0.36, 0.16),
    scale=1.0,
    right_at=24.0,
    nut=83.0,
    hand_low=77.0,
    hand_high=61.0,
    colour=(70, 140, 200),
    strum_cm=9.0,
)
UKULELE = Neck(
    bridge=vec(-4.0, -25.0, 20.0),
    axis=vec(0.88, 0.38, 0.16),
    scale=0.55,
    right_at=20.0,
    nut=53.0,
    hand_low=51.0,
    hand_high=40.0,
    colour=(50, 100, 165),
    strings=4,
    strum_cm=7.0,
)
BASS_GUITAR = Neck(
    bridge=vec(-18.0, -37.0, 15.0),
    axis=vec(0.84, 0.44, 0.16),
    scale=1.0,
    right_at=15.0,
    nut=86.0,
    hand_low=77.0,
    hand_high=57.0,
    colour=(40, 40, 150),
    outline=_HORNS,
    hollow=False,
    strings=4,
    right_along=(0.70, -0.70, 0.10),
    seated=False,
)


def necked(setup: Neck, cues: Cues) -> Pose:
    quirks, part = cues.player.quirks, cues.part
    axis = unit(setup.axis + vec(0.0, 0.05 * quirks[0], 0.04 * quirks[1]))
    lean = turned(vec(0.0, 1.0, 0.0), vec(1.0, 0.0, 0.0), -0.12 + 0.05 * quirks[2])
    across = unit(lean - (lean @ axis) * axis)  # towards the lowest string, which is the upper one
    front = np.cross(axis, across)
    end = setup.bridge + vec(1.5 * quirks[3], 1.5 * quirks[4], 0.0) - setup.right_at * axis

    def place(a: float | np.ndarray, b: float | np.ndarray = 0.0, n: float | np.ndarray = 0.0) -> np.ndarray:
        a, b, n = (np.asarray(value)[..., None] for value in (a, b, n))
        return end + a * axis + b * across + n * front

    loudness = part.velocities / 127.0
    along = np.array(setup.right_along)
    if setup.strum_cm:
        sweep = timing.strums(cues.times_s, part, setup.strum_cm * (0.45 + 0.55 * loudness))
        right_grip = place(setup.right_at + 1.2 * quirks[5], sweep, 3.0)
        right_along = along + (0.03 * sweep)[:, None] * across  # the wrist turns with the stroke
        right_curls = np.tile([0.55, 0.5, 0.58, 0.62, 0.62], (len(sweep), 1))
    else:
        plucking = np.zeros((len(loudness), 5))
        low = cues.high < 0.25
        plucking[low, 0] = 1.0
        others = np.flatnonzero(~low)
        plucking[others, 1 + others % 2] = 1.0
        taps = timing.taps(cues.times_s, part, plucking * (0.3 + 0.6 * loudness)[:, None])
        string = cues.reach(1.6 * (1 - 2 * cues.high), 0.08)  # the low strings are nearer to the thumb
        right_grip = place(setup.right_at + 1.2 * quirks[5], string, 2.0 + 2.2 * taps.max(axis=1))
        right_along = along + 0.10 * taps.max(axis=1)[:, None] * across
        right_curls = np.array([0.25, 0.36, 0.36, 0.42, 0.46]) + taps * [0.5, 0.42, 0.42, 0.0, 0.0]

    # The left hand moves along the neck. Each pitch has its own fingers on the strings.
    travel_cm = setup.hand_low - setup.hand_high
    hand_at = setup.hand_low - travel_cm * cues.reach(cues.high, 0.12)
    fingers = np.arange(5)
    pressed = np.where((part.pitches[:, None] * 5 + 3 * fingers) % 7 < 4, _DOWN, _LIFTED)
    pressed[:, 0] = 0.4
    left_grip = place(hand_at, -1.0, 1.6)
    return Pose(
        right=Hand(right_grip, right_along, -front, right_curls, vec(-1.0, -0.25, -0.5), setup.right_hold),
        left=Hand(
            left_grip,
            0.95 * across - 0.12 * axis + 0.30 * front,
            -front + 0.35 * across,
            cues.reach(pressed, 0.08),
            vec(0.55, -1.0, -0.35),
            (0.5, 11.0, 3.0),
        ),
        shapes=_instrument(setup, place),
        head=(7.0 + 2 * cues.accent, 9.0 + 4 * quirks[6], -2.0 + 2 * quirks[7]),
        seated=setup.seated,
        layers=layers("neck, head, left arm, instrument, left hand, right arm, right hand"),
    )


def _instrument(setup: Neck, place: Callable[..., np.ndarray]) -> list[Shape]:
    """The body, the neck and the strings.

    Args:
        place: maps cm along the strings, across them and out of the top plate to a point.
    """
    scale, nut = setup.scale, setup.nut
    body = [(a * scale, b * scale) for a, b in setup.outline]
    top = np.array([place(a, b, -0.5) for a, b in body] + [place(a, -b, -0.5) for a, b in reversed(body)])
    depth = 8.0 * scale if setup.hollow else 4.0
    back = top + place(0, 0, -depth) - place(0)
    dark = shade(setup.colour, -0.55)
    hole, wide = 33.0 * scale, 2.6 if setup.strings > 4 else 2.0
    join = setup.outline[-1][0] * scale
    shapes = [Shape(back, dark), Shape(top, setup.colour)]
    if setup.hollow:
        middle, front = place(hole, 0, -0.3), place(0, 0, 1) - place(0)
        shapes += [Shape(ring(middle, front, 5.6 * scale), dark), Shape(ring(middle, front, 4.8 * scale), EBONY)]
    else:
        shapes += [Shape(np.stack([place(a, -4.0), place(a, 4.0)]), EBONY, 1.2) for a in (17.0, 27.0)]
    pegs = np.linspace(4.0, 15.0, setup.strings // 2) * max(scale, 0.7)
    bridge = 10.0 * scale
    shapes += [
        Shape(np.stack([place(bridge, -1.6 * wide), place(bridge, 1.6 * wide)]), DARK_WOOD, 0.9),
        Shape(np.stack([place(join - 8.0, 0, 0.0), place(nut, 0, 0.0)]), EBONY, (wide, 0.8 * wide)),
        Shape(np.stack([place(nut, 0, 0.0), place(nut + pegs[-1] + 2.5, 0, -1.0)]), dark, (0.9 * wide, 1.25 * wide)),
        *[Shape(np.stack([place(nut + p, -1.7 * wide), place(nut + p, 1.7 * wide)]), SILVER, 0.45) for p in pegs],
        *[
            Shape(np.stack([place(bridge, b * wide, 0.6), place(nut, 0.7 * b * wide, 0.6)]), STRING, 0.12)
            for b in (-0.8, 0.0, 0.8)
        ],
    ]
    return shapes


_HARP_X = -7.0  # the plane of the strings


def harp(cues: Cues) -> Pose:
    """The harp rests on the right shoulder. Its strings are in a plane before the player, the high ones nearest."""
    quirks, part = cues.player.quirks, cues.part
    n = len(cues.times_s)
    loudness = part.velocities / 127.0
    upper = part.pitches >= (cues.instrument.low + cues.instrument.high) / 2 - 3
    grips, curls = [], []
    for chosen, side, rest in ((upper, -1.0, 0.66), (~upper, 1.0, 0.32)):
        # While the other hand plays, this one waits at its last string, or at its usual one.
        at = _held(np.where(chosen, cues.high, np.nan), rest)
        finger = np.zeros((len(at), 5))
        finger[np.arange(len(at)), np.where(at < rest - 0.1, 0, 1 + part.pitches % 3)] = 1.0
        taps = timing.taps(cues.times_s, part, finger * (chosen * (0.35 + 0.65 * loudness))[:, None])
        back = taps.max(axis=1)
        place = cues.reach(at, 0.14)
        z = 51.0 - 33.0 * place - 2.5 * back  # the hand draws back as the finger closes
        y = -11.0 - 14.0 * (1 - place) + 1.5 * quirks[0] + 1.2 * back
        grips.append(np.stack([np.full(n, _HARP_X + 1.2 * side), y, z], axis=-1))
        curls.append(np.array([0.15, 0.26, 0.28, 0.30, 0.34]) + taps * [0.55, 0.5, 0.5, 0.5, 0.4])
    tilt = 3.0 * quirks[1]

    def at_plane(high: float, ahead: float) -> np.ndarray:
        return vec(_HARP_X, high, ahead + 0.02 * tilt * (high + 90))

    foot, shoulder, top = at_plane(-92.0, 70.0), at_plane(1.0, 6.0), at_plane(36.0, 80.0)
    base = at_plane(-92.0, 56.0)
    neck = np.stack(
        [shoulder, at_plane(7.0, 13.0), at_plane(7.0, 28.0), at_plane(12.0, 50.0), at_plane(31.0, 69.0), top]
    )
    gold: Colour = (70, 150, 205)
    strings = []
    for share in np.linspace(0.06, 0.94, 16):
        low = base + (shoulder - base) * (1 - share)
        along = share * (len(neck) - 1)
        i = min(int(along), len(neck) - 2)
        high = neck[i] + (along - i) * (neck[i + 1] - neck[i])
        strings.append(Shape(np.stack([low, high]), (40, 40, 170) if int(share * 100) % 3 == 0 else STRING, 0.12))
    return Pose(
        right=Hand(
            grips[0], vec(0.30, 0.22, 0.92), vec(0.95, -0.05, -0.25), curls[0], vec(-1.0, -0.35, -0.3), (0.5, 13.0, 3.0)
        ),
        left=Hand(
            grips[1],
            vec(-0.35, 0.40, 0.80),
            vec(-0.95, -0.05, -0.25),
            curls[1],
            vec(1.0, -0.35, -0.3),
            (0.5, 13.0, 3.0),
        ),
        shapes=[
            Shape(np.stack([foot + vec(0, -1, -10), foot + vec(0, -1, 3)]), shade(gold, -0.3), 4.0),
            Shape(np.stack([base, shoulder]), shade(gold, -0.2), (7.0, 3.5)),
            *strings,
            Shape(np.stack([foot, top]), gold, 2.0, "pillar"),
            Shape(neck, shade(gold, -0.1), (2.2, 2.4, 2.4, 2.4, 2.6, 2.8)),
        ],
        head=(6.0 + 2 * cues.accent, 4.0 + 3 * quirks[2], -5.0 + 2 * quirks[3]),
        seated=True,
        layers=layers("neck, head, instrument, left arm, left hand, pillar, right arm, right hand"),
    )


def _held(values: np.ndarray, first: float) -> np.ndarray:
    """Fill each NaN [notes] with the value before it; before any, with the first value there is, else with `first`."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.full(len(values), first)
    return values[known[np.clip(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0, None)]]
