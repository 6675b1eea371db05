"""More players of the studio, without pictures: data/more_players/, movement for the reader and sound for the VQ-VAEs.

Without pictures a player costs little, so there can be many. Each player's joints get the noise that the detector has in a
training track of the same instrument. For any other corpus, the folder is empty.
"""

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from pipeline import params
from pipeline.audio import spectrogram
from pipeline.compute import determinism, parallel
from pipeline.corpus.track import read_tracks, true_joints
from pipeline.dataset import split
from pipeline.dataset.artifacts import KEYPOINTS, MORE_PLAYERS, SPLITS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import run
from pipeline.keypoints import detector_noise
from pipeline.keypoints.cleaning import clean
from pipeline.media import sound_files
from pipeline.studio import pieces
from pipeline.studio.instruments import BY_CODE

FIRST = 10_000  # number of the first piece; those of the corpus begin with 0

Example = tuple[np.ndarray, np.ndarray]  # true and detected joints of a track


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed, threads=1)  # as in each process
    calls = list(_calls(settings)) if settings.corpus.name == "studio" else []
    with ShardWriter(MORE_PLAYERS / "motion") as motion, ShardWriter(MORE_PLAYERS / "spectrograms") as spectrograms:
        made = parallel.each(play, calls, determinism.backend(settings.compute.backend))
        for index, code, *_ in tqdm(calls, "more players", unit=" player"):
            movement, recorded = next(made)
            name = f"{index}_{code}"
            motion.add(name, {"motion": movement})
            spectrograms.add(name, {"spectrogram": recorded})


def _calls(settings: params.Params) -> Iterator[tuple]:
    """The arguments of `play` for each player. The examples of an instrument take turns."""
    examples = _examples()
    response = {name: detector_noise.response(each) for name, each in examples.items()}
    generator = np.random.default_rng(settings.studio.seed)
    chosen = [BY_CODE[code] for code in settings.studio.instruments]
    for number in range(settings.more_players.per_instrument):
        for place, instrument in enumerate(chosen):
            here = examples.get(instrument.name)
            if not here:
                continue  # `extract` found nobody who plays it, and has said so
            truth, detected = here[number // 2 % len(here)]
            turned = number % 2 * generator.uniform(-1, 1) * settings.more_players.turned_degrees
            shift = int(generator.integers(2 * len(truth)))
            index = FIRST + len(chosen) * number + place
            yield index, instrument.code, turned, response[instrument.name], truth, detected, shift, settings


def _examples() -> dict[str, list[Example]]:
    """Instrument → true and detected joints of the training tracks that were detected."""
    keypoints, training = Shards(KEYPOINTS), set(split.tracks(SPLITS, "train"))
    examples: dict[str, list[Example]] = {}
    for track in read_tracks():
        if track.joints is not None and track.name in training and keypoints.index.detected[track.name]:
            pair = true_joints(track.joints), np.array(keypoints.rows("keypoints", track.name))
            examples.setdefault(track.instrument, []).append(pair)
    return examples


def play(
    index: int,
    code: str,
    turned_degrees: float,
    response: np.ndarray,
    other_truth: np.ndarray,
    other_detected: np.ndarray,
    shift: int,
    settings: params.Params,
) -> tuple[np.ndarray, np.ndarray]:
    """Movement float32 [frames, 47, 2] and log-spectrogram float16 [steps, bins] of one player."""
    determinism.prepare(settings.seed, threads=1)
    studio, audio = settings.studio, settings.audio
    performance, sound = pieces.solo(index, BY_CODE[code], turned_degrees, studio)
    keypoints = detector_noise.add_noise(performance.joints, response, other_truth, other_detected, shift)
    times_s = np.arange(len(keypoints)) / studio.fps
    motion, _ = clean(keypoints, times_s, settings.motion.fps, settings.motion.min_confidence)
    resampled = sound_files.resample(sound, studio.sample_rate_hz, audio.sample_rate_hz)
    return motion, spectrogram.log_spectrogram(resampled, audio)


if __name__ == "__main__":
    run(main)
