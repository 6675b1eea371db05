"""Codes of whole tracks, of any length, and what windows of codes sound like."""

import numpy as np
import torch

from pipeline.compute import determinism
from pipeline.models.vqvae import VQVAE

CHUNK = 4096  # frames encoded at once, so that an hour needs no more memory than a minute
BATCH = 16  # windows decoded at once: what they need stays in the processor's cache


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


@torch.inference_mode()
def decode(model: VQVAE, codes: np.ndarray) -> np.ndarray:
    """Log-spectrograms float32 [windows, frames, bins] of codes [windows, frames], in bfloat16 where the hardware has it."""
    device = model.codebook.codes.device
    parts = torch.from_numpy(codes.astype(np.int64)).to(device).split(BATCH)
    with torch.autocast(device.type, torch.bfloat16, enabled=determinism.has_bf16()):
        return np.concatenate([model.decode(part).float().cpu().numpy() for part in parts])


@torch.inference_mode()
def decode_long(model: VQVAE, codes: np.ndarray) -> np.ndarray:
    """Log-spectrogram float32 [frames, bins] of codes [frames] of any length, chunk by chunk, the same as all at once."""
    chunks = []
    for first in range(0, len(codes), CHUNK):
        begin = max(first - model.reach, 0)
        decoded = decode(model, codes[None, begin : first + CHUNK + model.reach])
        chunks.append(decoded[0, first - begin :][:CHUNK])
    return np.concatenate(chunks)
