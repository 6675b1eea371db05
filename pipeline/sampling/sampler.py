"""Ancestral sampling from a model over codes, step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from pipeline.audio import onset_detector
from pipeline.models.prior import Prior
from pipeline.models.vqvae import VQVAE
from pipeline.params import Params
from pipeline.sampling.codec import decode
from pipeline.training.priors import Model

PULSE_S = 0.024  # standard deviation of a heard onset's pulse: half of what counts as in time


@dataclass(frozen=True)
class Choice:
    """Of several samples for each movement that one is kept whose onsets are most like those that the movement tells of.

    Attributes:
        candidates: samples for each movement.
        vqvae: decodes them.
        fps: steps a second.
    """

    candidates: int
    vqvae: VQVAE
    fps: float


@dataclass(frozen=True)
class Sampling:
    """How codes are drawn.

    Attributes:
        context: how many steps back a transformer looks, at most the length it was trained on; and the length of the windows of
            what is longer.
        temperature: 1 samples from the model's own distribution, less sharpens it.
        guidance: how strongly a prior that was trained without movement now and then follows it; 1: as it has learnt.
        choice: for a prior that was trained with an onset weight; others are sampled once.
    """

    context: int
    temperature: float = 1
    guidance: float = 1
    choice: Choice | None = None


def as_set(settings: Params, vqvae: VQVAE) -> Sampling:
    """As params.yaml says under `generate`."""
    set_by, fps = settings.generate, settings.audio.fps
    choice = Choice(set_by.candidates, vqvae, fps)
    return Sampling(round(settings.windows.duration_s * fps), set_by.temperature, set_by.guidance, choice)


@torch.inference_mode()
def sample(
    model: Model,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    how: Sampling,
    generator: torch.Generator,
    given: Tensor | None = None,
) -> Tensor:
    """Draw codes, one step after the other, from what the model expects of each movement.

    Args:
        motion: float32 (B, frames, joints, 2), the movement of each sample, from its first step to its last.
        notes: int64 (B, steps), a note index a step, for a model with content.
        steps: codes to draw; any number.
        generator: the only source of randomness.
        given: int64 (B, fewer than steps), the first codes, which are there already.

    Returns:
        int64 (B, steps)
    """
    model.eval()
    choice = how.choice
    told = model.onsets_told(model.body.steps(motion, steps)) if choice and isinstance(model, Prior) else None
    several = choice.candidates if choice and told is not None else 1
    motions = motion.repeat_interleave(several, 0)
    notes = None if notes is None else notes.repeat_interleave(several, 0)
    given = None if given is None else given.repeat_interleave(several, 0)
    state: Any = model.begin(motions, notes, steps, how.context, how.guidance)
    codes = torch.full((len(motions), steps + 1), model.start, device=motion.device)  # the start token, then the codes
    there = 0 if given is None else given.shape[1]
    if given is not None:
        codes[:, 1 : there + 1] = given
    first = 0  # all that is there goes in at once
    for step in range(there, steps):
        codes[:, step + 1] = draw(model.next(codes[:, first : step + 1], state), how.temperature, generator)
        first = step + 1
    if several == 1 or choice is None or told is None:
        return codes[:, 1:]
    return _nearest(codes[:, 1:].unflatten(0, (-1, several)), told, choice)


def _nearest(codes: Tensor, told: Tensor, choice: Choice) -> Tensor:
    """Of the samples (B, candidates, T) of each movement the one whose onsets agree best with the strength that is told (B, T).

    Agreement is the correlation with pulses at the onsets that are heard in the sample.
    """
    made = decode(choice.vqvae, codes.flatten(0, 1).cpu().numpy())
    pulses = np.zeros(made.shape[:2], np.float32)
    for row, window in zip(pulses, made, strict=True):
        row[np.round(onset_detector.detect(window, choice.fps) * choice.fps).astype(int)] = 1
    pulses = gaussian_filter1d(pulses, PULSE_S * choice.fps, axis=-1)
    heard = torch.from_numpy(pulses).to(told.device).view(codes.shape)
    told = told[:, None] - told.mean(-1)[:, None, None]
    agreement = torch.cosine_similarity(heard - heard.mean(-1, keepdim=True), told, dim=-1)  # (B, candidates)
    return codes[torch.arange(len(codes)), agreement.argmax(1)]


def sample_long(
    model: Model,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    how: Sampling,
    generator: torch.Generator,
    tick: Callable[[int], object] = lambda count: None,
) -> Tensor:
    """Codes for a movement of any length: windows as long as in training, each of which goes on from a quarter of the one before.

    Args:
        motion: float32 (B, frames, joints, 2), as long as all steps together; notes: int64 (B, steps).
        tick: called with the number of steps that have been drawn.

    Returns:
        int64 (B, steps)
    """
    frames_a_step = motion.shape[1] / steps
    codes = torch.empty((len(motion), 0), dtype=torch.int64, device=motion.device)
    shared = how.context // 4
    for first in range(0, max(steps - shared, 1), how.context - shared):
        end = min(first + how.context, steps)
        window = sample(
            model,
            motion[:, round(first * frames_a_step) : round(end * frames_a_step)],
            None if notes is None else notes[:, first:end],
            end - first,
            how,
            generator,
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
