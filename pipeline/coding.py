"""Codes of whole tracks, of any length."""

import numpy as np
import torch

from pipeline.models.vqvae import VQVAE

CHUNK = 4096  # frames encoded at once, so that an hour needs no more memory than a minute


@torch.inference_mode()
def encode(model: VQVAE, spectrogram: np.ndarray) -> np.ndarray:
    """Codes int16 [frames] of a log-spectrogram [frames, bins], chunk by chunk, the same as all at once."""
    device = model.codebook.codes.device
    codes = []
    for first in range(0, len(spectrogram), CHUNK):
        begin = max(first - model.reach, 0)
        chunk = torch.from_numpy(spectrogram[begin : first + CHUNK + model.reach].astype(np.float32))
        codes.append(model.encode(chunk[None].to(device))[0, first - begin :][:CHUNK].cpu().numpy().astype(np.int16))
    return np.concatenate(codes)
