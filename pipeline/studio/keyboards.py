"""Postures for piano and accordion: hands that move along the keys, and fingers that press them."""

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import vec
from pipeline.studio.players import Colour
from pipeline.studio.pose import SILVER, Cues, Hand, Pose, Shape, layers, line, shade

_KEY_CM = 13.9 / 12  # along the piano's keyboard, for a semitone
_IVORY: Colour = (235, 240, 240)
_BLACK: Colour = (28, 26, 28)
_LIFTED, _PRESSED = 0.30, 0.50  # curls of a finger above a key and on it


def _fingers(cues: Cues, order: tuple[int, ...]) -> np.ndarray:
    """Curls of the fingers [notes, 5]: the one that presses the key is down. `order` has one for each pitch of an octave."""
    curls = np.full((len(cues.part.pitches), 5), _LIFTED)
    curls[np.arange(len(curls)), np.array(order)[cues.part.pitches % 12]] = _PRESSED
    return curls


def piano(cues: Cues) -> Pose:
    """The right hand plays the upper notes, and the left hand chords below them; the left hand plays the lower notes."""
    quirks, part = cues.player.quirks, cues.part
    middle = (cues.instrument.low + cues.instrument.high) // 2 - 2

    def x_of(pitches: np.ndarray) -> np.ndarray:
        return -_KEY_CM * (pitches - middle)

    loudness = part.velocities / 127.0
    upper = part.pitches >= middle
    right_x = cues.reach(x_of(np.where(upper, part.pitches, middle + 6.0)) - 1.0, 0.14)
    left_x = cues.reach(x_of(part.pitches - np.where(upper, 12.0, 4.0)) + 1.0, 0.16)
    tops_cm = (2.0 + 4.0 * loudness) * (1 + 0.1 * quirks[0])
    right_y = timing.strikes(cues.times_s, part.onsets_s[upper], tops_cm[upper], 0.11, 0.16)
    left_y = timing.strikes(cues.times_s, part.onsets_s, 0.8 * tops_cm, 0.11, 0.16)

    curls = _fingers(cues, (0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 4, 4))
    struck = np.zeros_like(curls)
    struck[np.arange(len(curls)), curls.argmax(axis=1)] = 0.16
    right_curls = np.where(upper[:, None], curls, _LIFTED)
    chord = np.where(upper[:, None], [_PRESSED, _LIFTED, _PRESSED, _LIFTED, _PRESSED], curls[:, ::-1])
    right_tap = timing.taps(cues.times_s, part, struck * upper[:, None])
    left_tap = timing.taps(cues.times_s, part, 0.16 * (chord > _LIFTED))
    high = -36.0 + 1.0 * quirks[1]

    def grip(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([x, high + y, np.full_like(x, 33.0)], axis=-1)

    def along(side: float, y: np.ndarray) -> np.ndarray:
        return vec(-0.12 * side, -0.30, 0.92) + vec(0, 0.03, 0) * y[:, None]  # the wrist dips after the fingers

    return Pose(
        right=Hand(
            grip(right_x, right_y),
            along(-1.0, right_y),
            vec(0.0, -1.0, -0.1),
            cues.reach(right_curls, 0.06) + right_tap,
            vec(-0.8, -0.9, -0.3),
            (0.0, 14.0, 4.5),
        ),
        left=Hand(
            grip(left_x, left_y),
            along(1.0, left_y),
            vec(0.0, -1.0, -0.1),
            cues.reach(chord, 0.06) + left_tap,
            vec(0.8, -0.9, -0.3),
            (0.0, 14.0, 4.5),
        ),
        shapes=_keyboard(high - 1.5),
        head=(12.0 + 3 * cues.accent, 3.0 * quirks[2], 2.0 * quirks[3]),
        seated=True,
        layers=layers("left arm, neck, head, right arm, instrument, left hand, right hand"),
    )


def _keyboard(high: float) -> list[Shape]:
    """A stage piano on its stand. Its keys lie at the height `high`, cm, between z = 27 and 41 cm."""

    def plate(left: float, right: float, low: tuple[float, float], top: tuple[float, float]) -> np.ndarray:
        """A rectangle across the player's front, from one (height, z) to another."""
        return np.stack([vec(left, *low), vec(right, *low), vec(right, *top), vec(left, *top)])

    near, far = (high, 27.0), (high + 1.0, 41.0)
    octaves = np.arange(-48.0, 48.0, 7 * 13.9 / 7)
    sharps = [x + (place + 0.5) * 13.9 / 12 for x in octaves for place in (1, 3, 6, 8, 10)]
    whites = np.arange(-48.0, 49.5, 13.9 / 7)
    return [
        *[Shape(line(vec(x, high - 4, 36.0), vec(-x, high - 48, 36.0)), (60, 58, 56), 1.4) for x in (-30.0, 30.0)],
        Shape(plate(-54.0, 54.0, (high - 4.5, 26.0), (high + 1.5, 48.0)), _BLACK, -1.0),
        Shape(plate(-49.0, 49.0, near, far), _IVORY),
        *[Shape(line(vec(x, *near), vec(x, *far)), (150, 150, 150), 0.1) for x in whites],
        *[Shape(plate(x - 0.55, x + 0.55, (high + 1.0, 32.0), (high + 1.6, 41.0)), _BLACK) for x in sharps],
        Shape(plate(-54.0, 54.0, (high + 1.5, 41.0), (high + 2.5, 50.0)), shade(_BLACK, 0.15)),
        Shape(plate(-54.0, 54.0, (high - 5.5, 50.0), (high + 2.5, 50.0)), shade(_BLACK, 0.08)),
    ]


def accordion(cues: Cues) -> Pose:
    """The right hand plays the keys; the left hand moves the bellows, which change direction at each phrase."""
    quirks, part = cues.player.quirks, cues.part
    loudness = part.velocities / 127.0
    open_cm = _bellows_cm(cues) + 1.2 * cues.accent
    n = len(open_cm)

    low_y, high_y = -17.0 + 1.0 * quirks[0], -39.0 + 1.0 * quirks[0]  # low notes are near the chin
    key_y = low_y + (high_y - low_y) * cues.reach(cues.high, 0.12)
    fingers = _fingers(cues, (1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4))
    struck = np.zeros_like(fingers)
    struck[np.arange(len(fingers)), fingers.argmax(axis=1)] = 0.10 + 0.12 * loudness
    tap = timing.taps(cues.times_s, part, struck)
    into = tap.max(axis=1)
    right_grip = np.stack([np.full(n, -14.0), key_y, 26.5 - 6.0 * into], axis=-1)

    bass_x = 10.0 + open_cm  # where the case of the left hand begins
    left_grip = np.stack([bass_x + 7.0, -27.0 - 0.10 * open_cm, 19.0 - 0.15 * open_cm], axis=-1)
    folds = [-4.0 + (bass_x + 4.0) * share for share in np.linspace(0, 1, 12)]
    case: Colour = (40, 34, 150) if quirks[1] > 0 else (60, 50, 40)
    keys = [
        Shape(line(vec(-20.5, y, 24.5), vec(-11.5, y, 25.5)), (120, 120, 120), 0.12)
        for y in np.arange(-44.0, -10.0, 1.9)
    ]
    sharps = [
        Shape(line(vec(-16.0, y, 26.0), vec(-11.5, y, 26.2)), _BLACK, 0.55)
        for number, y in enumerate(np.arange(-43.0, -11.0, 1.9))
        if number % 7 not in (2, 6)
    ]
    return Pose(
        right=Hand(
            right_grip,
            vec(0.92, -0.10, 0.12),
            vec(0.12, 0.0, -1.0),
            cues.reach(fingers, 0.06) + tap,
            vec(-1.0, -0.5, -0.25),
            (0.0, 14.0, 4.0),
        ),
        left=Hand(
            left_grip,
            vec(-0.15, -0.10, 0.95),
            vec(-1.0, 0.0, -0.1),
            np.tile([0.25, 0.35, 0.38, 0.40, 0.42], (n, 1)),
            vec(1.0, -0.7, -0.4),
            (0.0, 8.0, 2.5),
        ),
        shapes=[
            Shape(_front(folds[0], folds[-1], 22.0), (48, 44, 60)),
            *[Shape(_upright(x, 23.0), (70, 66, 92) if i % 2 else (120, 116, 140), 0.9) for i, x in enumerate(folds)],
            Shape(_front(np.full(n, -12.0), np.full(n, -4.0), 24.0), case, -1.0),
            Shape(_front(bass_x, bass_x + 8.0, 24.0), case, -1.0),
            Shape(np.stack([vec(-21, -45, 24), vec(-11, -45, 25), vec(-11, -9, 25), vec(-21, -9, 24)]), _IVORY),
            *keys,
            *sharps,
            *[
                Shape(line(vec(6.0 * side - 2.0, -8.0, 20.0), vec(13.0 * side, 2.0, 6.0)), _BLACK, 1.2)
                for side in (-1, 1)
            ],
            Shape(line(vec(-8.0, -14.0, 25.0), vec(-8.0, -38.0, 25.0)), SILVER, 0.6),
        ],
        head=(5.0 + 3 * cues.accent, -8.0 + 4 * quirks[2], 2.0 * quirks[3]),
        seated=True,
        layers=layers("left arm, neck, head, instrument, left hand, right arm, right hand"),
    )


def _bellows_cm(cues: Cues) -> np.ndarray:
    """How far the bellows are open: float64 [frames]. They open in one phrase and close in the next."""
    turns_s = timing.phrase_starts_s(cues.part)
    end_s = cues.part.onsets_s[-1] + cues.part.durations_s[-1]
    places_cm = np.where(np.arange(len(turns_s) + 1) % 2 == 0, 5.0, 24.0)
    return np.interp(cues.times_s, np.append(turns_s, end_s), places_cm)


def _front(left_x: np.ndarray, right_x: np.ndarray, ahead: float) -> np.ndarray:
    """The front of a part of the box, between two x [frames]: its corners [frames, 4, 3]."""
    corners = ((left_x, -46.0), (right_x, -46.0), (right_x, -8.0), (left_x, -8.0))
    return np.stack([_at(x, y, ahead) for x, y in corners], axis=1)


def _upright(x: np.ndarray, ahead: float) -> np.ndarray:
    """A line from the bottom of the box to its top, [frames, 2, 3]."""
    return np.stack([_at(x, -46.0, ahead), _at(x, -8.0, ahead)], axis=1)


def _at(x: np.ndarray, y: float, ahead: float) -> np.ndarray:
    return np.stack([x, np.full_like(x, y), np.full_like(x, ahead)], axis=-1)
