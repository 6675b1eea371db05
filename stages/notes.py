"""Writes data/notes: one note index per spectrogram frame, for the tracks that have notes.

The notes are the player's annotated notes, which follow the recording. If there are none, they are the player's part of the score.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.corpus.track import Track, read_tracks, relative
from pipeline.dataset.artifacts import NOTES, SPECTROGRAMS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import FileError, run
from pipeline.notes import annotations, note_index, score
from pipeline.notes.note_index import Counts


def main() -> None:
    p = params.load()
    tracks = read_tracks()
    spectrograms = Shards(SPECTROGRAMS)
    players: dict[Path | None, int] = {}  # MIDI file → number of players
    for track in tracks:
        players[track.midi] = max(players.get(track.midi, 0), track.part + 1)
    scored = [track for track in tracks if (track.notes or track.midi) and track.name in spectrograms]
    aside: list[SetAside] = []
    kept: list[Counts] = []
    with ShardWriter(NOTES) as shards:
        for track in tqdm(scored, "notes", unit="track", mininterval=1):
            read, remarks = transform(track, players[track.midi], spectrograms.length(track.name), p)
            aside += remarks
            if read:
                index, onsets, counts = read
                columns = {"notes": counts.notes, "overlaps": counts.overlaps, "out_of_range": counts.out_of_range}
                shards.add(track.name, {"notes": index, "onsets": onsets}, **columns)
                kept.append(counts)
    write_set_aside(NOTES / "set_aside.csv", aside)
    if kept:
        print(
            f"notes: {len(kept)} tracks, {sum(c.notes for c in kept)} notes, {sum(c.overlaps for c in kept)} overlaps, "
            f"{sum(c.out_of_range for c in kept)} out of range"
        )
    else:
        print("notes: no track has a score (MIDI) that can be used: models with content will be skipped")


def transform(
    track: Track, players: int, frames: int, p: params.Params
) -> tuple[tuple[np.ndarray, np.ndarray, Counts] | None, list[SetAside]]:
    """The note indices int16 [frames], onsets bool [frames] and counts of a track (None if its notes are unusable), and remarks.

    Args:
        players: number of players in the score.
        frames: length of the track's spectrogram.
    """
    source = track.notes or track.midi
    assert source is not None
    file, remarks = relative(source, Path(p.corpus.root)), list[score.Remark]()
    try:
        if track.notes:
            part = note_index.annotated(annotations.read_notes(track.notes))
        else:
            parts, remarks = score.of_players(source, players)
            part = parts[track.part]
        part = note_index.from_second(part, track.start_s)
        index, onsets, counts, others = score.in_frames(
            source, part, track.part + 1, frames, p.audio.fps, p.notes, to_end=track.end_s is None
        )
    except FileError as error:
        return None, [SetAside(file, error.what, error.advice)]
    return (index, onsets, counts), [SetAside(file, what, advice) for what, advice in (*remarks, *others)]


if __name__ == "__main__":
    run(main)
