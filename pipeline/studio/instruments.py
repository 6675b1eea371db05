"""The 13 instruments of URMP, one row each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Attributes:
        code: URMP's short name in file names.
        name: full English name, lower case.
        program: General MIDI program, 0-based.
        low, high: lowest and highest pitch that the studio writes for it, MIDI numbers.
        agility: how readily it takes fast rhythms, about 0.3 (slow) .. 1.2 (fast).
        yaw: how far players turn to their own left of the camera, degrees, so that the instrument is visible.
        above_cm, below_cm: how much is visible above the head and below the hips.
        aside: where the player is in the picture, -1 (left edge) .. 1 (right edge), to leave room for the instrument.
    """

    code: str
    name: str
    program: int
    low: int
    high: int
    agility: float
    yaw: float
    above_cm: float = 4.0
    below_cm: float = 16.0
    aside: float = 0.0


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument("vn", "violin", 40, 55, 86, 1.1, 10, aside=-0.12),
    Instrument("va", "viola", 41, 48, 79, 1.0, 10, aside=-0.12),
    Instrument("vc", "cello", 42, 36, 67, 0.9, 4, above_cm=8.0, below_cm=24.0),
    Instrument("db", "double bass", 43, 28, 53, 0.6, -10, above_cm=16.0, below_cm=26.0, aside=-0.1),
    Instrument("fl", "flute", 73, 60, 91, 1.2, -2, aside=0.16),
    Instrument("ob", "oboe", 68, 58, 86, 1.0, 20),
    Instrument("cl", "clarinet", 71, 50, 82, 1.1, 20),
    Instrument("bn", "bassoon", 70, 34, 65, 0.9, 0, above_cm=12.0),
    # A tenor saxophone.
    Instrument("sax", "saxophone", 66, 46, 75, 1.1, 14),
    Instrument("tpt", "trumpet", 56, 54, 81, 0.9, 28, aside=-0.24),
    Instrument("hn", "horn", 60, 41, 70, 0.6, -8, aside=0.06),
    Instrument("tbn", "trombone", 57, 40, 67, 0.6, 26, above_cm=6.0, aside=-0.4),
    Instrument("tba", "tuba", 58, 28, 53, 0.5, 0, above_cm=16.0, aside=-0.05),
)
BY_CODE: dict[str, Instrument] = {instrument.code: instrument for instrument in INSTRUMENTS}
