"""Ancestral sampling from the prior, with a cache of keys and values."""

import torch
from torch import Tensor

from pipeline.models.prior import Prior


@torch.inference_mode()
def sample(
    prior: Prior, motion: Tensor, steps: int, *, context: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Draw codes, one step after the other, from what the prior expects of each movement.

    Args:
        motion: float32 (B, frames, joints, 2), a window of movement a sample.
        steps: codes to draw; any number.
        context: how many steps back the prior looks: at most the length it was trained on.
        temperature: 1 samples from the model's own distribution, less sharpens it.
        generator: the only source of randomness.

    Returns:
        int64 (B, steps)
    """
    prior.eval()
    h = prior.body(motion)
    caches = prior.caches(len(motion), context)
    codes = torch.full((len(motion), steps + 1), prior.start, device=motion.device)  # the start token, then the codes
    for step in range(steps):
        logits = prior.logits(codes[:, step : step + 1], h, first=step, caches=caches)[:, 0]  # (B, K)
        codes[:, step + 1] = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]
    return codes[:, 1:]
