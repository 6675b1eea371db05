"""The 13 instruments of URMP, a row each."""

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
        yaw: how far the player turns to the own left of the camera, degrees, so that the instrument is seen.
    """

    code: str
    name: str
    program: int
    low: int
    high: int
    agility: float
    yaw: float


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument("vn", "violin", 40, 55, 86, 1.1, 26),
    Instrument("va", "viola", 41, 48, 79, 1.0, 26),
    Instrument("vc", "cello", 42, 36, 67, 0.9, 4),
    Instrument("db", "double bass", 43, 28, 53, 0.6, -12),
    Instrument("fl", "flute", 73, 60, 91, 1.2, -4),
    Instrument("ob", "oboe", 68, 58, 86, 1.0, 20),
    Instrument("cl", "clarinet", 71, 50, 82, 1.1, 20),
    Instrument("bn", "bassoon", 70, 34, 65, 0.9, 0),
    Instrument("sax", "saxophone", 65, 49, 78, 1.1, 14),
    Instrument("tpt", "trumpet", 56, 54, 81, 0.9, 42),
    Instrument("hn", "horn", 60, 41, 70, 0.6, -8),
    Instrument("tbn", "trombone", 57, 40, 67, 0.6, 44),
    Instrument("tba", "tuba", 58, 28, 53, 0.5, 0),
)
BY_CODE: dict[str, Instrument] = {instrument.code: instrument for instrument in INSTRUMENTS}
