"""Postures for violin, viola, cello and double bass: one bow stroke per note, and the left hand at the note's pitch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import turned, unit, vec
from pipeline.studio.players import Colour
from pipeline.studio.pose import (
    DARK_WOOD,
    EBONY,
    HAIR_WHITE,
    LAYERS,
    SILVER,
    STRING,
    WOOD,
    Cues,
    Hand,
    Pose,
    Shape,
    layers,
    line,
    shade,
)

# Half the outline of a violin's body: cm from its lower end, cm from its centre line.
_OUTLINE = (
    (0.0, 0.0),
    (0.3, 4.5),
    (2.0, 8.2),
    (5.0, 10.1),
    (8.5, 10.2),
    (11.5, 8.9),
    (13.2, 7.3),
    (15.0, 5.9),
    (17.5, 5.4),
    (20.0, 5.9),
    (21.5, 7.2),
    (24.0, 8.2),
    (28.0, 8.3),
    (31.5, 7.0),
    (34.2, 4.2),
    (35.5, 1.4),
)
# A double bass has sloping shoulders instead.
_SLOPING = (*_OUTLINE[:10], (21.5, 6.6), (24.0, 7.3), (27.0, 7.2), (30.0, 5.6), (33.0, 3.2), (35.5, 1.3))


_LIFTED, _DOWN = 0.34, 0.56  # curls of the left hand's fingers, above a string and on it


@dataclass(frozen=True)
class Strings:
    """A bowed instrument: its position in the player's space, and how it is played. Lengths in cm."""

    end: np.ndarray  # lower end of the body
    axis: np.ndarray  # from there to the scroll
    low_side: np.ndarray  # across the strings, towards the lowest
    scale: float  # size, violin = 1
    neck: float  # from the body's upper end to the nut
    contact: float  # where the bow meets the strings, from the lower end
    bow: np.ndarray  # from frog to tip, on the middle strings
    bow_length: float
    string_angle: float  # degrees between the bow's planes on the lowest and the highest string
    hand_low: float  # left hand at the lowest pitch, from the lower end
    hand_high: float  # left hand at the highest pitch, from the lower end
    slowness: float  # seconds for a whole bow when played loud
    left_along: np.ndarray
    left_palm: np.ndarray
    left_pole: np.ndarray
    right_along: np.ndarray
    right_palm: np.ndarray
    right_pole: np.ndarray
    head: tuple[float, float, float]
    colour: Colour
    outline: tuple[tuple[float, float], ...] = _OUTLINE
    seated: bool = False
    vibrato: float = 0.35
    layers: tuple[str, ...] = LAYERS


def _violin(scale: float, out: float, droop: float, colour: Colour, slowness: float) -> Strings:
    return Strings(
        end=vec(4.5, 5.0, 7.0),
        axis=vec(0.73 - out, 0.12 - droop, 0.66 + out),
        low_side=vec(0.50, 0.66, -0.56),
        scale=scale,
        neck=13.5 * scale,
        contact=21.0 * scale,
        bow=vec(0.66, 0.30, -0.66),
        bow_length=64.0,
        string_angle=32.0,
        hand_low=45.0 * scale,
        hand_high=33.0 * scale,
        slowness=slowness,
        left_along=vec(0.35, 0.90, 0.10),
        left_palm=vec(0.1, 0.0, -1.0),
        left_pole=vec(0.25, -1.0, -0.1),
        right_along=vec(0.62, -0.30, 0.35),
        right_palm=vec(0.1, -0.4, -0.9),
        right_pole=vec(-0.85, -0.6, -0.25),
        head=(4.0, 22.0, -10.0),
        colour=colour,
        layers=layers("left arm, neck, head, instrument, left hand, right arm, bow, right hand"),
    )


VIOLIN = _violin(1.0, 0.0, 0.0, WOOD, 0.95)
VIOLA = _violin(1.17, 0.06, 0.04, (38, 62, 112), 1.2)
CELLO = Strings(
    end=vec(-1.0, -82.0, 38.0),
    axis=vec(0.115, 0.945, -0.27),
    low_side=vec(-1.0, 0.0, 0.0),
    scale=2.05,
    neck=27.0,
    contact=47.0,
    bow=vec(0.97, 0.10, -0.12),
    bow_length=62.0,
    string_angle=34.0,
    hand_low=97.0,
    hand_high=62.0,
    slowness=1.05,
    left_along=vec(-0.85, 0.25, 0.35),
    left_palm=vec(-0.30, -0.15, -0.9),
    left_pole=vec(1.0, -0.35, 0.1),
    right_along=vec(0.55, -0.75, 0.30),
    right_palm=vec(0.15, -0.35, -0.9),
    right_pole=vec(-1.0, -0.2, -0.2),
    head=(6.0, -6.0, 3.0),
    colour=(34, 66, 128),
    seated=True,
    vibrato=0.8,
    layers=layers("neck, head, instrument, left arm, left hand, right arm, bow, right hand"),
)
DOUBLE_BASS = Strings(
    end=vec(21.0, -124.0, 32.0),
    axis=vec(-0.035, 0.985, -0.125),
    low_side=vec(-0.94, -0.02, 0.34),
    scale=3.0,
    neck=44.0,
    contact=72.0,
    bow=vec(0.92, 0.16, -0.25),
    bow_length=50.0,
    string_angle=30.0,
    hand_low=150.0,
    hand_high=112.0,
    slowness=1.25,
    left_along=vec(-0.72, 0.55, 0.35),
    left_palm=vec(-0.35, -0.2, -0.85),
    left_pole=vec(1.0, -0.1, 0.0),
    right_along=vec(0.50, -0.75, 0.35),
    right_palm=vec(0.2, -0.3, -0.9),
    right_pole=vec(-1.0, 0.0, -0.4),
    head=(8.0, -4.0, 5.0),
    colour=(28, 56, 110),
    outline=_SLOPING,
    vibrato=0.9,
    layers=layers("neck, head, instrument, left arm, left hand, right arm, bow, right hand"),
)


def bowed(setup: Strings, cues: Cues) -> Pose:
    quirks, part = cues.player.quirks, cues.part
    axis = unit(
        setup.axis + vec(0.03 * quirks[0], 0.04 * quirks[1], 0.03 * quirks[2]) * (1 if setup.scale < 2 else 0.4)
    )
    across = unit(setup.low_side - (setup.low_side @ axis) * axis)
    across = unit(turned(across, axis, 0.08 * quirks[3]))
    front = np.cross(axis, across)
    scale = setup.scale * (1 + 0.015 * quirks[4])

    def place(a: float | np.ndarray, b: float | np.ndarray = 0.0, n: float | np.ndarray = 0.0) -> np.ndarray:
        a, b, n = (np.asarray(value)[..., None] for value in (a, b, n))
        return setup.end + a * axis + b * across + n * front

    # The bow turns around the strings: the frog is higher on low strings and lower on high strings.
    string = cues.reach(np.round(3 * cues.high) / 3, 0.12)
    strokes = timing.bow_strokes(part, setup.slowness * (1 + 0.08 * quirks[5]), cues.rng)
    bow = timing.bow_place(cues.times_s, part, strokes)
    angle = np.radians(setup.string_angle) * (string - 0.5)
    way = unit(turned(unit(setup.bow), axis, angle))  # [frames, 3]
    resting = (1 - cues.sounding)[:, None]
    contact = place(setup.contact + 0.8 * scale * quirks[6], 0.0, 2.6 * scale**0.6) + 1.5 * resting * front
    frog = contact - way * (setup.bow_length * bow)[:, None]
    tip = frog + way * setup.bow_length
    stick = 2.2 * front

    # For higher pitches the left hand moves along the fingerboard towards the bow. One finger is down at a time.
    shift_cm = setup.hand_low - setup.hand_high
    hand_at = setup.hand_low - shift_cm * cues.reach(
        cues.high, 0.08 + 0.004 * np.abs(np.diff(cues.high, prepend=0)) * shift_cm
    )
    shake = timing.vibrato(cues.times_s, part, 5.3 + 0.3 * quirks[7]) * cues.sounding
    hand_at = hand_at + setup.vibrato * shake
    left_grip = place(hand_at, 0.0, 1.5 * scale**0.5)
    pressed = np.full((len(part.pitches), 5), _LIFTED)
    pressed[:, 0] = 0.35
    pressed[np.arange(len(pressed)), 1 + part.pitches % 4] = _DOWN
    left_curls = cues.reach(pressed, 0.08)
    slant = 0.25 * (0.5 - bow)  # the wrist gives way at both ends of the bow
    right_along = setup.right_along + slant[:, None] * vec(0.0, 1.0, 0.0)
    right_curls = np.tile([0.55, 0.38, 0.45, 0.45, 0.38], (len(bow), 1)) + 0.1 * (0.5 - bow)[:, None]

    bow_shapes = [
        Shape(line(frog, tip), HAIR_WHITE, 0.35, "bow"),
        Shape(
            line(
                frog - 4 * way + stick,
                frog + 0.5 * stick,
                frog + 18 * way + 0.75 * stick,
                frog + 42 * way + 0.7 * stick,
                tip,
            ),
            DARK_WOOD,
            0.5,
            "bow",
        ),
        Shape(line(frog + 0.3 * stick, frog + 4 * way + 0.3 * stick), EBONY, 1.1, "bow"),
    ]
    return Pose(
        right=Hand(frog + 0.6 * stick, right_along, setup.right_palm, right_curls, setup.right_pole, (0.6, 10.5, 2.6)),
        left=Hand(left_grip, setup.left_along, setup.left_palm, left_curls, setup.left_pole, (0.0, 10.0, 2.6)),
        shapes=[*_instrument(setup, scale, place), *bow_shapes],
        head=(setup.head[0] + 2 * cues.accent, setup.head[1] + 3 * quirks[0], setup.head[2] + 3 * quirks[1]),
        seated=setup.seated,
        layers=setup.layers,
    )


def _instrument(setup: Strings, scale: float, place: Callable[..., np.ndarray]) -> list[Shape]:
    """The instrument without its bow.

    Args:
        place: maps cm along the strings, across them and out of the top plate to a point.
    """
    body = [(a * scale, b * scale) for a, b in setup.outline]
    outline = np.array([place(a, b) for a, b in body] + [place(a, -b) for a, b in reversed(body)])
    rib = outline + place(0, 0, -3.6 * scale**0.8) - place(0)
    top = 35.5 * scale
    nut = top + setup.neck
    dark = shade(setup.colour, -0.55)
    bridge = 19.5 * scale
    thin = 0.5 * scale**0.5

    def hole(side: float) -> np.ndarray:
        return np.array(
            [place(a * scale, side * b * scale, 0.2) for a, b in ((16.2, 4.2), (17.5, 3.3), (19.5, 3.6), (21.3, 2.4))]
        )

    shapes = [
        Shape(rib, dark),
        Shape(outline, setup.colour),
        Shape(hole(1), EBONY, 0.45 * thin),
        Shape(hole(-1), EBONY, 0.45 * thin),
        Shape(np.array([place(top - 1, 0, -0.5), place(nut, 0, 0.0)]), dark, (1.3 * scale**0.7, 1.0 * scale**0.7)),
        Shape(
            np.array([place(bridge * 1.38, 0, 1.2), place(nut, 0, 0.6)]), EBONY, (1.6 * scale**0.7, 1.1 * scale**0.7)
        ),
        Shape(
            np.array([place(nut, 0, 0), place(nut + 5.5 * scale, 0, -0.3), place(nut + 9.0 * scale, 0, -1.0)]),
            dark,
            1.25 * scale**0.6,
        ),
        *[
            Shape(np.array([place(nut + p * scale, -b), place(nut + p * scale, b)]), EBONY, 0.4 * thin)
            for p, b in ((2.0, 2.6 * scale**0.6), (4.5, 2.4 * scale**0.6))
        ],
        Shape(
            np.array([place(0.5 * scale, 0, 0.6), place(bridge * 0.72, 0, 1.6 * scale**0.5)]),
            EBONY,
            (1.5 * scale**0.7, 1.9 * scale**0.7),
        ),
        Shape(
            np.array(
                [
                    place(bridge, 2.2 * scale**0.8, 0.5),
                    place(bridge, 0, 2.0 * scale**0.6),
                    place(bridge, -2.2 * scale**0.8, 0.5),
                ]
            ),
            (110, 170, 205),
            0.55 * thin,
        ),
        Shape(np.array([place(bridge * 0.72, 0, 2.2 * scale**0.6), place(nut, 0, 1.0)]), STRING, 0.25 * thin),
    ]
    if setup.seated or setup.scale > 2:
        shapes.insert(0, Shape(np.array([place(-18.0), place(0.0)]), SILVER, 0.6))  # the endpin
    return shapes
