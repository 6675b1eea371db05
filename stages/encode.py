"""The code of every spectrogram frame of every track, and how strongly a note starts there: data/codes/."""

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from pipeline.models.vqvae import VQVAE
from pipeline.sampling.codec import encode
from pipeline.training import weights


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    model = weights.load("models/vqvae", VQVAE).to(determinism.device())
    spectrograms = Shards("data/spectrograms")
    with ShardWriter("data/codes") as writer:
        for track in tqdm(spectrograms.index.index, desc="encode", unit=" track", mininterval=1):
            recorded = spectrograms.rows("spectrogram", track)
            strength = onset_detector.onset_strength(recorded, settings.audio.fps).astype(np.float16)
            writer.add(track, {"codes": encode(model, recorded), "onset_strength": strength})


if __name__ == "__main__":
    run(main)
