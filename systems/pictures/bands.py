"""The sound of each track and of further players in a few bands: data/bands/, float16 [frames, bands] a track."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import params as shared
from pipeline.audio import bands
from pipeline.dataset.artifacts import MORE_PLAYERS, SPECTROGRAMS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from systems.pictures import params, paths


def main() -> None:
    settings, own = shared.load(), params.load()
    shares = bands.gather(own.hearing.bands, own.hearing.lowest_hz, settings.audio)
    write(SPECTROGRAMS, paths.BANDS, shares)
    write(MORE_PLAYERS / "spectrograms", paths.MORE_BANDS, shares)


def write(spectrograms: Path, folder: Path, shares: np.ndarray) -> None:
    """Write a folder of spectrograms in bands."""
    heard = Shards(spectrograms)
    with ShardWriter(folder) as shards:
        for name in tqdm(list(heard.index.index), folder.name, unit=" track"):
            sound = bands.in_bands(heard.rows("spectrogram", name), shares)
            shards.add(name, {"sound": sound.astype(np.float16)})


if __name__ == "__main__":
    run(main)
