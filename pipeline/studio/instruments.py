"""The instruments, one row each: the 13 of URMP, then nine that are often filmed."""

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
        chord: what sounds together with each note, semitones above it. The score has the note alone.
        strum_s: time from one string of a chord to the next.
        drums: for an instrument without pitch, what its pitches stand for, from low to high: drum sounds of General MIDI,
            those that start together.
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
    chord: tuple[int, ...] = ()
    strum_s: float = 0.0
    drums: tuple[tuple[int, ...], ...] = ()

    def drum(self, pitch: int) -> int:
        """Which of `drums` a pitch stands for. It also takes an array of pitches, int64 [notes]."""
        return (pitch - self.low) * len(self.drums) // (self.high - self.low + 1)


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
    Instrument("gt", "guitar", 25, 40, 64, 0.9, 4, below_cm=18.0, aside=-0.12, chord=(7, 12, 16), strum_s=0.012),
    Instrument("uk", "ukulele", 24, 60, 81, 1.0, 4, below_cm=14.0, aside=-0.06, chord=(4, 7, 12), strum_s=0.010),
    Instrument("bg", "bass guitar", 33, 28, 55, 0.9, 6, below_cm=24.0, aside=-0.2),
    # The score has the top note.
    Instrument("pno", "piano", 0, 48, 88, 1.1, 24, below_cm=16.0, aside=-0.16, chord=(-12, -5)),
    # A kick of the foot sounds together with a cymbal, which the hands strike. The programs are the MIDI file's alone.
    Instrument(
        "dr", "drums", 117, 48, 69, 0.9, 6, below_cm=24.0, drums=((36, 42), (45,), (38,), (42,), (48,), (36, 49))
    ),
    Instrument("hd", "hand drums", 116, 48, 69, 0.9, 4, below_cm=30.0, drums=((64,), (63,), (62,), (61,), (60,))),
    # A marimba's sound.
    Instrument("xyl", "xylophone", 12, 53, 89, 1.0, 4, below_cm=26.0),
    # A reed organ's sound. It has free reeds, too, and the SoundFont's accordion is up to 70 cents flat.
    Instrument("acc", "accordion", 20, 53, 89, 1.1, 4, aside=-0.08, chord=(-12, -5)),
    Instrument("hp", "harp", 46, 40, 88, 0.9, 31, above_cm=10.0, below_cm=22.0, aside=-0.3),
)
BY_CODE: dict[str, Instrument] = {instrument.code: instrument for instrument in INSTRUMENTS}
