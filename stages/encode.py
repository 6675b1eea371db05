"""The code of every spectrogram frame of every track: data/codes/."""

import numpy as np
import torch
from tqdm import tqdm

from pipeline import determinism, params, weights
from pipeline.models.vqvae import VQVAE
from pipeline.shards import Shards, ShardWriter
from stages import run

CHUNK = 4096  # frames encoded at once, so that an hour needs no more memory than a minute


@torch.inference_mode()
def encode(model: VQVAE, spectrogram: np.ndarray) -> np.ndarray:
    """Codes int16 [frames] of a log-spectrogram [frames, bins], chunk by chunk, the same as all at once."""
    device = next(model.parameters()).device
    codes = []
    for first in range(0, len(spectrogram), CHUNK):
        begin = max(first - model.reach, 0)
        chunk = torch.from_numpy(spectrogram[begin : first + CHUNK + model.reach].astype(np.float32))
        codes.append(model.encode(chunk[None].to(device))[0, first - begin :][:CHUNK].cpu().numpy().astype(np.int16))
    return np.concatenate(codes)


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
