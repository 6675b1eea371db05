"""Postures for drums, hand drums and xylophone: a hand is raised before each note, and lowest at its onset."""

from dataclasses import replace

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import unit, vec
from pipeline.studio.players import Colour
from pipeline.studio.pose import BRASS, SILVER, WOOD, Cues, Hand, Pose, Shape, layers, line, ring, shade

RIGHT, LEFT, EITHER = 0, 1, 2
_STICK_CM = 27.0  # from the hand to the stick's tip

# Where a stick meets each of the kit's sounds, and the hand that strikes there. The order is that of Instrument.drums.
_HI_HAT, _FLOOR_TOM, _SNARE, _TOM, _CRASH = (
    vec(34.0, -31.0, 44.0),
    vec(-32.0, -43.0, 42.0),
    vec(2.0, -42.0, 45.0),
    vec(4.0, -31.0, 58.0),
    vec(-38.0, -8.0, 48.0),
)
_KIT = ((_HI_HAT, LEFT), (_FLOOR_TOM, RIGHT), (_SNARE, EITHER), (_HI_HAT, LEFT), (_TOM, EITHER), (_CRASH, RIGHT))

# The middles of the skins of the hand drums, in the order of Instrument.drums: two congas, and two bongos between them.
_CONGAS = (vec(-16.0, -42.0, 34.0), vec(16.0, -42.0, 34.0))
_BONGOS = (vec(-7.0, -42.0, 45.0), vec(7.0, -42.0, 45.0))
_SKINS = (_CONGAS[0], _CONGAS[1], _CONGAS[1] + vec(-4.0, 0.0, 4.0), _BONGOS[1], _BONGOS[0])


def hands(wanted: np.ndarray) -> np.ndarray:
    """Which hand strikes each note, RIGHT or LEFT: int64 [notes]. If either may, it is the one that did not strike last."""
    chosen, last = [], LEFT
    for hand in wanted.tolist():
        last = hand if hand != EITHER else RIGHT + LEFT - last
        chosen.append(last)
    return np.array(chosen)


def _tops(cues: Cues, low_cm: float, high_cm: float) -> np.ndarray:
    """How high a hand is raised for each note, higher for louder ones: float64 [notes], cm."""
    return low_cm + (high_cm - low_cm) * cues.part.velocities / 127.0


def _of_a_hand(cues: Cues, mine: np.ndarray, places: np.ndarray, rest: np.ndarray, travel_s: float) -> np.ndarray:
    """The place of one hand: float64 [frames, 3]. It is at `places` [notes, 3] at the onsets of its own notes."""
    if not mine.any():
        return np.broadcast_to(rest, (len(cues.times_s), 3))
    own = replace(cues.part, onsets_s=cues.part.onsets_s[mine])  # all that `reach` reads
    return timing.reach(cues.times_s, own, places[mine], travel_s)


def _with_sticks(
    cues: Cues,
    places: np.ndarray,
    wanted: np.ndarray,
    rests: tuple[np.ndarray, np.ndarray],
    colour: Colour,
    head_cm: float,
) -> tuple[Hand, Hand, list[Shape]]:
    """Both hands with a stick in each, and the sticks.

    Args:
        places: [notes, 3], where the stick of the hand that plays meets the instrument.
        wanted: [notes], RIGHT, LEFT or EITHER.
        rests: where the sticks of the right and of the left hand wait if they have no note.
        head_cm: radius of the stick's head.
    """
    quirks, part = cues.player.quirks, cues.part
    chosen = hands(wanted)
    tops_cm = _tops(cues, 4.0, 11.0) * (1 + 0.08 * quirks[0])
    made, sticks = [], []
    for hand, name in ((RIGHT, "right hand"), (LEFT, "left hand")):
        side = -1.0 if hand == RIGHT else 1.0
        mine = chosen == hand
        height = timing.strikes(cues.times_s, part.onsets_s[mine], tops_cm[mine])
        elbow = vec(side * (25.0 + 1.5 * quirks[1]), -27.0, -4.0)

        def grip_of(place: np.ndarray, elbow: np.ndarray = elbow) -> np.ndarray:
            return place - _STICK_CM * unit(place - elbow)

        grip = _of_a_hand(cues, mine, grip_of(places), grip_of(rests[hand]), 0.3)
        # The stick points to where it will strike, and is raised from there by the wrist.
        way = unit(unit(_of_a_hand(cues, mine, places, rests[hand], 0.3) - grip) + vec(0, 0.028, 0) * height[:, None])
        grip = grip + vec(0, 0.75, 0) * height[:, None]
        tip = grip + _STICK_CM * way
        along = way + vec(-0.25 * side, -0.05, 0.0) + vec(0, 0.012, 0) * height[:, None]
        curls = np.tile([0.40, 0.40, 0.48, 0.52, 0.54], (len(height), 1))
        pole = vec(side, -0.45, -0.45)
        made.append(Hand(grip, along, vec(-0.15 * side, -1.0, 0.1), curls, pole, (1.2, 8.0, 2.6)))
        sticks.append(Shape(line(grip - 9.0 * way, tip), (120, 175, 215), 0.55, name))
        if head_cm > 0:
            sticks.append(Shape(line(tip - 0.6 * way, tip + 0.6 * way), colour, head_cm, name))
    return made[0], made[1], sticks


def drums(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    sound = np.array([cues.instrument.drum(pitch) for pitch in cues.part.pitches.tolist()])
    places = np.array([place for place, _ in _KIT])[sound]
    wanted = np.array([hand for _, hand in _KIT])[sound]
    wood: Colour = (60, 40, 130) if quirks[2] > 0 else (120, 80, 40)
    right, left, sticks = _with_sticks(cues, places, wanted, (_SNARE + vec(-5, 0, 0), _SNARE + vec(5, 0, 0)), wood, 0.0)
    shells = [
        *_drum(vec(0.0, -76.0, 64.0), vec(0.0, 0.1, 1.0), 22.0, 14.0, wood),
        *_drum(_FLOOR_TOM, vec(0.06, 1.0, 0.10), 15.0, 22.0, wood),
        *_drum(_SNARE, vec(0.0, 1.0, 0.12), 13.5, 8.0, (150, 150, 155)),
        *_drum(_TOM, vec(0.0, 1.0, -0.18), 11.5, 12.0, wood),
        Shape(line(_HI_HAT, _HI_HAT + vec(1.0, -80.0, 0.0)), SILVER, 0.7),
        Shape(line(_CRASH + vec(-2, 0, 3), _CRASH + vec(-6.0, -100.0, 5.0)), SILVER, 0.7),
        Shape(ring(_HI_HAT + vec(2, -1.2, 0), vec(0.0, 1.0, 0.0), 13.5, 24), shade(BRASS, -0.2)),
        Shape(ring(_HI_HAT + vec(2, 0.2, 0), vec(0.05, 1.0, 0.1), 13.5, 24), BRASS),
        Shape(ring(_CRASH + vec(-3, 0, 4), vec(0.25, 1.0, 0.30), 17.0, 24), BRASS),
    ]
    return Pose(
        right=right,
        left=left,
        shapes=[*shells, *sticks],
        head=(6.0 + 4 * cues.accent, 3.0 * quirks[3], 2.0 * quirks[4]),
        seated=True,
        layers=layers("neck, head, instrument, left arm, right arm, left hand, right hand"),
    )


def _drum(middle: np.ndarray, normal: np.ndarray, radius_cm: float, depth_cm: float, colour: Colour) -> list[Shape]:
    """A drum as a tube with a skin at `middle`."""
    normal = unit(normal)
    foot = middle - depth_cm * normal
    sides = ring(middle, normal, radius_cm, 24), ring(foot, normal, radius_cm, 24)
    across = unit(np.cross(normal, vec(0.0, 0.0, 1.0)) if abs(normal[2]) < 0.8 else vec(1.0, 0.0, 0.0))
    shell = np.stack(
        [middle - radius_cm * across, middle + radius_cm * across, foot + radius_cm * across, foot - radius_cm * across]
    )
    return [
        Shape(sides[1], shade(colour, -0.4)),
        Shape(shell, colour),
        Shape(sides[0], (225, 230, 232)),
        Shape(np.concatenate([sides[0], sides[0][:1]]), SILVER, 0.5),
    ]


def hand_drums(cues: Cues) -> Pose:
    quirks, part = cues.player.quirks, cues.part
    sound = np.array([cues.instrument.drum(pitch) for pitch in part.pitches.tolist()])
    chosen = hands(np.full(len(sound), EITHER))
    tops_cm = _tops(cues, 4.0, 12.0) * (1 + 0.08 * quirks[0])
    made = []
    for hand in (RIGHT, LEFT):
        side = -1.0 if hand == RIGHT else 1.0
        mine = chosen == hand
        beside = vec(side * 4.5, 1.0, -4.0)  # both hands have room on one skin
        place = _of_a_hand(cues, mine, np.array(_SKINS)[sound] + beside, _CONGAS[hand] + beside, 0.35)
        height = timing.strikes(cues.times_s, part.onsets_s[mine], tops_cm[mine])
        along = vec(-0.30 * side, -0.22, 0.9) + vec(0, 0.015, 0) * height[:, None]  # the fingers rise first
        curls = np.tile([0.2, 0.12, 0.10, 0.12, 0.15], (len(height), 1)) + 0.012 * height[:, None]
        pole = vec(side, -0.3 + 0.1 * quirks[1], -0.4)
        grip = place + vec(0, 0.85, 0) * height[:, None]
        made.append(Hand(grip, along, vec(-0.1 * side, -1.0, -0.25), curls, pole, (0.0, 11.0, 1.5)))
    skin: Colour = (190, 210, 225)
    shells: list[Shape] = []
    for middle, radius_cm, depth_cm, colour in (
        *[(each, 12.0, 68.0, WOOD if quirks[2] > 0 else (40, 40, 120)) for each in _CONGAS],
        *[(each, 7.0, 12.0, shade(WOOD, -0.1)) for each in _BONGOS],
    ):
        down = vec(0.0, -depth_cm, 2.0)
        tube = line(middle, middle + 0.35 * down, middle + down)
        shells += [
            Shape(tube, colour, (radius_cm, 1.12 * radius_cm, 0.75 * radius_cm)),
            Shape(ring(middle, vec(0.0, 1.0, 0.10), radius_cm, 24), skin),
            Shape(line(middle + vec(-radius_cm, -3.0, 2.0), middle + vec(radius_cm, -3.0, 2.0)), SILVER, 0.6),
        ]
    return Pose(
        right=made[0],
        left=made[1],
        shapes=shells,
        head=(7.0 + 4 * cues.accent, 3.0 * quirks[3], 2.0 * quirks[4]),
        seated=True,
        layers=layers("neck, head, instrument, left arm, right arm, left hand, right hand"),
    )


def bars(pitches: np.ndarray, low: int, high: int) -> np.ndarray:
    """The middle of the bar of each pitch: float64 [notes, 3]. Low bars are on the player's left, sharps are behind."""
    x = 38.0 - 76.0 * (pitches - low) / (high - low)
    sharp = np.isin(pitches % 12, (1, 3, 6, 8, 10))
    return np.stack([x, np.where(sharp, -41.0, -43.0), np.where(sharp, 54.0, 43.0)], axis=-1)


def xylophone(cues: Cues) -> Pose:
    quirks = cues.player.quirks
    low, high = cues.instrument.low, cues.instrument.high
    places = bars(cues.part.pitches, low, high)
    wanted = np.full(len(places), EITHER)
    rests = (vec(-6.0, -43.0, 43.0), vec(6.0, -43.0, 43.0))
    red: Colour = (60, 50, 190) if quirks[2] > 0 else (170, 90, 50)
    right, left, mallets = _with_sticks(cues, places, wanted, rests, red, 1.7)
    every = np.arange(low, high + 1)
    wooden = []
    for pitch, middle in zip(every.tolist(), bars(every, low, high), strict=True):
        half = vec(0.0, -1.1, (9.0 - 3.5 * (pitch - low) / (high - low)) * 0.62)
        wide = vec(0.95 if middle[2] > 50 else 1.35, 0.0, 0.0)
        corners = np.stack([middle - half - wide, middle - half + wide, middle + half + wide, middle + half - wide])
        wooden.append(Shape(corners, (55, 85, 150) if middle[2] < 50 else (45, 70, 128)))
    wooden.sort(key=lambda shape: shape.points[:, 2].mean())
    rail: Colour = (70, 60, 52)
    pipes = [
        Shape(line(vec(x, -47.0, 58.0), vec(x, -60.0 - 22.0 * (x + 40) / 80, 58.0)), (140, 175, 190), 1.2)
        for x in np.arange(-37.0, 38.0, 4.1)
    ]
    return Pose(
        right=right,
        left=left,
        shapes=[
            *[Shape(line(vec(x, -46.0, 50.0), vec(x, -96.0, 50.0)), rail, 1.4) for x in (-42.0, 42.0)],
            *pipes,
            Shape(line(vec(-43.0, -47.0, 60.0), vec(43.0, -47.0, 60.0)), rail, 1.6),
            *wooden,
            *mallets,
        ],
        head=(9.0 + 3 * cues.accent, 3.0 * quirks[3], 2.0 * quirks[4]),
        layers=layers("neck, head, left arm, right arm, instrument, left hand, right hand"),
    )
