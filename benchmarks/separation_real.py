"""Are real players told apart? `python -m benchmarks.separation_real SOLOS [DUO ...]`, with players left out and sights swapped.

SOLOS is a folder of videos with sound, as `corpus.name: folder` reads it. Files whose names speak of several players or of a voice
are left out. Two windows of two recordings are mixed, so that what each player played is known. The models:

- studio: `models/separator_<variant>`, which have seen no real player;
- clips: a new network of the same kind as `movement`, trained on the clips alone;
- studio, then clips: `models/separator_movement`, trained further on the clips.

Those that train on clips do so in folds: the two recordings of a mixture are of the fold that is left out. The figures are means
over players: the gain of the SDR over the mixture, with its 95 % interval by bootstrap over mixtures, and the SIR with the right
sights and with swapped ones, dB.

Of a DUO nobody knows the parts. They must add up to its sound; and the onset strength of each part should go with the speed of its
own player's hands (correlation, at the best of some delays) more than with the other's.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from benchmarks.real_videos import SEEN, hand_speed, prepared
from pipeline import params
from pipeline.audio import onset_detector, spectrogram
from pipeline.commands import separate
from pipeline.compute import determinism
from pipeline.corpus.track import read_tracks
from pipeline.dataset.artifacts import MODELS, MORE_PLAYERS, SPLITS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.metrics import bootstrap, separation
from pipeline.models.separator import Separator
from pipeline.training import loop, weights
from systems.separation import frames, mixing, sound, train, trials
from systems.separation import params as own_params

# Words in the name of a file that has more than one player, a voice, or a picture that is painted over.
SEVERAL = (
    "voice",
    "sing",
    "duo",
    "band",
    "orch",
    "quartet",
    "bassoon_gz",
    "overlay",
    "piano_",
    "_piano",
    "_keyboard",
    "violin_guitar",
)
FOLDS = 2
PAIRS = 32  # mixtures of each fold
STEPS = {"clips": (400, 2e-3), "studio, then clips": (200, 5e-4)}  # and the peak learning rate
STUDIO = ("movement",)
TRAINED = "movement"  # the variant of those that train on clips
CONFIDENCE = 0.95
DELAYS_S = np.arange(-0.1, 0.21, 0.02)


def recording(track: str) -> str:
    """The video: its shots are on one side."""
    return track.split("__")[0]


def soloists(place: Path) -> list[str]:
    """The tracks that can be used, after their sound and their pictures were written beside their movement."""
    seen, length_s = (
        Shards(place / "data/keypoints").index.body_found,
        Shards(place / "data/spectrograms").index.duration_s,
    )
    moved = Shards(place / "data/motion").index.index
    with chdir(place):
        names = [
            track.name
            for track in read_tracks()
            if track.name in moved
            and track.name in length_s
            and seen[track.name] >= SEEN
            and length_s[track.name] > 4.2
            and not any(word in track.name for word in SEVERAL)
        ]
        pd.DataFrame({"track": names, "instrument": "", "part": "train"}).to_parquet(SPLITS, index=False)
        with ShardWriter(MORE_PLAYERS / "motion"):
            pass
        sound.main()
        frames.main()
    return names


def fitted(
    name: str, players: mixing.Players, root: Path, settings: params.Params, own: own_params.Params
) -> Separator:
    """One of `STEPS`, trained on some clips."""
    steps, rate = STEPS[name]
    training = own.variants[TRAINED].training.model_copy(
        update={"steps": steps, "learning_rate": rate, "validate_every": steps}
    )
    chosen = own.variants[TRAINED].model_copy(update={"training": training})
    torch.manual_seed(settings.seed)
    if name == "clips":
        model = Separator(**train.sizes_of(chosen, own, settings))
    else:
        model = weights.load(root / MODELS / f"separator_{TRAINED}", {"separator": Separator})
    batch = train.batches(model, [(players, 1.0)], chosen, own, settings)
    with tempfile.TemporaryDirectory() as folder:
        loop.train(
            model, batch, lambda _: {}, training, seed=settings.seed, precision="fp32", folder=Path(folder) / name
        )
    return model.eval()


def tried(model: Separator, mixtures: list[mixing.Mixture], settings: params.Params) -> Iterator[dict[str, float]]:
    for mixture in mixtures:
        before = separation.bss_eval(mixture.sounds, trials.mixed(mixture))
        after, swapped = (
            separation.bss_eval(mixture.sounds, trials.taken_apart(model, mixture, settings, control))
            for control in ("", "_swapped")
        )
        yield {
            "SDR gain": float((after[0] - before[0]).mean()),
            "SIR": float(after[1].mean()),
            "SIR, swapped": float(swapped[1].mean()),
        }


def duo(video: Path, model: Separator, settings: params.Params) -> dict[str, float]:
    """What can be said of a duo whose parts nobody knows."""
    made, heard = separate.separate(video, model, settings), separate.heard(video, settings)
    agree = np.zeros((2, 2))  # part, player
    for part in range(2):
        values = spectrogram.log_spectrogram(made.parts[part], settings.audio).astype(np.float32)
        strength = onset_detector.onset_strength(values, settings.audio.fps)
        for player in range(2):
            speed = hand_speed(made.players[player].seen.motion, settings.motion.fps)
            times_s = np.arange(len(strength)) / settings.audio.fps
            agree[part, player] = max(
                np.corrcoef(strength, np.interp(times_s - delay_s, np.arange(len(speed)) / settings.motion.fps, speed))[
                    0, 1
                ]
                for delay_s in DELAYS_S
            )
    energy = np.square(made.parts).sum(1)
    return {
        "largest error of the sum": float(np.abs(made.parts.sum(0) - heard).max()),
        "rest, share of energy": float(energy[-1] / energy.sum()),
        "own movement": float(np.diag(agree).mean()),
        "the other's": float(np.diag(agree[::-1]).mean()),
    }


def main() -> None:
    settings, own, root = params.load(), own_params.load(), Path.cwd()
    determinism.prepare(settings.seed)
    place = prepared(Path(sys.argv[1]))
    names = soloists(place)
    recordings = sorted({recording(name) for name in names})
    order = np.random.default_rng(settings.seed).permutation(len(recordings))
    fold_of = {recordings[i]: number % FOLDS for number, i in enumerate(order)}
    print(f"{len(names)} tracks of {len(recordings)} recordings, in {FOLDS} folds")
    studio = {name: weights.load(root / MODELS / f"separator_{name}", {"separator": Separator}) for name in STUDIO}
    table = []
    for fold in tqdm(range(FOLDS), "folds"):
        with chdir(place):
            sides = [[name for name in names if (fold_of[recording(name)] == fold) == here] for here in (False, True)]
            learnt, left_out = (
                mixing.Players(side, True, settings, own.pictures.fps, own.pictures.size_px) for side in sides
            )
            pairs = trials.pairs(
                left_out, PAIRS, None, settings.seed, lambda one, other: recording(one) != recording(other)
            )
            models = {f"studio, {name}": model for name, model in studio.items()}
            models |= {name: fitted(name, learnt, root, settings, own) for name in STEPS}
            for name, model in models.items():
                table += [
                    {"model": name} | figures for figures in tried(model, [mixture for _, mixture in pairs], settings)
                ]
    by_model = pd.DataFrame(table).groupby("model", sort=False)
    means = by_model.mean()
    gains = {name: gain.to_numpy() for name, gain in by_model["SDR gain"]}
    bounds = [
        bootstrap.ratio(gains[name], np.ones(len(gains[name])), CONFIDENCE, settings.seed) for name in means.index
    ]
    means.insert(1, "interval", [f"{low:.2f} to {high:.2f}" for low, high in bounds])
    print(means.to_string(float_format=lambda value: f"{value:.2f}"))
    rows = [
        {"duo": Path(video).stem, "model": name} | duo(Path(video), model, settings)
        for video in sys.argv[2:]
        for name, model in studio.items()
    ]
    if rows:
        print(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
