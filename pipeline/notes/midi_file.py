"""Notes to a MIDI file that any program opens."""

from collections.abc import Sequence
from pathlib import Path

import pretty_midi
from pretty_midi import Note

TICKS = 960  # a beat of 0.5 s: onsets in the file are within 0.3 ms of the exact ones


def write(path: Path, notes: Sequence[Note], program: int, name: str) -> None:
    """Write notes as one track.

    Args:
        program: of General MIDI, 0 to 127.
        name: of the track.
    """
    midi = pretty_midi.PrettyMIDI(resolution=TICKS)
    track = pretty_midi.Instrument(program=program, name=name)
    track.notes = list(notes)
    midi.instruments.append(track)
    midi.write(str(path))
