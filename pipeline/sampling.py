"""Ancestral sampling from a model over codes, step by step."""

from collections.abc import Callable
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
    given: Tensor | None = None,
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
        given: int64 (B, fewer than steps), the first codes, which are there already.

    Returns:
        int64 (B, steps)
    """
    model.eval()
    state: Any = model.begin(motion, notes, steps, context, guidance)
    codes = torch.full((len(motion), steps + 1), model.start, device=motion.device)  # the start token, then the codes
    there = 0 if given is None else given.shape[1]
    if given is not None:
        codes[:, 1 : there + 1] = given
    for step in range(steps):
        logits = model.next(codes[:, step], state)  # (B, K)
        if step >= there:
            codes[:, step + 1] = draw(logits, temperature, generator)
    return codes[:, 1:]


def sample_long(
    model: Model,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    *,
    context: int,
    temperature: float,
    generator: torch.Generator,
    guidance: float = 1,
    tick: Callable[[int], object] = lambda count: None,
) -> Tensor:
    """Codes for a movement of any length: windows as long as in training, each of which goes on from a quarter of the one before.

    Args:
        motion: float32 (B, frames, joints, 2), as long as all steps together; notes: int64 (B, steps).
        context: length of a window.
        tick: called with the number of steps that have been drawn.

    Returns:
        int64 (B, steps)
    """
    frames_a_step = motion.shape[1] / steps
    codes = torch.empty((len(motion), 0), dtype=torch.int64, device=motion.device)
    shared = context // 4
    for first in range(0, max(steps - shared, 1), context - shared):
        end = min(first + context, steps)
        window = sample(
            model,
            motion[:, round(first * frames_a_step) : round(end * frames_a_step)],
            None if notes is None else notes[:, first:end],
            end - first,
            context=context,
            temperature=temperature,
            generator=generator,
            guidance=guidance,
            given=codes[:, first:],
        )
        tick(end - codes.shape[1])
        codes = torch.cat([codes[:, :first], window], dim=1)
    return codes


def draw(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One code for each row of scores (B, K): int64 (B,)."""
    # One random number a row, not one a code, as torch.multinomial draws them: that took a sixth of the whole sampling.
    upto = torch.softmax(logits / temperature, -1).cumsum(-1)  # (B, K)
    chosen = torch.rand(len(logits), 1, generator=generator, device=logits.device) * upto[:, -1:]
    return torch.searchsorted(upto, chosen, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
