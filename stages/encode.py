"""Encode the spectrograms: the code and the onset strength of every frame of every track and of more players, data/codes/."""

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism
from pipeline.dataset.artifacts import CODES, MORE_PLAYERS, SPECTROGRAMS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from pipeline.sampling import codec


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    model = codec.load().to(determinism.device())
    everybody = [
        (shards, track)
        for shards in (Shards(SPECTROGRAMS), Shards(MORE_PLAYERS / "spectrograms"))
        for track in shards.index.index
    ]
    with ShardWriter(CODES) as writer:
        for shards, track in tqdm(everybody, desc="encode", unit=" track", mininterval=1):
            recorded = shards.rows("spectrogram", track)
            strength = onset_detector.onset_strength(recorded, settings.audio.fps).astype(np.float16)
            writer.add(track, {"codes": codec.encode(model, recorded), "onset_strength": strength})


if __name__ == "__main__":
    run(main)
