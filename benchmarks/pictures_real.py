"""What do films of real recordings show? `python -m benchmarks.pictures_real RECORDING ...`

For each recording: the share of the pictures of a dream, without a walk and with one, in which the judge of `systems/pictures` sees
each of the three instruments that it sees most; and what the player of `minet visualise --style player` plays. The judge was
trained on drawn players.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline import params as shared
from pipeline.audio import bands
from pipeline.commands.visualise import Counted, at_most, fitting, load, moved_to
from pipeline.compute import determinism
from pipeline.media import sound_stream
from pipeline.models.audio_to_body import AudioToBody
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.models.picture_classifier import PictureClassifier
from pipeline.sampling import dreaming
from pipeline.studio.instruments import BY_CODE
from systems.pictures import examples, params, paths

LENGTH_S = 60.0  # of each recording, from its beginning
MOST = 3


def main() -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    root = Path()
    listener = load("listener", "listener", Listener, root)
    vae = load(listener.vae, "frame_vae", FrameVAE, root)
    body = load("audio_to_body", "audio_to_body", AudioToBody, root)
    judge = load(paths.JUDGE.name, "picture_classifier", PictureClassifier, root)
    instruments = [BY_CODE[code] for code in settings.studio.instruments]
    for path in map(Path, sys.argv[1:]):
        print(path.name)
        for wander in (0.0, own.evaluation.wander):
            film = np.stack(list(dreamt(path, listener, vae, settings, wander)))
            with torch.inference_mode():
                seen = judge.logits(examples.to_tensor(film[:: round(listener.fps / 4)])).argmax(1).tolist()
            found = Counter(judge.instruments[each] for each in seen)
            print(f"  dream, walk {wander}:", *(f"{name} {n / len(seen):.2f}" for name, n in found.most_common(MOST)))
        print("  player:", fitting(moved_to(path, body, settings, None), body, instruments, settings.seed).name)


def dreamt(
    path: Path, listener: Listener, vae: FrameVAE, settings: shared.Params, wander: float
) -> Iterator[np.ndarray]:
    """The pictures of a film of a recording's beginning, uint8 [size, size, 3] each, RGB."""
    rate_hz = settings.audio.sample_rate_hz
    heard = at_most(sound_stream.blocks(path, rate_hz), round(LENGTH_S * rate_hz))
    counted = Counted(heard, rate_hz, listener.fps)
    sound = bands.of_sound(counted, listener.bands, listener.lowest_hz, settings.audio)
    places = dreaming.latents(listener, sound, settings.audio.fps, counted.pictures, wander=wander, seed=settings.seed)
    return dreaming.pictures(vae, places)


if __name__ == "__main__":
    main()
