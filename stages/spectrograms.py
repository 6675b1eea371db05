"""Sound → log-spectrograms: data/spectrograms."""

import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import sound_check, spectrogram
from pipeline.compute import parallel
from pipeline.corpus.track import Track, read_tracks, relative
from pipeline.dataset.artifacts import SPECTROGRAMS
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import FileError, NothingLeft, run
from pipeline.media import sound_files


def main() -> None:
    p = params.load()
    kept, aside = make(read_tracks(), p)
    write_set_aside(SPECTROGRAMS / "set_aside.csv", aside)
    (SPECTROGRAMS / "normalisation.json").write_text(json.dumps(spectrogram.normalisation(p.audio), indent=2) + "\n")
    if not kept:
        raise NothingLeft(
            f"{p.corpus.root}: no track with sound that can be used; {SPECTROGRAMS}/set_aside.csv says why"
        )


def make(tracks: list[Track], p: params.Params) -> tuple[int, list[SetAside]]:
    """Write the shards. Returns the number of tracks in them, and remarks on these and on the other tracks."""
    results = parallel.each(transform, [(track, p) for track in tracks], p.compute.backend)
    kept, aside = 0, []
    with ShardWriter(SPECTROGRAMS) as shards:
        bar = tqdm(results, "spectrograms", len(tracks), unit="track")
        for track, (array, remarks) in zip(tracks, bar, strict=True):
            aside += remarks
            if array is not None:
                duration_s = (len(array) - 1) * p.audio.hop_length / p.audio.sample_rate_hz
                shards.add(track.name, {"spectrogram": array}, duration_s=duration_s)
                kept += 1
    return kept, aside


def transform(track: Track, p: params.Params) -> tuple[np.ndarray | None, list[SetAside]]:
    """A track's spectrogram, or None if its sound cannot be used; and remarks on the sound.

    It is not kept in case a run is killed: for 30 s of sound, hashing, writing and reading it took 17 ms more.
    """
    file = relative(track.audio, Path(p.corpus.root))
    try:
        sound, native_hz = sound_files.decode_audio(track.audio)
    except FileError as error:
        return None, [SetAside(file, error.what, "replace it with a whole copy, or delete it")]
    end = None if track.end_s is None else round(track.end_s * native_hz)
    sound = sound[round(track.start_s * native_hz) : end]
    if fault := sound_check.unusable(sound, native_hz, p.windows.duration_s):
        return None, [SetAside(file, fault[0] + track.stretch, fault[1])]
    said = (*sound_check.weak(sound, native_hz, p.audio.sample_rate_hz), sound_files.said_of_sounds(track.audio))
    remarks = [SetAside(file, *remark) for remark in said if remark is not None]
    return spectrogram.log_spectrogram(sound_files.resample(sound, native_hz, p.audio.sample_rate_hz), p.audio), remarks


if __name__ == "__main__":
    run(main)
