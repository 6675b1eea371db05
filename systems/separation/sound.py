"""The sound of each track as rows of samples, and that of the studio's further players: data/sound/ and data/more_sound/.

Row i has samples hop_length * i to hop_length * (i + 1) - 1, so that windows of sound are cut as those of spectrograms. Mixtures
need the samples: spectrograms of players do not add up.
"""

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.compute import parallel
from pipeline.corpus.track import Track, read_tracks
from pipeline.dataset.artifacts import MORE_PLAYERS, SPLITS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.split import tracks as in_part
from pipeline.errors import run
from pipeline.media import sound_files
from pipeline.studio import pieces
from pipeline.studio.instruments import BY_CODE
from systems.separation import paths

FULL_SCALE = 32767  # of int16


def main() -> None:
    settings = params.load()
    usable = {name for part in ("train", "choose", "test") for name in in_part(SPLITS, part)}
    tracks = [track for track in read_tracks() if track.name in usable]
    backend = settings.compute.backend
    recorded = parallel.each(of_track, [(track, settings.audio) for track in tracks], backend)
    with ShardWriter(paths.SOUND) as shards:
        for track, rows in zip(tracks, tqdm(recorded, "sound", len(tracks), unit=" track"), strict=True):
            shards.add(track.name, {"sound": rows})
    more = list(Shards(MORE_PLAYERS / "motion").index.index)
    played = parallel.each(of_player, [(name, settings) for name in more], backend)
    with ShardWriter(paths.MORE_SOUND) as shards:
        for name, rows in zip(more, tqdm(played, "more players", len(more), unit=" player"), strict=True):
            shards.add(name, {"sound": rows})


def of_track(track: Track, audio: params.Audio) -> np.ndarray:
    """The sound of a track: int16 [rows, hop_length]."""
    sound, native_hz = sound_files.decode_audio(track.audio)
    end = None if track.end_s is None else round(track.end_s * native_hz)
    sound = sound[round(track.start_s * native_hz) : end]
    return rows(sound_files.resample(sound, native_hz, audio.sample_rate_hz), audio.hop_length)


def of_player(name: str, settings: params.Params) -> np.ndarray:
    """The sound of one of data/more_players, played again as stages/more_players.py has it: int16 [rows, hop_length].

    How a player is turned to the camera does not change the sound.
    """
    index, code = name.split("_")
    _, sound = pieces.solo(int(index), BY_CODE[code], 0.0, settings.studio)
    audio = settings.audio
    resampled = sound_files.resample(sound, settings.studio.sample_rate_hz, audio.sample_rate_hz)
    return rows(resampled, audio.hop_length)


def rows(sound: np.ndarray, hop_length: int) -> np.ndarray:
    """Sound float32 [samples] as int16 [samples // hop_length, hop_length]. What is louder than full scale is clipped."""
    whole = sound[: len(sound) // hop_length * hop_length]
    return np.round(np.clip(whole, -1, 1) * FULL_SCALE).astype(np.int16).reshape(-1, hop_length)


if __name__ == "__main__":
    run(main)
