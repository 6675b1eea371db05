"""The windows of the report's page, with what every system made for them."""

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.corpus.track import Track
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source, Windows
from pipeline.media import sound_files
from pipeline.models.vqvae import VQVAE
from pipeline.report import page
from pipeline.report.drawing import generated_at, read_csv
from pipeline.report.rows import NAMES, RECORDED
from pipeline.sampling.codec import decode
from pipeline.sampling.samples import Samples
from pipeline.training import weights

LISTENED = 2  # windows an instrument on the page; with 9 sounds each, 13 instruments come to 13 MB


def listened(systems: list[str], tracks: dict[str, Track], settings: params.Params) -> list[page.Window]:
    """The windows of the page, by instrument, with what every system made for them in the first repeat."""
    vqvae = weights.load("models/vqvae", VQVAE)
    samples = {row: Samples(f"samples/{row}", vqvae) for row in systems}
    fps, rate_hz = settings.audio.fps, settings.audio.sample_rate_hz
    chosen = listened_places(systems)
    sources = {
        "spectrogram": Source(Shards("data/spectrograms"), "spectrogram", fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
        "codes": Source(Shards("data/codes"), "codes", fps),
    }
    windows = Windows(sources, sorted({source for _, source, _ in chosen}), settings.windows.duration_s)
    found = []
    for instrument, source, start in chosen:
        here, track = windows.at(source, start), tracks[source]
        generated = {RECORDED["vqvae"]: decode(vqvae, here["codes"][None])[0]}
        for row, system in samples.items():
            if ((system.index.source == source) & (system.index.source_start == start)).any():
                generated[NAMES[row]] = generated_at(system, source, start)
        # As long as what is made of a spectrogram: from the middle of its first frame to that of its last.
        first = round(track.start_s * rate_hz) + start * settings.audio.hop_length
        length = (len(here["spectrogram"]) - 1) * settings.audio.hop_length
        recorded = sound_files.read_audio(track.audio, rate_hz)[first : first + length]
        found.append(
            page.Window(instrument, source, start / fps, here["motion"], recorded, here["spectrogram"], generated)
        )
    return found


def listened_places(systems: list[str]) -> list[tuple[str, str, int]]:
    """Instrument, test track and first row of `LISTENED` windows an instrument, spread over its tracks.

    They are some of those that the most systems generated: where few tracks have notes, models with content know only those.
    """
    columns = ["instrument", "source", "source_start"]
    windows = [read_csv(f"evaluations/{row}/windows.csv").query("repeat == 0")[columns] for row in systems]
    found = []
    for instrument, here in pd.concat(windows).groupby("instrument"):
        counts = here.groupby(["source", "source_start"]).size()
        most = list(counts.index[counts == counts.max()])
        middles = np.unique(((np.arange(LISTENED) + 0.5) / LISTENED * len(most)).astype(int))
        found += [(str(instrument), *most[i]) for i in middles]
    return found
