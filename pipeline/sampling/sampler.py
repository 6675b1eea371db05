"""Ancestral sampling from a model over codes, step by step, with reranking."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from pipeline.audio import onset_detector
from pipeline.models.protocols import CodeModel
from pipeline.models.vqvae import VQVAE
from pipeline.params import Params
from pipeline.sampling.codec import decode

PULSE_S = 0.024  # standard deviation of a heard onset's pulse: half of the tolerance of onset F1


@dataclass(frozen=True)
class Rerank:
    """Best of N: several samples are drawn for each movement, and one is kept.

    Its onsets agree best with the onset strength that the model predicts from the movement.

    Attributes:
        candidates: N, samples for each movement.
        vqvae: decodes them.
        fps: steps per second.
    """

    candidates: int
    vqvae: VQVAE
    fps: float


@dataclass(frozen=True)
class Sampling:
    """How codes are drawn.

    Attributes:
        context: steps that a transformer looks back, at most as many as in training. A longer piece is drawn in windows as long.
        temperature: 1 samples from the model's own distribution, less sharpens it.
        guidance: scale of classifier-free guidance; 1 is none.
        rerank: None draws one sample. A model that predicts no onset strength is sampled once in any case.
    """

    context: int
    temperature: float = 1
    guidance: float = 1
    rerank: Rerank | None = None


def as_set(settings: Params, vqvae: VQVAE) -> Sampling:
    """Sampling as params.yaml sets it under `generate`."""
    chosen, fps = settings.generate, settings.audio.fps
    rerank = Rerank(chosen.candidates, vqvae, fps)
    return Sampling(round(settings.windows.duration_s * fps), chosen.temperature, chosen.guidance, rerank)


@torch.inference_mode()
def sample(
    model: CodeModel,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    how: Sampling,
    generator: torch.Generator,
    given: Tensor | None = None,
) -> Tensor:
    """Draw codes, one step after the other, from what the model expects of each movement.

    Args:
        model: in evaluation mode.
        motion: float32 (B, frames, joints, 2), the movement of each sample, from its first step to its last.
        notes: int64 (B, steps), one note index per step, for a model with content.
        steps: codes to draw; any number.
        generator: the only source of randomness.
        given: int64 (B, fewer than steps), the first codes, if they are known already; with `steps` within the context.

    Returns:
        int64 (B, steps)
    """
    rerank = how.rerank if how.rerank is not None and how.rerank.candidates > 1 else None
    strength = None if rerank is None else model.onset_strength(motion, steps)
    if rerank is None or strength is None:
        return _sample(model, motion, notes, steps, how, generator, given)
    times = rerank.candidates
    notes, given = (None if each is None else each.repeat_interleave(times, 0) for each in (notes, given))
    codes = _sample(model, motion.repeat_interleave(times, 0), notes, steps, how, generator, given)
    return _best(codes.unflatten(0, (-1, times)), strength, rerank)


def _sample(
    model: CodeModel,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    how: Sampling,
    generator: torch.Generator,
    given: Tensor | None,
) -> Tensor:
    """One sample of each movement, as `sample`."""
    following = model.begin(motion, notes, steps, how.context, how.guidance)
    codes = torch.full((len(motion), steps + 1), model.start, device=motion.device)  # the start token, then the codes
    known = 0 if given is None else given.shape[1]
    if given is not None:
        codes[:, 1 : known + 1] = given
    first = 0  # the first call takes all that is known
    for step in range(known, steps):
        codes[:, step + 1] = draw(following(codes[:, first : step + 1]), how.temperature, generator)
        first = step + 1
    return codes[:, 1:]


def _best(codes: Tensor, strength: Tensor, rerank: Rerank) -> Tensor:
    """The sample of each movement whose onsets agree best with the strength predicted from the movement.

    Agreement is the correlation of that strength with pulses at the onsets that are heard in the sample.

    Args:
        codes: (B, candidates, T); strength: (B, T).

    Returns:
        (B, T)
    """
    made = decode(rerank.vqvae, codes.flatten(0, 1).cpu().numpy())
    pulses = np.zeros(made.shape[:2], np.float32)
    for row, window in zip(pulses, made, strict=True):
        row[np.round(onset_detector.detect(window, rerank.fps) * rerank.fps).astype(int)] = 1
    pulses = gaussian_filter1d(pulses, PULSE_S * rerank.fps, axis=-1)
    heard = torch.from_numpy(pulses).to(strength.device).view(codes.shape)
    strength = strength[:, None] - strength.mean(-1)[:, None, None]
    agreement = torch.cosine_similarity(heard - heard.mean(-1, keepdim=True), strength, dim=-1)  # (B, candidates)
    return codes[torch.arange(len(codes)), agreement.argmax(1)]


def sample_long(
    model: CodeModel,
    motion: Tensor,
    notes: Tensor | None,
    steps: int,
    how: Sampling,
    generator: torch.Generator,
    tick: Callable[[int], object] = lambda count: None,
) -> Tensor:
    """Codes for a movement of any length, in windows of `how.context` steps.

    Each window goes on from the last quarter of the one before.

    Args:
        motion: float32 (B, frames, joints, 2), as long as all steps together; notes: int64 (B, steps).
        tick: called with the number of steps drawn since its last call.

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
    # torch.multinomial draws a random number for each code, not for each row, which took a sixth of the whole sampling.
    upto = torch.softmax(logits / temperature, -1).cumsum(-1)  # (B, K)
    chosen = torch.rand(len(logits), 1, generator=generator, device=logits.device) * upto[:, -1:]
    return torch.searchsorted(upto, chosen, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
