"""Writes data/foley_music: the notes of each track, and of the studio's further players, a row a note.

A track's notes are the player's annotated notes, which follow the recording. If there are none, they are the player's part of the
score. Annotations tell no velocity: it is that of the score's notes if they are as many and have the same pitches, or else 64.

Where nobody has written notes down, they are heard in the track's sound if `heard` says how. A model may learn from such notes, but
no metric takes them for the truth.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from pretty_midi import Note
from tqdm import tqdm

from pipeline import params
from pipeline.compute import parallel, work
from pipeline.corpus import sound
from pipeline.corpus.track import Track, read_tracks, relative
from pipeline.dataset.artifacts import MORE_PLAYERS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import Shards
from pipeline.errors import FileError, NothingLeft, run
from pipeline.notes import annotations, note_index, note_table, score
from pipeline.notes import heard as heard_notes
from pipeline.studio import score as studio_score
from pipeline.studio.instruments import BY_CODE
from systems.foley_music import paths
from systems.foley_music.params import load

KEPT = (
    work.WORK / "heard"
)  # the notes of each track that were heard, so that a run continues where a killed one stopped


def main() -> None:
    settings = params.load()
    tracks = read_tracks()
    players: dict[Path | None, int] = {}  # MIDI file → number of players
    for track in tracks:
        players[track.midi] = max(players.get(track.midi, 0), track.part + 1)
    root, found, aside = Path(settings.corpus.root), [], list[SetAside]()
    for track in tqdm([track for track in tracks if track.notes or track.midi], "notes", unit="track", mininterval=1):
        try:
            notes, source = of_track(track, players[track.midi])
        except FileError as error:
            aside.append(SetAside(relative(Path(error.file), root), error.what, error.advice))
            continue
        found.append(note_table.rows(track.name, notes, source))
    if (method := load().heard) != "none":
        silent = [track for track in tracks if not track.notes and not track.midi]
        calls = [(track, settings, method) for track in silent]
        heard = tqdm(parallel.each(hear, calls, settings.compute.backend), "notes heard", len(calls), unit="track")
        for track, here in zip(silent, heard, strict=True):
            if isinstance(here, FileError):
                aside.append(SetAside(relative(track.audio, root), here.what, here.advice))
            else:
                found.append(note_table.rows(track.name, here, note_table.HEARD))
    paths.NOTES.parent.mkdir(parents=True, exist_ok=True)
    write_set_aside(paths.SET_ASIDE, aside)
    if not found:
        raise NothingLeft(
            "no track has annotated notes or MIDI, from which Foley Music learns; put the MIDI of each piece beside its video, or "
            "set `heard` to pyin in systems/foley_music/params.yaml, to have the notes heard in the sound"
        )
    table = pd.concat(found, ignore_index=True)
    table.to_parquet(paths.NOTES, index=False)
    more = [note_table.rows(name, notes, "midi") for name, notes in of_more_players(settings).items()]
    empty = note_table.rows("", [], "midi")
    pd.concat([empty, *more], ignore_index=True).to_parquet(paths.MORE_NOTES, index=False)
    sources = table.groupby("source").track.nunique()
    of = ", ".join(f"{source}: {count} tracks" for source, count in sources.items())
    print(f"notes: {len(table)} ({of}); of more players: {len(more)}")


def of_track(track: Track, players: int) -> tuple[list[Note], str]:
    """The notes of a track, and their source.

    Args:
        players: number of players in the score.

    Raises:
        FileError: its notes cannot be used.
    """
    if not track.notes:
        assert track.midi is not None
        return within(score.of_players(track.midi, players)[0][track.part], track), "midi"
    notes = note_index.annotated(annotations.read_notes(track.notes))
    if track.midi:
        try:
            scored = sorted(score.of_players(track.midi, players)[0][track.part], key=lambda note: note.start)
        except FileError:
            scored = []  # the velocities are all that it would add
        if [note.pitch for note in scored] == [note.pitch for note in notes]:
            for note, other in zip(notes, scored, strict=True):
                note.velocity = other.velocity
    return within(notes, track), "annotated"


def hear(track: Track, settings: params.Params, method: heard_notes.Method) -> list[Note] | FileError:
    """The notes heard in a track's sound, now or in an earlier run that was killed; or why there are none."""
    inputs = (track.audio, track.start_s, track.end_s, settings.audio, settings.notes, method)
    try:
        place = KEPT / f"{work.key(heard_notes.__file__, *inputs)}.npy"
        if not place.exists():
            recorded = sound.of_track(track, settings.audio.sample_rate_hz)
            found = heard_notes.notes(recorded, settings.audio, settings.notes, method)
            values = [(note.velocity, note.pitch, note.start, note.end) for note in found]
            work.write_whole(place, partial(np.save, arr=np.array(values).reshape(-1, 4)))
    except FileError as error:
        return error
    rows = np.load(place, allow_pickle=False)
    if not len(rows):
        return FileError(track.audio, f"no note is heard in its sound{track.stretch}", "put its MIDI beside it")
    return [Note(int(velocity), int(pitch), start_s, end_s) for velocity, pitch, start_s, end_s in rows.tolist()]


def within(notes: list[Note], track: Track) -> list[Note]:
    """The notes that start within a track, with times counted from its start."""
    end_s = np.inf if track.end_s is None else track.end_s
    return note_table.window(notes, track.start_s, end_s - track.start_s)


def of_more_players(settings: params.Params) -> dict[str, list[Note]]:
    """Player of data/more_players → notes, composed again as `studio.pieces.solo` has them played."""
    studio, found = settings.studio, {}
    for name in Shards(MORE_PLAYERS / "motion").index.index:
        index, code = name.split("_")
        generator = np.random.default_rng([studio.seed, int(index)])
        (part,) = studio_score.compose([BY_CODE[code]], studio.duration_s, generator)
        part = studio_score.later(part, studio.sound_after_s, studio.duration_s)
        columns = (part.velocities, part.pitches, part.onsets_s, part.onsets_s + part.durations_s)
        found[name] = [Note(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    return found


if __name__ == "__main__":
    run(main)
