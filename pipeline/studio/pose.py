"""The parts of a posture: hands, shapes to draw, and the cues that come from the notes."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.studio import timing
from pipeline.studio.geometry import rotation, unit, vec
from pipeline.studio.instruments import Instrument
from pipeline.studio.players import Colour, Player
from pipeline.studio.score import Part

MOUTH = vec(0.0, 13.5, 12.5)  # of a player who looks straight ahead, in the player's space

WOOD: Colour = (40, 74, 140)
DARK_WOOD: Colour = (30, 42, 74)
EBONY: Colour = (30, 28, 30)
BRASS: Colour = (62, 178, 222)
SILVER: Colour = (205, 205, 200)
HAIR_WHITE: Colour = (215, 228, 232)
STRING: Colour = (190, 195, 200)


@dataclass(frozen=True)
class Shape:
    """A shape to draw: a tube along the points, or a flat plate inside them.

    Attributes:
        points: [frames, points, 3] or [points, 3], cm, in the player's space.
        colour: of the lit side.
        radius_cm: radius of a tube, one number or one per point; 0 or less: a plate, its corners rounded by -radius_cm.
        layer: the layer it belongs to; see Pose.layers.
    """

    points: np.ndarray
    colour: Colour
    radius_cm: float | tuple[float, ...] = 0.0
    layer: str = "instrument"


@dataclass(frozen=True)
class Hand:
    """One hand.

    Attributes:
        grip: [frames, 3], the point that the hand holds.
        hold: where that point lies in the hand: cm towards the thumb, along the fingers, out of the palm.
        along, palm: [3] or [frames, 3], see geometry.hand.
        curls: [frames, 5], see geometry.hand.
        pole: [3], the direction in which the elbow points.
    """

    grip: np.ndarray
    along: np.ndarray
    palm: np.ndarray
    curls: np.ndarray
    pole: np.ndarray
    hold: tuple[float, float, float] = (0.0, 9.5, 3.0)


def layers(names: str) -> tuple[str, ...]:
    """The layers of a picture, from back to front: those behind every instrument, then those named."""
    return ("legs", "torso", "lap", *names.split(", "))


LAYERS = layers("left arm, right arm, neck, head, instrument, left hand, right hand")


@dataclass(frozen=True)
class Pose:
    """A whole performance in the player's space.

    Attributes:
        head: degrees: down, to the left, tilt to the right; each a number or [frames].
        layers: drawing order, from back to front.
    """

    right: Hand
    left: Hand
    shapes: list[Shape]
    head: tuple[np.ndarray | float, np.ndarray | float, np.ndarray | float] = (0.0, 0.0, 0.0)
    seated: bool = False
    layers: tuple[str, ...] = LAYERS


@dataclass(frozen=True)
class Cues:
    """The input of a posture. Curves are float64 [frames].

    Attributes:
        loud: 0..1, loudness of the note.
        accent: 0..1, pulses at the onsets.
        breath: 0..1, how full the lungs are.
        sounding: 0..1, 1 while a note sounds.
        sway: -1..1, the slow sway.
    """

    instrument: Instrument
    player: Player
    part: Part
    times_s: np.ndarray
    loud: np.ndarray
    accent: np.ndarray
    breath: np.ndarray
    sounding: np.ndarray
    sway: np.ndarray
    rng: np.random.Generator = field(compare=False)

    def reach(self, values: np.ndarray, travel_s: float | np.ndarray = 0.09) -> np.ndarray:
        return timing.reach(self.times_s, self.part, values, travel_s)

    @property
    def high(self) -> np.ndarray:
        """Each note's pitch, 0 = the instrument's lowest .. 1 = its highest: float64 [notes]."""
        return (self.part.pitches - self.instrument.low) / (self.instrument.high - self.instrument.low)


def shade(colour: Colour, by: float) -> Colour:
    """A colour made darker (by < 0; -1 is black) or lighter (by > 0; 1 is white)."""
    goal = 255.0 if by > 0 else 0.0
    blue, green, red = (round(c + abs(by) * (goal - c)) for c in colour)
    return blue, green, red


def ring(centre: np.ndarray, normal: np.ndarray, radius_cm: float, points: int = 20) -> np.ndarray:
    """A circle of points [..., points, 3] around a centre, perpendicular to a normal."""
    normal = unit(normal)
    first = unit(np.cross(normal, vec(0.31, 0.9, 0.2)))
    second = np.cross(normal, first)
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)[:, None]
    return centre[..., None, :] + radius_cm * (
        np.cos(angles) * first[..., None, :] + np.sin(angles) * second[..., None, :]
    )


def arc(
    centre: np.ndarray, first: np.ndarray, second: np.ndarray, start: float, end: float, points: int = 12
) -> np.ndarray:
    """Points [points, 3] on the ellipse with semi-axes `first` and `second`, between two angles in degrees."""
    angles = np.radians(np.linspace(start, end, points))[:, None]
    return centre + np.cos(angles) * first + np.sin(angles) * second


def line(*points: np.ndarray) -> np.ndarray:
    """Stack points [..., 3] into a line [..., points, 3]."""
    return np.stack(points, axis=-2)


def head_turn(pose: Pose, frames: int) -> np.ndarray:
    """The head's rotation matrices [frames, 3, 3] in the player's space."""
    down, left, tilt = (np.broadcast_to(angle, frames) for angle in pose.head)
    return rotation(down, left, tilt)
