"""Whose part is whose: one rule for the stage `notes` and for `minet sonify`.

With as many parts as players, each player has one, in the order of the players from the left. With more parts, neighbours of one
program are one player's, if that makes as many as play: the two staves of a piano, the strings of a guitar. A single player has
all parts. Otherwise the first parts are taken. Whatever was merged or left out is said.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from pretty_midi import Note

from pipeline import params
from pipeline.errors import FileError
from pipeline.notes import midi, note_index
from pipeline.notes.note_index import Counts

Remark = tuple[str, str]  # what became of some notes, and what to do about it
IN_ORDER = "check that they stand in the order of the players, from the left"


def of_players(path: str | Path, players: int) -> tuple[list[list[Note]], list[Remark]]:
    """The notes of each of the players of a score, and what was merged or left out.

    Raises:
        FileError: the file cannot be used, or has fewer parts than players.
    """
    found = midi.parts(path)
    count = len(found)
    if count < players:
        raise FileError(path, f"{count} part{'s' * (count > 1)} in it for {players} players", midi.ADVICE)
    if count == players:
        return [part.notes for part in found], []
    staves = [[*group] for _, group in groupby(found, lambda part: part.program)]
    if players == 1:
        what = f"{count} parts in it for one player, who plays them all"
        return [_together(found)], [(what, "leave only this player's part in it, if others play the rest")]
    if len(staves) == players:
        what = f"{count} parts in it where {players} play; neighbours of one program were taken for one player's"
        return [_together(staff) for staff in staves], [(what, IN_ORDER)]
    what = f"{count} parts in it where {players} play; the first were taken"
    return [part.notes for part in found[:players]], [(what, IN_ORDER)]


def in_frames(
    source: Path, part: Sequence[Note], player: int, frames: int, fps: float, settings: params.Notes, *, to_end: bool
) -> tuple[np.ndarray, np.ndarray, Counts, list[Remark]]:
    """A player's part as one note index per frame: what `note_index.indices` returns, and what was left out.

    Args:
        source: the file that the part comes from; player: counted from 1, for the remarks.
        to_end: whether the frames reach the end of the recording. Notes beyond the end of a shot belong to the next.

    Raises:
        FileError: no note of the part is in range and within the frames.
    """
    index, onsets, counts = note_index.indices(part, frames, fps, settings)
    if not index.any():
        what = f"player {player} has no note in it that is in range and within the recording"
        raise FileError(source, what, "check that it belongs to this recording, or delete it")
    remarks = []
    if counts.beyond_end and to_end:
        what = f"{counts.beyond_end} notes of player {player} begin after the end of the recording, and were left out"
        remarks.append((what, "check that it belongs to this recording"))
    if counts.out_of_range:
        what = f"{counts.out_of_range} notes of player {player} are out of range, and became rests"
        remarks.append((what, "widen notes.lowest_midi and notes.highest_midi to take them in"))
    return index, onsets, counts, remarks


def _together(parts: Sequence[midi.Part]) -> list[Note]:
    return sorted((note for part in parts for note in part.notes), key=lambda note: note.start)
