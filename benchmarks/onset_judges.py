"""Does the music follow the player better when the best of several samples is kept, or does it only please its judge?

`python -m benchmarks.onset_judges WINDOWS` samples mi_net_sync once, and as often as `generate.candidates` says, and has three
detectors judge: the one that chooses and is that of the tables; the same on the sound, after Griffin-Lim; and librosa's, which
has no say. Each stands beside its ceiling, recorded windows through the codes.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import librosa
import numpy as np
import torch

from pipeline import params
from pipeline.audio import onset_detector, spectrogram
from pipeline.compute import determinism
from pipeline.dataset.shards import Shards
from pipeline.dataset.tensors import to_tensors
from pipeline.evaluation import content
from pipeline.metrics import onset
from pipeline.models.vqvae import VQVAE
from pipeline.sampling.codec import decode
from pipeline.sampling.sampler import Sampling, as_set, sample
from pipeline.training import priors, weights
from stages.generate import of_test_tracks

MODEL = "mi_net_sync"
DELTA = 1.5  # of librosa's peaks: of 0.1 to 3 the best on recorded windows through the codes


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    audio = settings.audio
    model, vqvae = priors.load(f"models/{MODEL}"), weights.load("models/vqvae", VQVAE)
    windows, places = of_test_tracks(settings, params.variant(settings.variants.prior, MODEL))
    evaluate = replace(settings.evaluate, content_windows=int(sys.argv[1]))
    places = [places[number] for number in content.listened_to(places, replace(settings, evaluate=evaluate))]
    steps = windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in content.content(places, steps, settings)]
    motion, how = to_tensors(windows.batch(places))["motion"], as_set(settings, vqvae)

    def drawn(how: Sampling) -> np.ndarray:
        generator, parts = torch.Generator().manual_seed(settings.seed), motion.split(settings.generate.batch)
        codes = [sample(model, part, None, steps, how, generator) for part in parts]
        return decode(vqvae, torch.cat(codes).numpy())

    recorded = np.stack([Shards("data/codes").rows("codes", track, start, steps) for track, start in places])
    made = {
        "one sample": drawn(replace(how, choice=None)),
        f"best of {settings.generate.candidates}": drawn(how),
        "recorded, through the codes": decode(vqvae, recorded),
    }

    def on_the_sound(window: np.ndarray) -> np.ndarray:
        sound = spectrogram.sound(window, audio, settings.seed)
        return onset_detector.detect(spectrogram.log_spectrogram(sound, audio).astype(np.float32), audio.fps)

    def by_librosa(window: np.ndarray) -> np.ndarray:
        sound, rates = spectrogram.sound(window, audio, settings.seed), {"sr": audio.sample_rate_hz}
        rates["hop_length"] = audio.hop_length
        # Superflux, as librosa's documentation sets it, at this rate.
        strength = librosa.onset.onset_strength(
            y=sound, n_fft=1024, lag=2, max_size=3, n_mels=138, fmin=27.5, fmax=audio.sample_rate_hz / 2, **rates
        )
        return librosa.onset.onset_detect(onset_envelope=strength, units="time", normalize=False, delta=DELTA, **rates)

    judges: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "the detector that chooses": lambda window: onset_detector.detect(window, audio.fps),
        "the same, on the sound": on_the_sound,
        "librosa's": by_librosa,
    }
    for judge, hear in judges.items():
        scores = {
            name: [
                onset.f1(true_s, hear(window), settings.evaluate.onset_tolerance_s)
                for true_s, window in zip(asked, many, strict=True)
            ]
            for name, many in made.items()
        }
        print(f"{judge}: " + "; ".join(f"{name} {np.mean(each):.3f}" for name, each in scores.items()), flush=True)


if __name__ == "__main__":
    main()
