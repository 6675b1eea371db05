"""The windows on the report's page, with the sound that every system generated for them."""

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.corpus.track import Track
from pipeline.dataset.artifacts import CODES, EVALUATIONS, MOTION, SAMPLES, SPECTROGRAMS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source, Windows
from pipeline.media import sound_files
from pipeline.report import page
from pipeline.report.drawing import generated_at, read_csv
from pipeline.report.rows import NAMES, RECORDED
from pipeline.sampling import codec
from pipeline.sampling.samples import Samples

LISTENED = 2  # windows per instrument; 13 instruments with 9 sounds per window take 13 MB


def listened(systems: list[str], tracks: dict[str, Track], settings: params.Params) -> list[page.Window]:
    """The windows on the page, by instrument, with what every system generated for them in the first repeat."""
    vqvae = codec.load()
    samples = {row: Samples(SAMPLES / row, vqvae) for row in systems}
    fps, rate_hz = settings.audio.fps, settings.audio.sample_rate_hz
    chosen = listened_places(systems)
    sources = {
        "spectrogram": Source(Shards(SPECTROGRAMS), "spectrogram", fps),
        "motion": Source(Shards(MOTION), "motion", settings.motion.fps),
        "codes": Source(Shards(CODES), "codes", fps),
    }
    windows = Windows(sources, sorted({source for _, source, _ in chosen}), settings.windows.duration_s)
    found = []
    for instrument, source, start in chosen:
        here, track = windows.at(source, start), tracks[source]
        generated = {RECORDED["vqvae"]: codec.decode(vqvae, here["codes"][None])[0]}
        for row, system in samples.items():
            if ((system.index.source == source) & (system.index.source_start == start)).any():
                generated[NAMES[row]] = generated_at(system, source, start)
        # As long as the sound of a spectrogram, from the middle of its first frame to the middle of its last.
        first = round(track.start_s * rate_hz) + start * settings.audio.hop_length
        length = (len(here["spectrogram"]) - 1) * settings.audio.hop_length
        recorded = sound_files.read_audio(track.audio, rate_hz)[first : first + length]
        found.append(
            page.Window(instrument, source, start / fps, here["motion"], recorded, here["spectrogram"], generated)
        )
    return found


def listened_places(systems: list[str]) -> list[tuple[str, str, int]]:
    """Instrument, test track and first row of `LISTENED` windows per instrument, spread over its tracks.

    They are chosen from the windows that the most systems generated: models with content generate only for tracks with notes.
    """
    columns = ["instrument", "source", "source_start"]
    windows = [read_csv(EVALUATIONS / row / "windows.csv").query("repeat == 0")[columns] for row in systems]
    found = []
    for instrument, here in pd.concat(windows).groupby("instrument"):
        counts = here.groupby(["source", "source_start"]).size()
        most = list(counts.index[counts == counts.max()])
        middles = np.unique(((np.arange(LISTENED) + 0.5) / LISTENED * len(most)).astype(int))
        found += [(str(instrument), *most[i]) for i in middles]
    return found
