"""Sound → log-spectrograms: data/spectrograms."""

import json
import shutil
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import corpus, media, parallel, params, set_aside, sound_check, spectrogram
from pipeline.corpus.files import relative
from pipeline.corpus.track import Track
from pipeline.set_aside import NothingLeft, SetAside
from pipeline.shards import ShardWriter
from pipeline.work import WORK, key, write_whole
from stages import run

OUT = Path("data/spectrograms")
KEPT = WORK / "spectrograms"  # each finished track until all are, so that a killed run goes on where it was


def main() -> None:
    p = params.load()
    tracks, aside = corpus.read(p.corpus)
    kept, remarks = make(tracks, p)
    set_aside.write(OUT, aside + remarks)
    (OUT / "normalisation.json").write_text(json.dumps(spectrogram.normalisation(p.audio), indent=2) + "\n")
    if not kept:
        raise NothingLeft(f"{p.corpus.root}: no track with sound that can be used; {OUT}/set_aside.csv says why")


def make(tracks: list[Track], p: params.Params) -> tuple[int, list[SetAside]]:
    """Write the shards; how many tracks are in them, and what there is to say about the others and these."""
    results = parallel.each(transform, [(track, p) for track in tracks], p.compute.backend)
    kept, aside = 0, []
    with ShardWriter(OUT) as shards:
        bar = tqdm(results, "spectrograms", len(tracks), unit="track")
        for track, (place, remarks) in zip(tracks, bar, strict=True):
            aside += remarks
            if place is not None:
                with np.load(place, allow_pickle=False) as file:
                    array = file["spectrogram"]
                duration_s = (len(array) - 1) * p.audio.hop_length / p.audio.sample_rate_hz
                shards.add(track.name, {"spectrogram": array}, duration_s=duration_s)
                kept += 1
    shutil.rmtree(KEPT, ignore_errors=True)  # as large as the shards
    return kept, aside


def transform(track: Track, p: params.Params) -> tuple[Path | None, list[SetAside]]:
    """Where a track's spectrogram is kept, made now or by an earlier run, or None where its sound cannot be used; and what
    there is to say about the sound."""
    file = relative(track.audio, Path(p.corpus.root))
    try:
        place = KEPT / f"{key(track.audio, track.start_s, track.end_s, p.audio, p.windows)}.npz"
    except OSError as error:
        return None, [
            SetAside(file, f"cannot be read ({error.strerror})", "replace it with a whole copy, or delete it")
        ]
    if not place.exists():
        try:
            sound, native_hz = media.decode_audio(track.audio)
        except media.MediaError as error:
            return None, [SetAside(file, error.what, "replace it with a whole copy, or delete it")]
        end = None if track.end_s is None else round(track.end_s * native_hz)
        sound = sound[round(track.start_s * native_hz) : end]
        if fault := sound_check.unusable(sound, native_hz, p.windows.duration_s):
            return None, [SetAside(file, *fault)]
        weak = sound_check.weak(sound, native_hz, p.audio.sample_rate_hz)
        array = spectrogram.log_spectrogram(media.resample(sound, native_hz, p.audio.sample_rate_hz), p.audio)
        remarks = np.array(weak, str).reshape(-1, 2)
        write_whole(place, lambda path: np.savez(path, spectrogram=array, remarks=remarks))
    with np.load(place, allow_pickle=False) as kept:
        return place, [SetAside(file, str(what), str(advice)) for what, advice in kept["remarks"]]


if __name__ == "__main__":
    run(main)
