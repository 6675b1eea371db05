"""Is the timing of real players in their joints? `python -m benchmarks.real_training FOLDER` trains on them, some left out.

Reads a folder of videos with sound, as `benchmarks.real_videos` does, whose judges, control and figures it uses. The movement
reader learns each clip's own onset strength, and is judged on the clips of recordings that it has not seen:

- studio: `models/reader`, which has seen no real player;
- clips: a new reader of the same size, trained on the clips alone;
- studio, then clips: `models/reader`, trained further on the clips;
- studio and clips: `models/reader`, trained further on both, half and half: `data/more_players` and the clips;
- clips, wrong sound: as clips, with every clip's sound moved by a third of its length. It must tell nothing.

A peak of a told curve is an onset if it exceeds the curve nearby by a number of its standard deviations. The number is the best on
the training clips of a fold, for the onsets that the project's own detector finds. No judge has a say in it.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from benchmarks.judges import JUDGES
from benchmarks.real_videos import BY_DEVIATIONS, FAMILIES, SEEN, SHORTEST_S, family, peaks, prepared, row, scores
from pipeline import params
from pipeline.audio import onset_detector, phases
from pipeline.compute import determinism, parallel
from pipeline.dataset.artifacts import CODES, MODELS, MORE_PLAYERS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source, Windows
from pipeline.keypoints.variation import vary
from pipeline.metrics import onset
from pipeline.models.movement_reader import MovementReader
from pipeline.training import weights

FOLDS = 5
BATCH = 24
WINDOW_S = 3.2
# Reader → steps, peak learning rate.
BUDGETS = {
    "clips": (300, 2e-3),
    "studio, then clips": (300, 5e-4),
    "studio and clips": (400, 1e-3),
    "clips, wrong sound": (300, 2e-3),
}
ROWS = ("studio", *BUDGETS)


@dataclass(frozen=True)
class Clip:
    """One player. motion: float32 [frames, joints, 2]; strength: float32 [steps], of deviation 1; onsets in s."""

    track: str
    duration_s: float
    motion: np.ndarray
    strength: np.ndarray
    detected_s: np.ndarray
    truth_s: dict[str, np.ndarray]

    @property
    def recording(self) -> str:
        """The video: shots and players of one are on one side."""
        return self.track.split("__")[0]


def clip(place: Path, track: str, settings: params.Params) -> Clip:
    determinism.prepare(settings.seed, threads=1)
    fps, recorded = settings.audio.fps, Shards(place / "data/spectrograms").rows("spectrogram", track)
    motion = Shards(place / "data/motion").rows("motion", track)
    steps = min(round(len(motion) / settings.motion.fps * fps), len(recorded))
    recorded = recorded[:steps].astype(np.float32)
    sound = phases.sound(recorded, settings.audio)
    strength = onset_detector.onset_strength(recorded, fps)
    return Clip(
        track,
        steps / fps,
        np.array(motion[: round(steps / fps * settings.motion.fps)]),
        (strength / max(strength.std(), 1e-6)).astype(np.float32),
        onset_detector.detect(recorded, fps),
        {name: judge(sound, settings.audio.sample_rate_hz) for name, judge in JUDGES.items()},
    )


def made_players(settings: params.Params) -> Windows:
    """Movement and onset strength of the players with whom `models/reader` was trained."""
    sound, motion = Shards(CODES), Shards(MORE_PLAYERS / "motion")
    sources = {
        "onset_strength": Source(sound, "onset_strength", settings.audio.fps),
        "motion": Source(motion, "motion", settings.motion.fps, between=True),
    }
    return Windows(sources, list(motion.index.index), WINDOW_S)


def trained(name: str, clips: list[Clip], settings: params.Params) -> MovementReader:
    """One of `ROWS`, trained on the clips."""
    reader = weights.load(MODELS / "reader", {"reader": MovementReader})
    if name == "studio":
        return reader
    if name.startswith("clips"):
        torch.manual_seed(settings.seed)
        reader = MovementReader(**weights.config(MODELS / "reader").sizes)
    generator = np.random.default_rng(settings.seed)
    frames, steps = round(WINDOW_S * settings.motion.fps), round(WINDOW_S * settings.audio.fps)
    count, rate = BUDGETS[name]
    optimizer = torch.optim.AdamW(reader.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count)
    players = made_players(settings) if name == "studio and clips" else None
    made = BATCH // 2 if players is not None else 0
    reader.train()
    for _ in range(count):
        motions, strengths = [], []
        if players is not None:
            drawn = players.batch(players.random(made, generator))
            motions += list(drawn["motion"])
            strengths += [each.astype(np.float32) / reader.onset_scale for each in drawn["onset_strength"]]
        for one in (clips[i] for i in generator.integers(len(clips), size=BATCH - made)):
            first = int(generator.integers(len(one.motion) - frames + 1))
            place = round(first / settings.motion.fps * settings.audio.fps)
            strength = np.roll(one.strength, len(one.strength) // 3) if name.endswith("wrong sound") else one.strength
            motions.append(one.motion[first : first + frames])
            strengths.append(np.resize(strength[place : place + steps], steps))
        varied = vary(np.stack(motions), settings.reader.variation, settings.motion.fps, generator)
        told, _ = reader.read(torch.from_numpy(varied), steps)
        target = torch.log1p(reader.onset_companding * torch.from_numpy(np.stack(strengths)))
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(told, target).backward()
        optimizer.step()
        schedule.step()
    return reader.eval()


@torch.inference_mode()
def told(reader: MovementReader, one: Clip) -> np.ndarray:
    """Onset strength [steps] that the reader tells of a clip."""
    return reader.read(torch.from_numpy(one.motion)[None], len(one.strength))[0][0].numpy()


def judged(name: str, fold: int, clips: list[Clip], settings: params.Params) -> dict[str, np.ndarray]:
    """Onsets in s that a reader tells of each clip of a fold, trained on the clips of the others."""
    determinism.prepare(settings.seed, threads=1)
    recordings = sorted({one.recording for one in clips})
    order = np.random.default_rng(settings.seed).permutation(len(recordings))
    folds = {recordings[i]: place % FOLDS for place, i in enumerate(order)}
    rest = [one for one in clips if folds[one.recording] != fold]
    reader, fps = trained(name, rest, settings), settings.audio.fps
    curves = [told(reader, one) for one in rest]
    tolerance_s = settings.evaluate.onset_tolerance_s

    def f1(by: float) -> float:
        return onset.mean_f1(
            [(one.detected_s, peaks(each, fps, by)) for one, each in zip(rest, curves, strict=True)], tolerance_s
        )

    by = max(BY_DEVIATIONS, key=f1)
    return {one.track: peaks(told(reader, one), fps, by) for one in clips if folds[one.recording] == fold}


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    place = prepared(Path(sys.argv[1]))
    seen, sounds = Shards(place / "data/keypoints").index.body_found, Shards(place / "data/spectrograms")
    tracks = [t for t in Shards(place / "data/motion").index.index if t in sounds and seen[t] >= SEEN]
    calls = [(place, track, settings) for track in tracks]
    clips = [one for one in parallel.each(clip, calls, "loky") if one.duration_s >= SHORTEST_S]
    print(f"{len(clips)} clips of {len({one.recording for one in clips})} recordings, in {FOLDS} folds")
    trainings = [(name, fold, clips, settings) for name in ROWS for fold in range(FOLDS)]
    results = list(tqdm(parallel.each(judged, trainings, "loky"), "trainings", len(trainings)))
    table, tolerance_s = [], settings.evaluate.onset_tolerance_s
    for judge in JUDGES:
        for number, name in enumerate(ROWS):
            onsets_s = {t: s for found in results[number * FOLDS : (number + 1) * FOLDS] for t, s in found.items()}
            every = [
                (family(one.track), scores(one.truth_s[judge], [onsets_s[one.track]], one.duration_s, tolerance_s))
                for one in clips
            ]
            for kind in ("all", *FAMILIES):
                found = [each for of, each in every if each is not None and kind in ("all", of)]
                if found:
                    figures = row(found, [], settings.seed)
                    table.append({"judge": judge, "reader": name, "family": kind} | figures)
    print(pd.DataFrame(table).drop(columns="z other").to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
