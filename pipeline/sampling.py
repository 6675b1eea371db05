"""Ancestral sampling from a model over codes, step by step."""

from typing import Any

import torch
from torch import Tensor

from pipeline.priors import Model


@torch.inference_mode()
def sample(
    model: Model,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    *,
    context: int,
    temperature: float,
    generator: torch.Generator,
) -> Tensor:
    """Draw codes, one step after the other, from what the model expects of each movement.

    Args:
        motion: float32 (B, frames, joints, 2), a window of movement a sample.
        notes: int64 (B, steps), a note index a step, for a model with content.
        steps: codes to draw; any number.
        context: how many steps back a transformer looks: at most the length it was trained on.
        temperature: 1 samples from the model's own distribution, less sharpens it.
        generator: the only source of randomness.

    Returns:
        int64 (B, steps)
    """
    model.eval()
    state: Any = model.begin(motion, notes, context)
    codes = torch.full((len(motion), steps + 1), model.start, device=motion.device)  # the start token, then the codes
    for step in range(steps):
        logits = model.next(codes[:, step], state)  # (B, K)
        codes[:, step + 1] = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]
    return codes[:, 1:]
