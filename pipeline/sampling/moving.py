"""The movement of a player to a sound of any length, part by part."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from pipeline.audio import streamed
from pipeline.models.audio_to_body import AudioToBody

PART_S, MARGIN_S = 2.0, 0.32  # of the movement that is made at once, and of the sound that is heard on both sides of it


def movement(
    body: AudioToBody, sound: Iterable[np.ndarray], sound_fps: float, begin: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield the movement to a sound, float32 [rows, 47, 2] at a time, body.fps a second.

    It goes on beyond the end of the sound by a part at most.

    Args:
        sound: in the body's bands, float32 [frames, bands] at a time, sound_fps frames a second.
        begin: float32 [2, 47, 2], two poses after each other with which it begins; None: anywhere.
    """
    margin, part = round(MARGIN_S * body.fps), round(PART_S * body.fps)  # in rows of movement
    each = sound_fps / body.fps
    frames = round((part + 2 * margin) * each)
    silence = np.full(body.bands, streamed.SILENCE, np.float32)
    kept = np.repeat(silence[None], round(margin * each), axis=0)
    with torch.inference_mode():
        state = body.start(1) if begin is None else body.state(torch.from_numpy(begin)[None])

    def moved(window: np.ndarray) -> np.ndarray:
        nonlocal state
        with torch.inference_mode():
            told = body.heard(torch.from_numpy(window)[None], part + 2 * margin)
            made, state = body.move(told[:, margin : margin + part], state)
        return made[0].numpy()

    for heard in sound:
        kept = np.concatenate([kept, heard])
        while len(kept) >= frames:
            yield moved(kept[:frames])
            kept = kept[round(part * each) :]
    rest = len(kept) - round(margin * each)  # that no movement was made for
    while rest > -each:  # a row beyond the end, for what is interpolated
        padded = np.concatenate([kept, np.repeat(silence[None], max(frames - len(kept), 0), axis=0)])
        yield moved(padded[:frames])
        kept, rest = kept[round(part * each) :], rest - round(part * each)


def at_rate(movements: Iterable[np.ndarray], from_fps: float, to_fps: float) -> Iterator[np.ndarray]:
    """Movement that comes in parts [rows, 47, 2] at another rate, interpolated linearly; row i is at i / to_fps s."""
    kept, begins, number = None, 0, 0
    for movement in movements:
        kept = movement if kept is None else np.concatenate([kept, movement])
        last = int((begins + len(kept) - 1) * to_fps / from_fps + 1e-6)
        if last < number:
            continue
        places = np.arange(number, last + 1) * from_fps / to_fps - begins
        before = np.minimum(places.astype(int), len(kept) - 1)
        after = np.minimum(before + 1, len(kept) - 1)
        share = (places - before)[:, None, None]
        yield (kept[before] * (1 - share) + kept[after] * share).astype(np.float32)
        number, spare = last + 1, len(kept) - 1
        kept, begins = kept[spare:], begins + spare
