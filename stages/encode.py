"""The code of every spectrogram frame of every track: data/codes/."""

import torch
from tqdm import tqdm

from pipeline import determinism, params, weights
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
            writer.add(track, {"codes": encode(model, spectrograms.rows("spectrogram", track))})


if __name__ == "__main__":
    run(main)
