"""Sound from a spectrogram of any length. Separate from `pipeline.audio.spectrogram`, which does without torch."""

from collections.abc import Callable

import numpy as np
import torch

from pipeline.audio import spectrogram
from pipeline.params import Audio

BLOCK_FRAMES = 2048  # frames whose phases are estimated together
JOINT_FRAMES = 32  # end of a block (half a second) to which the phases of the next are fitted
MOMENTUM = 0.99  # of the phase estimation, as in librosa


@torch.inference_mode()
def long_sound(
    log_spectrogram: np.ndarray, audio: Audio, seed: int, tick: Callable[[int], object] = lambda frames: None
) -> np.ndarray:
    """As `spectrogram.sound`, in little memory: block by block. The phases of each block continue those of the last.

    Args:
        log_spectrogram: [frames, n_fft // 2], normalised as by `spectrogram.log_spectrogram`.
        seed: of the initial phases.
        tick: called with the number of frames that were just turned into sound.

    Returns:
        float32 [(frames - 1) * hop_length].
    """
    generator, hop = torch.Generator().manual_seed(seed), audio.hop_length
    frames = max(len(log_spectrogram) - 1, 0)
    made = torch.zeros(frames * hop)
    for first in range(0, frames, BLOCK_FRAMES):
        begin, last = max(first - JOINT_FRAMES, 0), min(first + BLOCK_FRAMES, frames)
        known = made[begin * hop : first * hop]
        # A block extends beyond its last frame, because at the end of a sound fewer frames determine the phases.
        block = _continued(known, log_spectrogram[begin : last + 1 + JOINT_FRAMES], audio, generator)
        known.lerp_(block[: len(known)], torch.linspace(0, 1, len(known)))
        made[first * hop : last * hop] = block[len(known) :][: (last - first) * hop]
        tick(last - first)
    return made.numpy()


def _continued(known: torch.Tensor, part: np.ndarray, audio: Audio, generator: torch.Generator) -> torch.Tensor:
    """The sound of a part that starts with `known` [samples]. The phases of the rest are fitted to it.

    Source: as `spectrogram.sound`.
    """
    magnitude = torch.from_numpy(spectrogram.magnitude(part, audio))  # (bins + 1, frames)
    n_fft, hop, window = audio.n_fft, audio.hop_length, torch.hann_window(audio.n_fft)
    angles = torch.polar(torch.ones_like(magnitude), 2 * torch.pi * torch.rand(magnitude.shape, generator=generator))
    before = torch.zeros_like(angles)
    for _ in range(audio.griffin_lim_iterations):
        made = torch.istft(magnitude * angles, n_fft, hop, window=window)
        made[: len(known)] = known
        rebuilt = torch.stft(made, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
        angles = rebuilt - MOMENTUM / (1 + MOMENTUM) * before
        angles /= angles.abs().clamp_min(1e-16)
        before = rebuilt
    return torch.istft(magnitude * angles, n_fft, hop, window=window)
