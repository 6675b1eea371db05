"""The players: proportions, camera, looks and habits of each, drawn from a random number generator."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]  # blue, green, red: OpenCV's order

_SKINS: tuple[Colour, ...] = (
    (178, 204, 240),
    (160, 188, 230),
    (140, 172, 220),
    (118, 152, 204),
    (96, 130, 184),
    (84, 112, 160),
    (70, 96, 142),
)
_HAIRS: tuple[Colour, ...] = (
    (24, 22, 24),
    (30, 42, 60),
    (40, 62, 96),
    (60, 96, 140),
    (92, 140, 180),
    (150, 150, 152),
    (36, 50, 120),
)
_CLOTHES: tuple[Colour, ...] = (
    (52, 46, 44),
    (110, 60, 40),
    (60, 90, 50),
    (50, 45, 120),
    (140, 120, 90),
    (90, 60, 90),
    (160, 160, 165),
    (120, 90, 60),
    (70, 110, 130),
)
_WALLS: tuple[Colour, ...] = (
    (196, 200, 202),
    (180, 172, 160),
    (150, 170, 180),
    (170, 190, 176),
    (206, 190, 190),
    (140, 140, 146),
)
HAIR_STYLES = ("short", "long", "bun", "bald")


@dataclass(frozen=True)
class Player:
    """One person. Lengths in cm, angles in degrees.

    Attributes:
        yaw: how far the player turns to their own left, in addition to the instrument's yaw.
        pitch: how far the camera looks down.
        fill: share of the picture's height that is used, about 1.
        place: offset to the right of the instrument's usual place, in half widths of the picture.
        sway: size of the body's sway, about 1.
        sway_beats: length of one sway, beats.
        sway_phase: radians.
        lean: sideways lean at rest.
        stoop: forward lean at rest.
        accent: size of the nod at a note's onset, about 1.
        elbows: how far out the elbows are held, about 0.
        left_handed: whether everything is the other way round, as with left-handed people and in a mirrored video.
        quirks: float64 [8], standard normal clipped to -2..2: habits, which each posture uses in its own way.
    """

    shoulder_cm: float
    upper_arm_cm: float
    forearm_cm: float
    hand_cm: float
    torso_cm: float
    girth: float
    head: float
    yaw: float
    pitch: float
    fill: float
    place: float
    sway: float
    sway_beats: float
    sway_phase: float
    lean: float
    stoop: float
    accent: float
    elbows: float
    quirks: np.ndarray
    skin: Colour
    hair: Colour
    hair_style: str
    shirt: Colour
    trousers: Colour
    wall: Colour
    wall_seed: int
    left_handed: bool


def draw_player(rng: np.random.Generator) -> Player:
    """Draw a random player."""
    size = float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08))

    def around(mean: float, spread: float) -> float:
        return float(mean * size * np.clip(rng.normal(1.0, spread), 1 - 2 * spread, 1 + 2 * spread))

    def limited(spread: float) -> float:
        return float(np.clip(rng.normal(0.0, spread), -2 * spread, 2 * spread))

    def colour(choices: tuple[Colour, ...], spread: int) -> Colour:
        blue, green, red = np.clip(
            np.array(choices[rng.integers(len(choices))]) + rng.integers(-spread, spread + 1, 3), 8, 247
        )
        return int(blue), int(green), int(red)

    return Player(
        shoulder_cm=around(18.0, 0.03),
        upper_arm_cm=around(29.5, 0.025),
        forearm_cm=around(26.0, 0.025),
        hand_cm=around(18.5, 0.03),
        torso_cm=around(51.0, 0.03),
        girth=around(1.0, 0.07),
        head=around(1.0, 0.025),
        yaw=limited(5.0),
        pitch=4.0 + limited(3.0),
        fill=float(rng.uniform(0.9, 1.0)),
        place=float(rng.uniform(-0.06, 0.06)),
        sway=float(rng.uniform(0.5, 1.5)),
        sway_beats=float(rng.choice((2, 4, 4, 8))),
        sway_phase=float(rng.uniform(0, 2 * np.pi)),
        lean=limited(1.5),
        stoop=3.0 + limited(2.0),
        accent=float(rng.uniform(0.6, 1.4)),
        elbows=limited(0.15),
        quirks=np.clip(rng.normal(size=8), -2, 2),
        skin=colour(_SKINS, 6),
        hair=colour(_HAIRS, 5),
        hair_style=HAIR_STYLES[rng.choice(len(HAIR_STYLES), p=(0.5, 0.22, 0.2, 0.08))],
        shirt=colour(_CLOTHES, 14),
        trousers=colour(_CLOTHES[:4], 8),
        wall=colour(_WALLS, 8),
        wall_seed=int(rng.integers(2**31)),
        left_handed=False,
    )
