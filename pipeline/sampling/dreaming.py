"""A film of a sound out of the latent space of pictures: z(t) = mean(sound) + wander * spread(sound) * e(t), e a walk.

Where the sound tells where the picture lies, the spread is small and the sound drives. Where it cannot, the walk goes on. In
silence the mean is that of all pictures and the spread is theirs, and the film is the walk alone. The walk is in time with the
music: where notes start, its time runs faster.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

import numpy as np
import torch

from pipeline.audio import streamed
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.sampling.walk import walk

LAG = 2  # frames between which the rise of a sound is taken, as by the onset detector


def latents(
    listener: Listener,
    sound: Iterable[np.ndarray],
    sound_fps: float,
    count: Callable[[], int],
    *,
    wander: float,
    seed: int,
) -> Iterator[np.ndarray]:
    """Yield the latents of the pictures of a sound, float32 [pictures, latent] at a time, listener.fps a second.

    Args:
        sound: in the listener's bands, float32 [frames, bands] at a time, sound_fps frames a second.
        count: the number of pictures, asked for at the end of the sound.
        wander: size of the walk; 0 for what the sound says alone.
    """
    silence = np.full(listener.bands, streamed.SILENCE, np.float32)
    pace = listener.fps, listener.memory, listener.lingers_s, listener.travels_s
    paces: list[float] = []
    generator, latent = np.random.default_rng(seed), listener.head.out_features // 2
    steps = walk(latent, *pace, generator, (paces.pop(0) for _ in repeat(None)))
    for heard in streamed.windows(sound, listener.frames, sound_fps / listener.fps, silence, count):
        with torch.inference_mode():
            mean, log_spread = (each.numpy() for each in listener.hear(torch.from_numpy(heard)))
        paces += (1 + listener.pulse * rise(heard)).tolist()
        walked = np.stack([next(steps) for _ in mean])
        yield (mean + wander * np.exp(log_spread) * walked).astype(np.float32)


def rise(heard: np.ndarray) -> np.ndarray:
    """How much louder it gets in the middle of each window [windows, frames, bands]: float64 [windows], the mean of the bands."""
    middle = heard.shape[1] // 2
    later, before = heard[:, middle : middle + LAG + 1], heard[:, middle - LAG : middle + 1]
    return np.maximum(later - before, 0).mean((1, 2), dtype=np.float64)


def pictures(vae: FrameVAE, latents: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the picture of each of some latents, float32 [pictures, latent] at a time: uint8 [size, size, 3], RGB."""
    for part in latents:
        with torch.inference_mode():
            made = (255 * vae.decode(torch.from_numpy(part))).round().to(torch.uint8).permute(0, 2, 3, 1)
        yield from made.numpy()
