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
    guidance: float = 1,
) -> Tensor:
    """Draw codes, one step after the other, from what the model expects of each movement.

    Args:
        motion: float32 (B, frames, joints, 2), the movement of each sample, from its first step to its last.
        notes: int64 (B, steps), a note index a step, for a model with content.
        steps: codes to draw; any number.
        context: how many steps back a transformer looks: at most the length it was trained on.
        temperature: 1 samples from the model's own distribution, less sharpens it.
        generator: the only source of randomness.
        guidance: how strongly a prior that was trained without movement now and then follows it; 1: as it has learnt.

    Returns:
        int64 (B, steps)
    """
    model.eval()
    state: Any = model.begin(motion, notes, steps, context, guidance)
    codes = torch.full((len(motion), steps + 1), model.start, device=motion.device)  # the start token, then the codes
    for step in range(steps):
        logits = model.next(codes[:, step], state)  # (B, K)
        codes[:, step + 1] = draw(logits, temperature, generator)
    return codes[:, 1:]


def draw(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One code for each row of scores (B, K): int64 (B,)."""
    # One random number a row, not one a code, as torch.multinomial draws them: that took a sixth of the whole sampling.
    upto = torch.softmax(logits / temperature, -1).cumsum(-1)  # (B, K)
    chosen = torch.rand(len(logits), 1, generator=generator, device=logits.device) * upto[:, -1:]
    return torch.searchsorted(upto, chosen, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
