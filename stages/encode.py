"""The code of every spectrogram frame of every track, and how strongly a note starts there: data/codes/."""

import numpy as np
import torch
from tqdm import tqdm

from pipeline import determinism, params, spectrogram, weights
from pipeline.coding import encode
from pipeline.models.vqvae import VQVAE
from pipeline.shards import Shards, ShardWriter
from stages import run


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    model = weights.load("models/vqvae", VQVAE).to("cuda" if torch.cuda.is_available() else "cpu")
    spectrograms = Shards("data/spectrograms")
    with ShardWriter("data/codes") as writer:
        for track in tqdm(spectrograms.index.index, desc="encode", unit=" track", mininterval=1):
            recorded = spectrograms.rows("spectrogram", track)
            strength = spectrogram.onset_strength(recorded, settings.audio.fps).astype(np.float16)
            writer.add(track, {"codes": encode(model, recorded), "onset_strength": strength})


if __name__ == "__main__":
    run(main)
