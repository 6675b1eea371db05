"""Does reranking improve the timing of the music, or only the score of the detector that it uses?

`python -m benchmarks.onset_judges WINDOWS` compares one sample of mi_net_sync with the best of `generate.candidates` samples. Four
detectors judge both: the detector of reranking and of the tables; the same detector on the sound after Griffin-Lim; and those of
librosa and of basic-pitch, which reranking does not use. Each also judges the ceiling, recorded windows through the codes.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from benchmarks.judges import Judge, by_basic_pitch, by_librosa
from pipeline import params
from pipeline.audio import onset_detector, phases, spectrogram
from pipeline.compute import determinism
from pipeline.dataset.artifacts import CODES, MODELS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import to_tensors
from pipeline.evaluation import content
from pipeline.metrics import onset
from pipeline.sampling import codec
from pipeline.sampling.batches import of_test_tracks
from pipeline.sampling.sampler import Sampling, as_set, sample
from pipeline.training import priors

MODEL = "mi_net_sync"


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    audio = settings.audio
    model, vqvae = priors.load(MODELS / MODEL), codec.load()
    windows, places = of_test_tracks(settings, params.variant(settings.variants.prior, MODEL))
    evaluate = settings.evaluate.model_copy(update={"content_windows": int(sys.argv[1])})
    judged = content.listened_to(places, settings.model_copy(update={"evaluate": evaluate}))
    places = [places[number] for number in judged]
    steps = windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in content.content(places, steps, settings)]
    motion, how = to_tensors(windows.batch(places))["motion"], as_set(settings, vqvae)

    def drawn(how: Sampling) -> np.ndarray:
        generator, parts = torch.Generator().manual_seed(settings.seed), motion.split(settings.generate.batch)
        codes = [sample(model, part, None, steps, how, generator) for part in parts]
        return codec.decode(vqvae, torch.cat(codes).numpy())

    recorded = np.stack([Shards(CODES).rows("codes", track, start, steps) for track, start in places])
    made = {
        "one sample": drawn(replace(how, rerank=None)),
        f"best of {settings.generate.candidates}": drawn(how),
        "recorded, through the codes": codec.decode(vqvae, recorded),
    }

    def on_the_sound(window: np.ndarray) -> np.ndarray:
        sound = phases.sound(window, audio)
        return onset_detector.detect(spectrogram.log_spectrogram(sound, audio).astype(np.float32), audio.fps)

    def heard_by(judge: Judge) -> Callable[[np.ndarray], np.ndarray]:
        return lambda window: judge(phases.sound(window, audio), audio.sample_rate_hz)

    judges: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "the detector of reranking": lambda window: onset_detector.detect(window, audio.fps),
        "the same detector, on the sound": on_the_sound,
        "librosa's detector": heard_by(by_librosa),
        "basic-pitch": heard_by(by_basic_pitch),
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
