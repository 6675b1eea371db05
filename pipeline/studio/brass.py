"""Postures for trumpet, horn, trombone and tuba: three valves or a slide."""

import numpy as np

from pipeline.studio.geometry import unit, vec
from pipeline.studio.pose import BRASS, MOUTH, SILVER, Cues, Hand, Pose, Shape, arc, layers, line, ring

# Which valves (first, second, third) are down for a note 0..6 semitones below an open note.
_VALVES = np.array([(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)], dtype=np.float64)
_HARMONICS = np.round(12 * np.log2(np.arange(2, 17))).astype(int)


def below_open(pitches: np.ndarray, fundamental: int) -> np.ndarray:
    """Semitones from each pitch up to the next open note of a brass instrument, 0..6: int64 [notes].

    Args:
        fundamental: MIDI number of the open tube's first harmonic.
    """
    above = fundamental + _HARMONICS[None, :] - pitches[:, None]
    return np.minimum(np.where(above >= 0, above, 99).min(axis=1), 6)


def _valves(cues: Cues, fundamental: int, rest: float = 0.24, down: float = 0.52) -> np.ndarray:
    """Finger curls of the hand on the valves: float64 [frames, 5]."""
    valves = _VALVES[below_open(cues.part.pitches, fundamental)]
    thumb, little = np.full((len(valves), 1), 0.4), np.full((len(valves), 1), 0.35)
    return cues.reach(np.hstack([thumb, rest + (down - rest) * valves, little]), 0.05)


def trumpet(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    tilt = np.radians(-8 + 4 * quirks[0] + 3 * (cues.loud - 0.5) + 2 * cues.sway + 2 * cues.accent)
    axis = np.stack([np.full_like(tilt, 0.03 * quirks[1]), np.sin(tilt), np.cos(tilt)], axis=-1)
    up = np.stack([np.zeros_like(tilt), np.cos(tilt), -np.sin(tilt)], axis=-1)

    def at(cm: float, high: float = 0.0, side: float = 0.0) -> np.ndarray:
        return MOUTH + cm * axis + high * up + vec(side, 0, 0)

    n = len(tilt)
    left_curls = np.tile([0.3, 0.36, 0.42, 0.45, 0.45], (n, 1))
    valves = [Shape(line(at(cm, -7), at(cm, 3.5)), SILVER, 1.35) for cm in (27.0, 30.2, 33.4)]
    caps = [Shape(line(at(cm, 3.5), at(cm, 5.5)), (225, 225, 222), 0.7) for cm in (27.0, 30.2, 33.4)]
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
            Shape(line(at(16, -6.5, 1), at(45, -6.5, 1), at(48, -4, 1), at(45, -1.5, 1)), BRASS, 0.8),
            Shape(line(at(0), at(45)), BRASS, 0.75),
            Shape(line(at(20, -6.5, 1.5), at(16, -4, 1.5), at(20, 0, 1.5)), BRASS, 0.75),
            *valves,
            *caps,
            Shape(line(at(-0.5), at(2.5)), SILVER, (1.3, 0.8)),
            Shape(
                line(at(34, 0, 1.5), at(46, 0, 1.5), at(51, 0, 1.5), at(54, 0, 1.5), at(55.5, 0, 1.5)),
                BRASS,
                (0.8, 1.3, 2.2, 4.0, 6.0),
            ),
            Shape(ring(at(55.7, 0, 1.5), axis, 6.2), (50, 125, 170)),
        ],
        head=(2.0 - 3 * cues.accent, 0.0, 0.0),
        layers=layers("left arm, neck, head, instrument, left hand, right arm, right hand"),
    )


def slide_cm(semitones_below_open: np.ndarray) -> np.ndarray:
    """How far a trombone's slide is extended for 0..6 semitones below an open note, cm."""
    return 5.8 * semitones_below_open


def trombone(cues: Cues) -> Pose:
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
            Shape(line(at(12, 0, 9), at(-14, 2, 9), at(-18, 5, 9), at(-14, 9, 9), at(22, 9, 9)), BRASS, 0.9, "behind"),
            Shape(
                line(at(22, 9, 9), at(34, 9, 9), at(40, 9, 9), at(44, 9, 9), at(46.5, 9, 9)),
                BRASS,
                (0.9, 1.6, 2.8, 5.2, 9.0),
                "behind",
            ),
            Shape(ring(at(46.8, 9, 9), axis, 9.3), (50, 125, 170), 0.0, "behind"),
            Shape(line(at(12, -8, 0), at(12, 0, 9)), BRASS, 0.6, "behind"),
            Shape(line(at(0), at(58)), SILVER, 0.55),
            Shape(line(at(12, -8), at(58, -8)), SILVER, 0.55),
            Shape(
                line(
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
            Shape(line(at(grip), at(grip, -8)), BRASS, 0.6),
            Shape(line(at(-0.5), at(2.5)), SILVER, (1.5, 0.9)),
        ],
        head=(2.0 - 2 * cues.accent, 0.0, 0.0),
        layers=layers("left arm, neck, behind, head, instrument, left hand, right arm, right hand"),
    )


def horn(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    lift = (1.5 * cues.sway + 1.5 * quirks[0] + 1.6 * cues.accent)[:, None] * vec(0.2, 1.0, 0.2)
    across, high = unit(vec(1.0, 0.25, 0.25)), unit(vec(-0.2, 1.0, -0.1))
    centre = vec(-6.0 + quirks[1], -20.0, 19.0)
    n = len(lift)

    def moved(points: np.ndarray) -> np.ndarray:
        return points + lift[:, None, :]

    def coil(radius: float, start: float = 0.0, end: float = 360.0) -> np.ndarray:
        return moved(arc(centre, radius * across, radius * high, start, end, 22))

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
            Shape(moved(ring(bell, way, 15.5, 26)), (45, 110, 150)),
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
        layers=layers("neck, head, right arm, instrument, right hand, left arm, left hand"),
    )


def tuba(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    tip = (1.0 * cues.sway + 1.2 * quirks[0] - 1.8 * cues.accent)[:, None] * vec(1.0, 0.3, 0.2)
    n = len(tip)

    def moved(points: np.ndarray) -> np.ndarray:
        return points + tip[:, None, :] * ((points[..., 1] + 60) / 100)[..., None]

    centre = vec(8.0, -36.0, 19.0)
    across, high = vec(1.0, 0.08, 0.0), vec(-0.08, 1.0, 0.0)
    bell = vec(21.0 + 1.5 * quirks[1], 36.0, 14.0)
    outer = arc(centre, 15 * across, 22 * high, -200, 90, 22)
    inner = arc(centre, 9.5 * across, 15.5 * high, -180, 150, 18)
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
            Shape(moved(ring(bell + vec(0, 0.4, 0), vec(0.1, 0.9, 0.5), 16.5, 26)), (45, 110, 150), 0.0, "behind"),
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
        layers=layers("left arm, neck, behind, head, instrument, right arm, left hand, right hand"),
    )
