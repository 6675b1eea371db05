"""A film of a sound out of the latent space of pictures: z(t) = mean(sound) + wander * spread(sound) * e(t), e a walk.

Where the sound tells where the picture lies, the spread is small and the sound drives. Where it cannot, the walk goes on. In
silence the mean is that of all pictures and the spread is theirs, and the film is the walk alone.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from pipeline.audio import streamed
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.sampling.walk import walk


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
    steps: Iterator[np.ndarray] | None = None
    for heard in streamed.windows(sound, listener.frames, sound_fps / listener.fps, silence, count):
        with torch.inference_mode():
            mean, log_spread = (each.numpy() for each in listener.hear(torch.from_numpy(heard)))
        if steps is None:
            generator = np.random.default_rng(seed)
            pace = listener.fps, listener.memory, listener.lingers_s, listener.travels_s
            steps = walk(mean.shape[1], *pace, generator)
        walked = np.stack([next(steps) for _ in mean])
        yield (mean + wander * np.exp(log_spread) * walked).astype(np.float32)


def pictures(vae: FrameVAE, latents: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the picture of each of some latents, float32 [pictures, latent] at a time: uint8 [size, size, 3], RGB."""
    for part in latents:
        with torch.inference_mode():
            made = (255 * vae.decode(torch.from_numpy(part))).round().to(torch.uint8).permute(0, 2, 3, 1)
        yield from made.numpy()
