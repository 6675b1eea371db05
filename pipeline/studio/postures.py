"""How each instrument is held and played: from the notes to hands, instrument and head, in the player's own space."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import rotation, turned, unit, vec
from pipeline.studio.instruments import Instrument
from pipeline.studio.players import Colour, Player
from pipeline.studio.score import Part

MOUTH = vec(0.0, 13.5, 12.5)

WOOD: Colour = (40, 74, 140)
DARK_WOOD: Colour = (30, 42, 74)
EBONY: Colour = (30, 28, 30)
BRASS: Colour = (62, 178, 222)
SILVER: Colour = (205, 205, 200)
HAIR_WHITE: Colour = (215, 228, 232)
STRING: Colour = (190, 195, 200)


@dataclass(frozen=True)
class Shape:
    """A thing to draw: a tube along points, or a flat plate inside them.

    Attributes:
        points: [frames, points, 3] or [points, 3], cm, in the player's space.
        colour: of the lit side.
        radius_cm: a tube's radius: one, or one a point. 0 is a plate.
        layer: what it is drawn with; see Pose.layers.
    """

    points: np.ndarray
    colour: Colour
    radius_cm: float | tuple[float, ...] = 0.0
    layer: str = "instrument"


@dataclass(frozen=True)
class Hand:
    """One hand.

    Attributes:
        grip: [frames, 3], the point that it holds.
        hold: where that point is in the hand: cm towards the thumb, along the fingers, out of the palm.
        along, palm: [3] or [frames, 3], see geometry.hand.
        curls: [frames, 5].
        pole: [3], the side to which the elbow points.
    """

    grip: np.ndarray
    along: np.ndarray
    palm: np.ndarray
    curls: np.ndarray
    pole: np.ndarray
    hold: tuple[float, float, float] = (0.0, 9.5, 3.0)


def _layers(names: str) -> tuple[str, ...]:
    return ("legs", "torso", "lap", *names.split(", "))


_LAYERS = _layers("left arm, right arm, neck, head, instrument, left hand, right hand")


@dataclass(frozen=True)
class Pose:
    """A whole performance in the player's space.

    Attributes:
        head: degrees: down, to the left, tilt to the right; each a number or [frames].
        layers: what is drawn over what, the furthest first.
    """

    right: Hand
    left: Hand
    shapes: list[Shape]
    head: tuple[np.ndarray | float, np.ndarray | float, np.ndarray | float] = (0.0, 0.0, 0.0)
    seated: bool = False
    layers: tuple[str, ...] = _LAYERS


@dataclass(frozen=True)
class Cues:
    """What a posture works from; curves are float64 [frames].

    Attributes:
        high: the pitch, 0 = the instrument's lowest .. 1 = its highest, held through each note.
        loud: 0..1, the loudness of the note; accent: pulses at the onsets; breath: how full the lungs are.
        sway: -1..1, the slow sway.
    """

    instrument: Instrument
    player: Player
    part: Part
    times_s: np.ndarray
    high: np.ndarray
    loud: np.ndarray
    accent: np.ndarray
    breath: np.ndarray
    sounding: np.ndarray
    sway: np.ndarray
    rng: np.random.Generator = field(compare=False)

    def reach(self, values: np.ndarray, travel_s: float | np.ndarray = 0.09) -> np.ndarray:
        return timing.reach(self.times_s, self.part, values, travel_s)

    def still(self, *xyz: float) -> np.ndarray:
        """A point that stays where it is: [frames, 3]."""
        return np.tile(vec(*xyz), (len(self.times_s), 1))


def _ring(centre: np.ndarray, normal: np.ndarray, radius_cm: float, points: int = 20) -> np.ndarray:
    """A circle [..., points, 3] about a centre, square to a normal."""
    normal = unit(normal)
    first = unit(np.cross(normal, vec(0.31, 0.9, 0.2)))
    second = np.cross(normal, first)
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)[:, None]
    return centre[..., None, :] + radius_cm * (
        np.cos(angles) * first[..., None, :] + np.sin(angles) * second[..., None, :]
    )


def _arc(
    centre: np.ndarray, first: np.ndarray, second: np.ndarray, start: float, end: float, points: int = 12
) -> np.ndarray:
    """Points [points, 3] on the ellipse with half axes `first` and `second`, angles in degrees."""
    angles = np.radians(np.linspace(start, end, points))[:, None]
    return centre + np.cos(angles) * first + np.sin(angles) * second


def _line(*points: np.ndarray) -> np.ndarray:
    return np.stack(points, axis=-2)


# --- bowed strings ---------------------------------------------------------------------------------------------------

# Half of the body's outline of a violin, cm from its lower end and from its middle line.
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


_LIFTED, _DOWN = 0.34, 0.56  # curls of the left hand's fingers above and on a string


@dataclass(frozen=True)
class _Strings:
    """A bowed instrument: how it lies, in the player's space, and how it is handled. Lengths in cm."""

    end: np.ndarray  # lower end of the body
    axis: np.ndarray  # from there to the scroll
    low_side: np.ndarray  # across the strings to the lowest
    scale: float  # size, violin = 1
    neck: float  # from the body's upper end to the nut
    contact: float  # where the bow meets the strings, from the lower end
    bow: np.ndarray  # from frog to tip, on the middle strings
    bow_length: float
    string_angle: float  # degrees between the bow's planes on the lowest and the highest string
    hand_low: float  # the left hand at the lowest and at the highest pitch, from the lower end
    hand_high: float
    slowness: float  # seconds for a whole bow, played loud
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
    layers: tuple[str, ...] = _LAYERS


def _violin(scale: float, out: float, droop: float, colour: Colour, slowness: float) -> _Strings:
    return _Strings(
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
        left_along=vec(0.15, 0.95, 0.0),
        left_palm=vec(0.1, 0.0, -1.0),
        left_pole=vec(0.05, -1.0, 0.1),
        right_along=vec(0.62, -0.30, 0.35),
        right_palm=vec(0.1, -0.4, -0.9),
        right_pole=vec(-0.85, -0.6, -0.25),
        head=(4.0, 22.0, -10.0),
        colour=colour,
        layers=_layers("left arm, neck, head, instrument, left hand, right arm, bow, right hand"),
    )


_VIOLIN = _violin(1.0, 0.0, 0.0, WOOD, 0.95)
_VIOLA = _violin(1.17, 0.06, 0.09, (38, 62, 112), 1.2)
_CELLO = _Strings(
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
    layers=_layers("neck, head, instrument, left arm, left hand, right arm, bow, right hand"),
)
_BASS = _Strings(
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
    layers=_layers("neck, head, instrument, left arm, left hand, right arm, bow, right hand"),
)


def _bowed(setup: _Strings, cues: Cues) -> Pose:
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

    # The bow turns about the strings: low strings lift the frog's side, high strings lower it.
    string = cues.reach(np.round(3 * _place(cues)) / 3, 0.12)
    strokes = timing.bow_strokes(part, setup.slowness * (1 + 0.08 * quirks[5]), cues.rng)
    bow = timing.bow_place(cues.times_s, part, strokes)
    angle = np.radians(setup.string_angle) * (string - 0.5)
    way = unit(turned(unit(setup.bow), axis, angle))  # [frames, 3]
    resting = (1 - cues.sounding)[:, None]
    contact = place(setup.contact + 0.8 * scale * quirks[6], 0.0, 2.6 * scale**0.6) + 1.5 * resting * front
    frog = contact - way * (setup.bow_length * bow)[:, None]
    tip = frog + way * setup.bow_length
    stick = 2.2 * front

    # Higher pitches bring the left hand up the fingerboard, towards the bow; one finger is down at a time.
    shift_cm = setup.hand_low - setup.hand_high
    hand_at = setup.hand_low - shift_cm * cues.reach(
        _place(cues), 0.08 + 0.004 * np.abs(np.diff(_place(cues), prepend=0)) * shift_cm
    )
    age_s = (
        cues.times_s - part.onsets_s[np.clip(np.searchsorted(part.onsets_s, cues.times_s, side="right") - 1, 0, None)]
    )
    trill = (
        np.sin(2 * np.pi * (5.3 + 0.3 * quirks[7]) * cues.times_s) * timing.smooth((age_s - 0.2) / 0.2) * cues.sounding
    )
    hand_at = hand_at + setup.vibrato * trill
    left_grip = place(hand_at, 0.0, 1.5 * scale**0.5)
    pressed = np.full((len(part.pitches), 5), _LIFTED)
    pressed[:, 0] = 0.35
    pressed[np.arange(len(pressed)), 1 + part.pitches % 4] = _DOWN
    left_curls = cues.reach(pressed, 0.08)
    slant = 0.25 * (0.5 - bow)  # the wrist gives way at both ends of the bow
    right_along = setup.right_along + slant[:, None] * vec(0.0, 1.0, 0.0)
    right_curls = np.tile([0.55, 0.38, 0.45, 0.45, 0.38], (len(bow), 1)) + 0.1 * (0.5 - bow)[:, None]

    body = [(a * scale, b * scale) for a, b in setup.outline]
    outline = np.array([place(a, b) for a, b in body] + [place(a, -b) for a, b in reversed(body)])
    rib = outline - 3.6 * scale**0.8 * front
    top = 35.5 * scale
    nut = top + setup.neck
    dark: Colour = tuple(int(c * 0.45) for c in setup.colour)  # type: ignore[assignment]
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
        Shape(_line(frog, tip), HAIR_WHITE, 0.35, "bow"),
        Shape(
            _line(
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
        Shape(_line(frog + 0.3 * stick, frog + 4 * way + 0.3 * stick), EBONY, 1.1, "bow"),
    ]
    if setup.scale > 2:
        shapes.insert(0, Shape(np.array([place(-18.0), place(0.0)]), SILVER, 0.6))
    return Pose(
        right=Hand(frog + 0.6 * stick, right_along, setup.right_palm, right_curls, setup.right_pole, (0.6, 10.5, 2.6)),
        left=Hand(left_grip, setup.left_along, setup.left_palm, left_curls, setup.left_pole, (0.0, 10.0, 2.6)),
        shapes=shapes,
        head=(setup.head[0] + 2 * cues.accent, setup.head[1] + 3 * quirks[0], setup.head[2] + 3 * quirks[1]),
        seated=setup.seated,
        layers=setup.layers,
    )


def _place(cues: Cues) -> np.ndarray:
    """Each note's pitch, 0 = the instrument's lowest .. 1 = its highest: [notes]."""
    instrument = cues.instrument
    return (cues.part.pitches - instrument.low) / (instrument.high - instrument.low)


# --- winds -----------------------------------------------------------------------------------------------------------


def _holes(cues: Cues, lifted: float = 0.12, pressed: float = 0.38) -> tuple[np.ndarray, np.ndarray]:
    """Curls of both hands on a woodwind's keys: all fingers down for the lowest note, then lifted one by one."""
    steps = (cues.part.pitches - cues.instrument.low) % 12
    down = np.clip(8 - steps * 8 / 11, 0, 8)[:, None]  # fingers down, counted from the mouth
    keys = np.arange(8)[None, :]
    curl = lifted + (pressed - lifted) * np.clip(down - keys, 0.0, 1.0)
    thumb = np.full((len(steps), 1), 0.45)
    left = np.hstack([thumb, curl[:, :4]])
    right = np.hstack([thumb, curl[:, 4:]])
    return cues.reach(left, 0.06), cues.reach(right, 0.06)


@dataclass(frozen=True)
class _Reed:
    """Oboe or clarinet. Lengths in cm from the mouth; the angle in degrees from straight down."""

    angle: float
    length: float
    left: float
    right: float
    radius: float
    bell: float
    colour: Colour = EBONY


_OBOE = _Reed(angle=35.0, length=60.0, left=20.0, right=34.5, radius=1.1, bell=1.9)
_CLARINET = _Reed(angle=41.5, length=66.0, left=24.5, right=42.0, radius=1.45, bell=3.6)


def _reed(setup: _Reed, cues: Cues) -> Pose:
    quirks = cues.player.quirks
    angle = np.radians(setup.angle + 2.0 * quirks[0] + 3.0 * cues.sway + 2.5 * (cues.loud - 0.5) - 3.0 * cues.accent)
    side = np.radians(2.5 * quirks[1] + 2.0 * cues.sway)
    axis = np.stack([np.sin(side), -np.cos(angle), np.sin(angle)], axis=-1)

    def at(cm: float) -> np.ndarray:
        return MOUTH + cm * axis

    left_curls, right_curls = _holes(cues)
    rods = [
        Shape(_line(at(cm) + vec(0.4, 0.5, 1.0), at(cm + 2.2) + vec(0.4, 0.5, 1.0)), SILVER, 0.75)
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
            Shape(_line(at(0), at(6)), (60, 130, 190), 0.45),
            Shape(_line(at(5), at(setup.length - 6)), setup.colour, setup.radius),
            Shape(
                _line(at(setup.length - 7), at(setup.length - 2), at(setup.length)),
                setup.colour,
                (setup.radius, setup.bell * 0.8, setup.bell),
            ),
            Shape(_line(at(setup.right - 8), at(setup.right - 6.8)), SILVER, setup.radius * 1.15),
            *rods,
        ],
        head=(6.0 + 3 * cues.accent, 0.0, 2.0 * quirks[4]),
    )


def _flute(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    droop = np.radians(8 + 4 * quirks[0] + 3 * cues.sway)
    ahead = np.radians(12 + 4 * quirks[1])
    axis = np.stack([-np.cos(droop) * np.cos(ahead), -np.sin(droop), np.full_like(droop, np.sin(ahead))], axis=-1)
    lip = MOUTH + vec(0, -1.0, 1.0)

    def at(cm: float) -> np.ndarray:
        return lip + cm * axis

    left_curls, right_curls = _holes(cues, 0.2, 0.45)
    keys = [
        Shape(_line(at(cm) + vec(0, 1.0, 0.6), at(cm + 1.4) + vec(0, 1.0, 0.6)), (170, 170, 165), 0.9)
        for cm in np.arange(16, 52, 3.4)
    ]
    return Pose(
        right=Hand(
            at(41), vec(0.25, 0.75, 0.55), vec(0.15, -0.55, 0.85), right_curls, vec(-1.0, -0.9, -0.3), (0.0, 11.0, 3.0)
        ),
        left=Hand(
            at(21), vec(-0.55, 0.75, -0.15), vec(-0.2, -0.35, -0.95), left_curls, vec(0.8, -1.0, 0.2), (0.0, 11.0, 3.2)
        ),
        shapes=[Shape(_line(at(-5), at(60)), SILVER, 0.95), *keys],
        head=(2.0 + 2 * cues.accent, -14.0 + 3 * quirks[2], 4.0 + 3 * quirks[3]),
    )


def _bassoon(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    foot = vec(-24.0 + 2 * quirks[0], -66.0, 6.0)
    top = vec(20.0 + 3 * quirks[1], 44.0, 22.0)
    swing = (1.6 * cues.sway)[:, None] * vec(1.0, 0.0, 0.3)

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
        Shape(_line(at(s) + vec(0, 0, 2.4), at(s + 0.03) + vec(0, 0, 2.4)), SILVER, 0.8)
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
            Shape(_line(at(0.0) + second, at(0.62) + second), (34, 36, 78), 2.1),
            Shape(_line(at(0.0), at(1.0)), (36, 40, 96), (3.0, 2.0)),
            Shape(_line(at(0.0) + second * 0.5, at(0.36) + second * 0.5), (36, 40, 96), 3.1),
            Shape(_line(at(0.97), at(1.0)), (215, 228, 235), 2.5),
            Shape(_line(*bocal), SILVER, 0.45),
            *keys,
        ],
        head=(2.0 + 2 * cues.accent, 3.0, 0.0),
        seated=True,
    )


def _saxophone(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    swing = (2.0 * cues.sway + 1.5 * quirks[0])[:, None] * vec(1.0, 0.0, 0.5)
    push = vec(0.0, 0.0, 2.0) * quirks[1]

    def at(x: float, y: float, z: float) -> np.ndarray:
        depth = (MOUTH[1] - y) / 60
        return vec(x, y, z) + depth * (swing + push)

    left_curls, right_curls = _holes(cues, 0.18, 0.42)
    bend = [at(-10.0, -40, 16), at(-10.5, -45, 18), at(-10, -47, 22), at(-9, -45, 26), at(-8.4, -40, 28)]
    keys = [
        Shape(
            _line(at(-2.2 - 0.16 * s, -2.0 - s, 23.5 - 0.12 * s), at(-2.4 - 0.16 * s, -3.2 - s, 23.5 - 0.12 * s)),
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
            Shape(_line(at(*MOUTH), at(0, 14, 15)), EBONY, 1.0),
            Shape(
                _line(at(0, 14, 15), at(-0.3, 15, 19), at(-0.8, 13, 22), at(-1.2, 9, 23)), BRASS, (0.9, 1.1, 1.4, 1.6)
            ),
            Shape(_line(at(-1.2, 9, 23), bend[0]), BRASS, (1.6, 3.2)),
            Shape(_line(*bend), BRASS, (3.2, 3.4, 3.5, 3.7, 4.0)),
            Shape(_line(bend[-1], at(-6.6, -28, 31), bell), BRASS, (4.0, 4.8, 6.4)),
            Shape(_ring(bell + vec(0.2, 1.5, 1.0), vec(0.15, 0.75, 0.65), 7.4), (40, 95, 130)),
            *keys,
        ],
        head=(4.0 + 3 * cues.accent, -3.0, 2.0 * quirks[4]),
    )


# Valves down for 0..6 semitones below an open note: first, second, third.
_VALVES = np.array([(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)], dtype=np.float64)
_HARMONICS = np.round(12 * np.log2(np.arange(2, 17))).astype(int)


def below_open(cues_pitches: np.ndarray, fundamental: int) -> np.ndarray:
    """Semitones from each pitch up to the nearest open note of a brass instrument, 0..6: int64 [notes].

    Args:
        fundamental: MIDI number of the open tube's first harmonic.
    """
    above = fundamental + _HARMONICS[None, :] - cues_pitches[:, None]
    return np.minimum(np.where(above >= 0, above, 99).min(axis=1), 6)


def _valves(cues: Cues, fundamental: int, rest: float = 0.24, down: float = 0.52) -> np.ndarray:
    """Curls of the hand on three valves."""
    valves = _VALVES[below_open(cues.part.pitches, fundamental)]
    thumb, little = np.full((len(valves), 1), 0.4), np.full((len(valves), 1), 0.35)
    return cues.reach(np.hstack([thumb, rest + (down - rest) * valves, little]), 0.05)


def _trumpet(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    tilt = np.radians(-8 + 4 * quirks[0] + 3 * (cues.loud - 0.5) + 2 * cues.sway + 2 * cues.accent)
    axis = np.stack([np.full_like(tilt, 0.03 * quirks[1]), np.sin(tilt), np.cos(tilt)], axis=-1)
    up = np.stack([np.zeros_like(tilt), np.cos(tilt), -np.sin(tilt)], axis=-1)

    def at(cm: float, high: float = 0.0, side: float = 0.0) -> np.ndarray:
        return MOUTH + cm * axis + high * up + vec(side, 0, 0)

    n = len(tilt)
    left_curls = np.tile([0.3, 0.36, 0.42, 0.45, 0.45], (n, 1))
    valves = [Shape(_line(at(cm, -7), at(cm, 3.5)), SILVER, 1.35) for cm in (27.0, 30.2, 33.4)]
    caps = [Shape(_line(at(cm, 3.5), at(cm, 5.5)), (225, 225, 222), 0.7) for cm in (27.0, 30.2, 33.4)]
    return Pose(
        right=Hand(
            at(30.5, 5.0, -0.5),
            vec(0.60, 0.55, 0.30),
            vec(0.5, -0.3, -0.8),
            _valves(cues, 46),
            vec(-0.8, -0.9, -0.1),
            (0.3, 13.0, 3.2),
        ),
        left=Hand(
            at(30.0, -8.5, 1.0),
            vec(-0.7, 0.45, 0.4),
            vec(-0.4, -0.1, -0.9),
            left_curls,
            vec(0.8, -1.0, -0.1),
            (0.0, 9.0, 2.6),
        ),
        shapes=[
            Shape(_line(at(16, -6.5, 1), at(45, -6.5, 1), at(48, -4, 1), at(45, -1.5, 1)), BRASS, 0.8),
            Shape(_line(at(0), at(45)), BRASS, 0.75),
            Shape(_line(at(20, -6.5, 1.5), at(16, -4, 1.5), at(20, 0, 1.5)), BRASS, 0.75),
            *valves,
            *caps,
            Shape(_line(at(-0.5), at(2.5)), SILVER, (1.3, 0.8)),
            Shape(
                _line(at(34, 0, 1.5), at(46, 0, 1.5), at(51, 0, 1.5), at(54, 0, 1.5), at(55.5, 0, 1.5)),
                BRASS,
                (0.8, 1.3, 2.2, 4.0, 6.0),
            ),
            Shape(_ring(at(55.7, 0, 1.5), axis, 6.2), (50, 125, 170)),
        ],
        head=(2.0 - 3 * cues.accent, 0.0, 0.0),
        layers=_layers("left arm, neck, head, instrument, left hand, right arm, right hand"),
    )


def slide_cm(semitones_below_open: np.ndarray) -> np.ndarray:
    """How far a trombone's slide is out, cm, for 0..6 semitones below an open note."""
    return 5.8 * semitones_below_open


def _trombone(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    below = below_open(cues.part.pitches, 34)
    out = cues.reach(slide_cm(below), 0.08 + 0.03 * np.abs(np.diff(below, prepend=below[:1])))  # [frames]
    tilt = np.radians(-16 + 4 * quirks[0] + 2 * cues.sway + 2 * cues.accent)
    axis = np.stack([np.full_like(tilt, -0.10 + 0.02 * quirks[1]), np.sin(tilt), np.cos(tilt)], axis=-1)
    up = np.stack([np.zeros_like(tilt), np.cos(tilt), -np.sin(tilt)], axis=-1)

    def at(cm: float | np.ndarray, high: float = 0.0, side: float = 0.0) -> np.ndarray:
        return MOUTH + np.asarray(cm)[..., None] * axis + high * up + vec(side, 0, 0)

    n = len(tilt)
    left_curls = np.tile([0.3, 0.35, 0.42, 0.45, 0.45], (n, 1))
    right_curls = np.tile([0.45, 0.35, 0.4, 0.48, 0.52], (n, 1))
    grip = 28.5 + out
    return Pose(
        right=Hand(
            at(grip, -6.0, -2.0),
            vec(0.75, 0.2, 0.5),
            vec(0.4, -0.3, -0.85),
            right_curls,
            vec(-0.7, -1.0, -0.1),
            (0.4, 10.5, 2.6),
        ),
        left=Hand(
            at(11.0, -2.0, 1.0),
            vec(-0.75, 0.45, 0.3),
            vec(-0.35, -0.1, -0.9),
            left_curls,
            vec(0.3, -1.0, 0.1),
            (0.0, 8.5, 2.6),
        ),
        shapes=[
            Shape(_line(at(12, 0, 9), at(-14, 2, 9), at(-18, 5, 9), at(-14, 9, 9), at(22, 9, 9)), BRASS, 0.9, "behind"),
            Shape(
                _line(at(22, 9, 9), at(34, 9, 9), at(40, 9, 9), at(44, 9, 9), at(46.5, 9, 9)),
                BRASS,
                (0.9, 1.6, 2.8, 5.2, 9.0),
                "behind",
            ),
            Shape(_ring(at(46.8, 9, 9), axis, 9.3), (50, 125, 170), 0.0, "behind"),
            Shape(_line(at(12, -8, 0), at(12, 0, 9)), BRASS, 0.6, "behind"),
            Shape(_line(at(0), at(58)), SILVER, 0.55),
            Shape(_line(at(12, -8), at(58, -8)), SILVER, 0.55),
            Shape(
                _line(
                    at(grip),
                    at(46 + out),
                    at(49 + out, -1.5),
                    at(50.5 + out, -4),
                    at(49 + out, -6.5),
                    at(46 + out, -8),
                    at(grip, -8),
                ),
                BRASS,
                0.85,
            ),
            Shape(_line(at(grip), at(grip, -8)), BRASS, 0.6),
            Shape(_line(at(-0.5), at(2.5)), SILVER, (1.5, 0.9)),
        ],
        head=(2.0 - 2 * cues.accent, 0.0, 0.0),
        layers=_layers("left arm, neck, behind, head, instrument, left hand, right arm, right hand"),
    )


def _horn(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    lift = (1.5 * cues.sway + 1.5 * quirks[0] + 1.2 * cues.accent)[:, None] * vec(0.2, 1.0, 0.2)
    across, high = unit(vec(1.0, 0.25, 0.25)), unit(vec(-0.2, 1.0, -0.1))
    centre = vec(-6.0 + quirks[1], -20.0, 19.0)
    n = len(lift)

    def moved(points: np.ndarray) -> np.ndarray:
        return points + lift[:, None, :]

    def coil(radius: float, start: float = 0.0, end: float = 360.0) -> np.ndarray:
        return moved(_arc(centre, radius * across, radius * high, start, end, 22))

    bell = vec(-27.0, -34.0, 12.0)
    way = unit(vec(-0.72, -0.35, 0.35))
    mouth_pipe = moved(
        np.stack(
            [MOUTH - lift.mean(0), MOUTH + vec(1.0, -8.0, 5.0), MOUTH + vec(2.0, -18.0, 8.0), centre + 12 * across]
        )
    )
    mouth_pipe[:, 0] = MOUTH
    throat = moved(
        np.stack(
            [centre - 12 * high + 2 * across, centre - 13.5 * high - 6 * across, bell - 9 * way, bell - 4 * way, bell]
        )
    )
    hand_in_bell = np.tile(bell + vec(1.0, 1.0, 2.5), (n, 1)) + lift
    return Pose(
        right=Hand(
            hand_in_bell,
            vec(0.45, -0.35, 0.55),
            vec(0.75, 0.3, -0.35),
            np.tile([0.25, 0.2, 0.2, 0.22, 0.25], (n, 1)),
            vec(-1.0, -0.3, -0.6),
            (0.0, 9.0, 1.5),
        ),
        left=Hand(
            np.tile(centre + 9 * high + 5 * across + vec(0, 0, 2.0), (n, 1)) + lift,
            vec(-0.75, 0.25, 0.45),
            vec(-0.25, -0.55, -0.8),
            _valves(cues, 29, 0.25, 0.48),
            vec(1.0, -0.9, 0.0),
            (0.5, 12.0, 3.2),
        ),
        shapes=[
            Shape(throat, BRASS, (1.2, 2.0, 4.2, 8.0, 15.0)),
            Shape(moved(_ring(bell, way, 15.5, 26)), (45, 110, 150)),
            Shape(coil(13.0), BRASS, 1.1),
            Shape(coil(10.5, 20, 330), BRASS, 0.9),
            Shape(coil(7.0, 60, 400), BRASS, 0.8),
            Shape(moved(np.stack([centre - 7 * across + 3 * high, centre + 8 * across - 2 * high])), BRASS, 0.9),
            Shape(moved(np.stack([centre - 4 * across + 6 * high, centre + 4 * across - 8 * high])), BRASS, 0.8),
            *[
                Shape(
                    moved(np.stack([centre + a * across + 6 * high, centre + a * across + 1 * high])) + vec(0, 0, 1.5),
                    SILVER,
                    1.5,
                )
                for a in (-1.0, 2.4, 5.8)
            ],
            Shape(mouth_pipe, BRASS, (0.6, 0.6, 0.7, 0.9)),
            Shape(np.stack([MOUTH, MOUTH + vec(0.2, -2.0, 1.2)]), SILVER, (1.2, 0.7)),
        ],
        head=(4.0 + 3 * cues.accent, 2.0, -2.0),
        seated=True,
        layers=_layers("neck, head, right arm, instrument, right hand, left arm, left hand"),
    )


def _tuba(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    tip = (1.0 * cues.sway + 1.2 * quirks[0])[:, None] * vec(1.0, 0.3, 0.2)
    n = len(tip)

    def moved(points: np.ndarray) -> np.ndarray:
        return points + tip[:, None, :] * ((points[..., 1] + 60) / 100)[..., None]

    centre = vec(8.0, -36.0, 19.0)
    across, high = vec(1.0, 0.08, 0.0), vec(-0.08, 1.0, 0.0)
    bell = vec(21.0 + 1.5 * quirks[1], 36.0, 14.0)
    outer = _arc(centre, 15 * across, 22 * high, -200, 90, 22)
    inner = _arc(centre, 9.5 * across, 15.5 * high, -180, 150, 18)
    pipe = np.stack(
        [MOUTH, MOUTH + vec(1.0, -0.5, 5.0), vec(5.0, 5.0, 21.0), vec(7.0, -8.0, 22.0), centre + 9 * across]
    )
    valve_places = (-6.0, -2.2, 1.6)
    return Pose(
        right=Hand(
            np.tile(vec(-4.0, -24.0, 27.0), (n, 1)) + tip * 0.35,
            vec(0.72, 0.1, 0.55),
            vec(0.2, -0.85, -0.4),
            _valves(cues, 22, 0.25, 0.5),
            vec(-1.0, -0.6, -0.4),
            (0.3, 12.5, 3.2),
        ),
        left=Hand(
            np.tile(vec(20.5, -30.0, 25.0), (n, 1)) + tip * 0.3,
            vec(-0.55, 0.35, 0.6),
            vec(-0.45, -0.2, -0.9),
            np.tile([0.3, 0.35, 0.4, 0.42, 0.4], (n, 1)),
            vec(1.0, -0.6, -0.2),
            (0.0, 9.5, 3.0),
        ),
        shapes=[
            Shape(
                moved(
                    np.stack(
                        [
                            centre + 13 * across - 12 * high,
                            centre + 13.5 * across + 10 * high,
                            bell + vec(-1.0, -26, 1),
                            bell + vec(0, -12, 0),
                            bell + vec(0, -4, 0),
                            bell,
                        ]
                    )
                ),
                BRASS,
                (5.0, 4.8, 5.6, 8.0, 11.5, 16.0),
                "behind",
            ),
            Shape(moved(_ring(bell + vec(0, 0.4, 0), vec(0.1, 0.9, 0.5), 16.5, 26)), (45, 110, 150), 0.0, "behind"),
            Shape(moved(outer), BRASS, 4.2),
            Shape(moved(inner), (80, 175, 225), 2.3),
            Shape(moved(np.stack([centre - 9 * across - 8 * high, centre + 9 * across - 4 * high])), BRASS, 1.3),
            Shape(moved(np.stack([centre - 9 * across - 2 * high, centre + 9 * across + 3 * high])), BRASS, 1.3),
            *[Shape(moved(np.stack([vec(x, -42.0, 26.0), vec(x, -29.0, 26.0)])), SILVER, 1.7) for x in valve_places],
            *[
                Shape(moved(np.stack([vec(x, -29.0, 26.0), vec(x, -26.0, 26.0)])), (228, 228, 225), 1.0)
                for x in valve_places
            ],
            Shape(moved(pipe), BRASS, (0.8, 0.8, 0.9, 1.1, 1.4)),
            Shape(np.stack([MOUTH + vec(0, 0, -0.3), MOUTH + vec(0.3, 0, 2.5)]), SILVER, (1.7, 1.0)),
        ],
        head=(0.0 + 2 * cues.accent, -3.0, 3.0),
        seated=True,
        layers=_layers("left arm, neck, behind, head, instrument, right arm, left hand, right hand"),
    )


POSTURES: dict[str, Callable[[Cues], Pose]] = {
    "vn": partial(_bowed, _VIOLIN),
    "va": partial(_bowed, _VIOLA),
    "vc": partial(_bowed, _CELLO),
    "db": partial(_bowed, _BASS),
    "fl": _flute,
    "ob": partial(_reed, _OBOE),
    "cl": partial(_reed, _CLARINET),
    "bn": _bassoon,
    "sax": _saxophone,
    "tpt": _trumpet,
    "hn": _horn,
    "tbn": _trombone,
    "tba": _tuba,
}


def head_turn(pose: Pose, frames: int) -> np.ndarray:
    """The head's rotation matrices [frames, 3, 3] in the player's space."""
    down, left, tilt = (np.broadcast_to(angle, frames) for angle in pose.head)
    return rotation(down, left, tilt)
