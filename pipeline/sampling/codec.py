"""Codes of spectrograms of any length, the spectrograms of codes, and those that need no codes."""

from pathlib import Path

import numpy as np
import torch

from pipeline.dataset.artifacts import MODELS
from pipeline.models.vqvae import VQVAE
from pipeline.training import weights

CHUNK = 4096  # frames encoded or decoded at once, so that the activations do not grow with the track
BATCH = 16  # windows decoded at once, so that their activations stay in the processor's cache


def load(folder: str | Path = MODELS / "vqvae") -> VQVAE:
    """A trained VQ-VAE, in evaluation mode, on the CPU."""
    return weights.load(folder, {"vqvae": VQVAE})


@torch.inference_mode()
def encode(model: VQVAE, spectrogram: np.ndarray) -> np.ndarray:
    """Codes int16 [frames] of a log-spectrogram [frames, bins], chunk by chunk, the same as all at once."""
    device = model.codebook.codes.device
    codes = []
    for first in range(0, len(spectrogram), CHUNK):
        begin = max(first - model.receptive_field, 0)
        chunk = torch.from_numpy(spectrogram[begin : first + CHUNK + model.receptive_field].astype(np.float32))
        codes.append(model.encode(chunk[None].to(device))[0, first - begin :][:CHUNK].cpu().numpy().astype(np.int16))
    return np.concatenate(codes)


@torch.inference_mode()
def decode(model: VQVAE, codes: np.ndarray) -> np.ndarray:
    """Log-spectrograms float32 [windows, frames, bins] of codes [windows, frames]."""
    parts = torch.from_numpy(codes.astype(np.int64)).to(model.codebook.codes.device).split(BATCH)
    return np.concatenate([model.decode(part).cpu().numpy() for part in parts])


@torch.inference_mode()
def decode_long(model: VQVAE, codes: np.ndarray) -> np.ndarray:
    """Log-spectrogram float32 [frames, bins] of codes [frames] of any length, chunk by chunk, the same as all at once."""
    chunks = []
    for first in range(0, len(codes), CHUNK):
        begin = max(first - model.receptive_field, 0)
        decoded = decode(model, codes[None, begin : first + CHUNK + model.receptive_field])
        chunks.append(decoded[0, first - begin :][:CHUNK])
    return np.concatenate(chunks)


@torch.inference_mode()
def unquantised(model: VQVAE, spectrogram: np.ndarray) -> np.ndarray:
    """What the decoder makes of the encoder's output itself, without the codebook.

    Args:
        spectrogram: log-spectrogram [frames, bins] of any length.

    Returns:
        Log-spectrogram float32 [frames, bins], chunk by chunk, the same as all at once.
    """
    device = model.codebook.codes.device
    reach = 2 * model.receptive_field  # of the encoder, and of the decoder after it
    chunks = []
    for first in range(0, len(spectrogram), CHUNK):
        begin = max(first - reach, 0)
        chunk = torch.from_numpy(spectrogram[begin : first + CHUNK + reach].astype(np.float32))
        embedded = model.embed(model.standard(chunk[None].to(device)))  # (1, T, D)
        decoded = model.standard.restore(model.reconstruct(embedded))
        chunks.append(decoded[0, first - begin :][:CHUNK].cpu().numpy())
    return np.concatenate(chunks)
