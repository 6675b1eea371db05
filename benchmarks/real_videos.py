"""Does the music follow real players? `python -m benchmarks.real_videos FOLDER`, with a control that can say no.

Reads a folder of videos with sound, as `corpus.name: folder` does. For each player it takes four sets of onsets: peaks of the
speed of the hands, without any model; peaks of the onset strength that `MODEL` tells from the movement; the same, delayed by what
fits all other recordings best; and what judges hear in the music that it samples. The fit of a delay is F1 less that of the
control, for the onsets that the project's own detector finds. Judges that had no say in training or sampling (judges.py) say where
the recording's onsets are.

The control is the same onsets, shifted round the clip: as many and as dense, at other times. z is the distance of F1 from the mean
over all shifts, in their standard deviations. p is the share of 10,000 draws of one shift for each clip whose mean F1 is as high.
`z other` is z of another player's onsets against this recording: it must be 0, or the control lets something pass. Two things did.
Every sound begins and ends with its clip, so the first and the last `EDGE_S` do not count. A judge's onsets lie on a grid, and two
sets on one grid agree more often than after a shift that leaves it; so each onset is moved at random, by half a grid step at most.

Besides, the classifier says which instrument it hears in the made sound, and in that of another player.

Joints are kept in work/real_videos, so that a second run only judges. Clips shorter than `SHORTEST_S`, with fewer than `FEWEST`
onsets, or with somebody in view for less than half of the time are left out, and counted.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ruamel.yaml import YAML
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from tqdm import tqdm

from benchmarks.judges import JUDGES
from pipeline import params
from pipeline.audio import onset_detector, phases
from pipeline.compute import determinism, parallel, work
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Windows
from pipeline.evaluation import cells, content
from pipeline.keypoints.skeleton import LEFT_WRIST, RIGHT_WRIST
from pipeline.metrics import onset
from pipeline.models.classifier import Classifier
from pipeline.models.mi_net_sync import MINetSync
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample_long
from pipeline.training import priors
from stages import extract

MODEL = "mi_net_sync"
REPEATS = 4  # samples of each clip
SHORTEST_S, FEWEST, SEEN = 3.9, 4, 0.5
EDGE_S = 0.5
GRID_S = 0.016  # step of the coarsest grid of onsets, librosa's
LEAST_DEVIATION = 0.02  # of F1 over the shifts, in z: a clip with nearly no matches has nearly no deviation
SHIFT_S = 1.0  # least distance of a shift from the true place, either way round
SHIFT_STEP_S = 0.25
DELAYS_S = np.linspace(-0.12, 0.15, 19)  # steps of 15 ms
DRAWS = 10_000
APART_S = 0.1  # peaks are the highest values within this
NEARBY_S = 1.0  # a peak exceeds the mean nearby
BY_DEVIATIONS = (0.0, 0.25, 0.5, 1.0, 1.5)  # by that many standard deviations of the curve
CHOICE_WINDOWS = 78  # of the training tracks, on which that number is chosen
# Words in a file's name. A name with words of two families counts for neither.
FAMILIES = {
    "bowed": ("violin", "viola", "cello", "double_bass", "doublebass", "erhu"),
    "plucked": ("guitar", "ukulele", "harp"),
    "struck": (
        *("drum", "snare", "tabla", "conga", "bongo", "djembe"),
        *("vibraphone", "xylophone", "marimba", "shaker", "guiro"),
    ),
    "blown": ("flute", "clarinet", "bassoon", "oboe", "trumpet", "trombone", "horn", "sax", "tuba"),
    "keys": ("piano", "keyboard", "organ", "accordion"),
}


@dataclass(frozen=True)
class Clip:
    """What was found and made for one player.

    Attributes:
        onsets_s: source → judge → onsets in s of each sample, or of the one movement.
        truth_s: judge → the recording's onsets in s.
        heard: the instrument that the classifier hears in each sample.
        detected_s: onsets in s that the project's own detector finds in the recording.
    """

    track: str
    instrument: str
    duration_s: float
    onsets_s: dict[str, dict[str, list[np.ndarray]]]
    truth_s: dict[str, np.ndarray]
    heard: list[str]
    detected_s: np.ndarray


def family(track: str) -> str:
    """The family of instruments that a track's name speaks of, or "several"."""
    found = [name for name, words in FAMILIES.items() if any(word in track for word in words)]
    return found[0] if len(found) == 1 else "several"


def prepared(videos: Path) -> Path:
    """The folder with joints, movement and spectrograms of the videos."""
    files = sorted(path for path in videos.rglob("*") if path.is_file())
    place = work.WORK / "real_videos" / work.key(extract.__file__, *files)
    place.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    tree = yaml.load(Path("params.yaml"))
    tree["corpus"].update(name="folder", root=str(videos.resolve()), shortest_shot_s=2)
    tree["windows"]["duration_s"] = 2  # no windows are needed here, so that short videos can be used
    yaml.dump(tree, place / "params.yaml")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    for stage in ("tracks", "extract", "clean", "spectrograms"):
        if not (place / f"{stage}.done").exists():
            subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=place, env=environment, check=True)
            (place / f"{stage}.done").touch()
    return place


def peaks(curve: np.ndarray, fps: float, by: float) -> np.ndarray:
    """Times in s of the peaks of a curve [frames] that exceed the mean nearby by so many standard deviations."""
    highest = curve == maximum_filter1d(curve, 2 * round(APART_S * fps / 2) + 1)
    above = curve > uniform_filter1d(curve, 2 * round(NEARBY_S * fps / 2) + 1) + by * curve.std() + 1e-9
    return np.flatnonzero(highest & above) / fps


def hand_speed(motion: np.ndarray, fps: float) -> np.ndarray:
    """Speed of both wrists together, shoulder widths a second, of a movement [frames, joints, 2]: [frames]."""
    wrists = motion[:, [LEFT_WRIST, RIGHT_WRIST]]
    return np.linalg.norm(np.gradient(wrists, 1 / fps, axis=0), axis=-1).sum(1)


@torch.inference_mode()
def told(model: MINetSync, motion: np.ndarray, steps: int) -> np.ndarray:
    """Onset strength [steps] that a model tells from a movement [frames, joints, 2]."""
    return model.onset_strength(torch.from_numpy(motion.copy())[None], steps)[0].numpy()


def load() -> MINetSync:
    model = priors.load(MODELS / MODEL)
    assert isinstance(model, MINetSync)
    return model


def thresholds(settings: params.Params) -> dict[str, float]:
    """For the speed of the hands and for what the model tells: by how much a peak must exceed the curve nearby.

    The best for the notes of training tracks.
    """
    model, chosen = load(), params.variant(settings.variants.prior, MODEL)
    windows = Windows(priors.sources(settings, chosen), split.tracks(SPLITS, "train"), settings.windows.duration_s)
    places, steps = windows.spread(CHOICE_WINDOWS), windows.counts["codes"]
    asked = [onsets_s for _, onsets_s in content.content(places, steps, settings)]
    motions = windows.batch(places)["motion"]
    curves = {
        "hand speed": [(hand_speed(motion, settings.motion.fps), settings.motion.fps) for motion in motions],
        "told": [(told(model, motion, steps), settings.audio.fps) for motion in motions],
    }
    best = {}
    for source, each in curves.items():
        figures = {
            by: onset.mean_f1(
                [(true_s, peaks(*curve, by)) for true_s, curve in zip(asked, each, strict=True)],
                settings.evaluate.onset_tolerance_s,
            )
            for by in BY_DEVIATIONS
        }
        best[source] = max(figures, key=figures.__getitem__)
        print(f"{source}: F1 {figures[best[source]]:.3f} on the studio's training tracks, by {best[source]} deviations")
    return best


def clip(place: Path, track: str, instrument: str, by: dict[str, float], settings: params.Params) -> Clip:
    """Find and make everything for one player."""
    determinism.prepare(settings.seed, threads=1)
    audio, model, vqvae = settings.audio, load(), codec.load()
    motion = Shards(place / "data/motion").rows("motion", track)
    recorded = Shards(place / "data/spectrograms").rows("spectrogram", track)
    steps = min(round(len(motion) / settings.motion.fps * audio.fps), len(recorded))
    motion = motion[: round(steps / audio.fps * settings.motion.fps)]
    movement = torch.from_numpy(motion.copy())[None].expand(REPEATS, -1, -1, -1)
    generator = torch.Generator().manual_seed(settings.seed)
    codes = sample_long(model, movement, None, steps, as_set(settings, vqvae), generator)
    made = codec.decode(vqvae, codes.cpu().numpy())

    def judged(window: np.ndarray) -> dict[str, np.ndarray]:
        sound = phases.sound(window, audio)
        return {name: judge(sound, audio.sample_rate_hz) for name, judge in JUDGES.items()}

    sampled = [judged(window) for window in made]
    moved = {
        "hand speed": peaks(hand_speed(motion, settings.motion.fps), settings.motion.fps, by["hand speed"]),
        "told": peaks(told(model, motion, steps), audio.fps, by["told"]),
    }
    onsets_s = {source: {judge: [found] for judge in JUDGES} for source, found in moved.items()}
    onsets_s["sampled"] = {judge: [each[judge] for each in sampled] for judge in JUDGES}
    heard = cells.hear(cells.load_classifier(), made)
    window = recorded[:steps].astype(np.float32)
    detected_s = onset_detector.detect(window, audio.fps)
    return Clip(track, instrument, steps / audio.fps, onsets_s, judged(window), heard, detected_s)


def scores(truth_s: np.ndarray, many_s: list[np.ndarray], duration_s: float, tolerance_s: float) -> np.ndarray | None:
    """Mean F1 of samples' onsets in place, then of each shift round a clip; None if there is too little to judge."""
    length_s, generator = duration_s - 2 * EDGE_S, np.random.default_rng(round(1000 * duration_s))
    moved_s = [np.sort(each + generator.uniform(-GRID_S / 2, GRID_S / 2, len(each))) for each in many_s]
    truth, *many = ([t - EDGE_S for t in each if EDGE_S <= t < duration_s - EDGE_S] for each in (truth_s, *moved_s))
    if len(truth) < FEWEST or not any(many):
        return None
    shifts_s = np.arange(SHIFT_S, length_s - SHIFT_S + 1e-6, SHIFT_STEP_S)
    return np.array(
        [
            np.mean([onset.f1(np.array(truth), np.sort((np.array(made) + s) % length_s), tolerance_s) for made in many])
            for s in (0.0, *shifts_s)
        ]
    )


def z_of(found: np.ndarray) -> float:
    return float((found[0] - found[1:].mean()) / max(found[1:].std(), LEAST_DEVIATION))


def delays(clips: list[Clip], tolerance_s: float) -> dict[str, float]:
    """Track → the delay in s of the told onsets that fits the clips of all other recordings best. Prints how well each fits."""

    def fit(clip: Clip, delay_s: float) -> float:
        told_s = clip.onsets_s["told"][next(iter(JUDGES))][0] + delay_s  # the same for every judge
        found = scores(clip.detected_s, [told_s[told_s >= 0]], clip.duration_s, tolerance_s)
        return 0.0 if found is None else float(found[0] - found[1:].mean())

    fits = np.array([[fit(clip, delay_s) for delay_s in DELAYS_S] for clip in clips])  # [clips, delays]
    recordings = np.array([clip.track.split("__")[0] for clip in clips])
    curve = ", ".join(f"{delay_s:.3f} s: {value:.3f}" for delay_s, value in zip(DELAYS_S, fits.mean(0), strict=True))
    print(f"told onsets, F1 less the control's, by the delay: {curve}")
    best = {
        clip.track: float(DELAYS_S[fits[recordings != recording].mean(0).argmax()])
        for clip, recording in zip(clips, recordings, strict=True)
    }
    print(f"chosen on all other recordings: {sorted(set(best.values()))} s")
    return best


def row(found: list[np.ndarray], others: list[np.ndarray], seed: int) -> dict[str, float]:
    """Figures over clips, each with F1 in place and of its shifts; and those of other players' onsets."""
    placed, z = np.array([each[0] for each in found]), np.array([z_of(each) for each in found])
    generator = np.random.default_rng(seed)
    drawn = np.mean([generator.choice(each[1:], DRAWS) for each in found], axis=0)
    return {
        "clips": len(found),
        "F1": float(placed.mean()),
        "shifted": float(np.mean([each[1:].mean() for each in found])),
        "z": float(z.mean()),
        "± s.e.": float(z.std(ddof=1) / len(z) ** 0.5) if len(z) > 1 else float("nan"),
        "p": float((1 + (drawn >= placed.mean()).sum()) / (1 + DRAWS)),
        "z other": float(np.mean([z_of(each) for each in others])) if others else float("nan"),
    }


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    place = prepared(Path(sys.argv[1]))
    by = thresholds(settings)
    motion, sounds = Shards(place / "data/motion").index, Shards(place / "data/spectrograms")
    seen = Shards(place / "data/keypoints").index.body_found
    tracks = pd.read_parquet(place / "data/tracks.parquet").set_index("name").instrument
    chosen = [track for track in motion.index if track in sounds and seen[track] >= SEEN]
    calls = [(place, track, tracks[track], by, settings) for track in chosen]
    shown = tqdm(parallel.each(clip, calls, "loky"), "clips", len(calls), unit="clip")
    clips = [each for each in shown if each.duration_s >= SHORTEST_S]
    print(f"{len(tracks)} players; {len(chosen)} with a body in view; {len(clips)} of them for {SHORTEST_S} s or more")
    clips.sort(key=lambda each: each.duration_s)
    tolerance_s, table = settings.evaluate.onset_tolerance_s, []
    best = delays(clips, tolerance_s)
    for each in clips:
        later = {
            judge: [onsets_s + best[each.track] for onsets_s in many] for judge, many in each.onsets_s["told"].items()
        }
        each.onsets_s["told, delayed"] = {judge: [o[o >= 0] for o in many] for judge, many in later.items()}
    for judge in JUDGES:
        for source in ("hand speed", "told", "told, delayed", "sampled"):
            made = [each.onsets_s[source][judge] for each in clips]
            # Another player's onsets are those of the next longer clip, so that they cover this one.
            own, others = (
                [
                    scores(each.truth_s[judge], onsets, each.duration_s, tolerance_s)
                    for each, onsets in zip(clips, many, strict=True)
                ]
                for many in (made, [*made[1:], made[-2]])
            )
            for kind in ("all", *FAMILIES):
                found, control = (
                    [
                        s
                        for each, s in zip(clips, of, strict=True)
                        if s is not None and kind in ("all", family(each.track))
                    ]
                    for of in (own, others)
                )
                if found:
                    figures = row(found, control, settings.seed)
                    table.append({"judge": judge, "onsets": source, "family": kind} | figures)
    print(pd.DataFrame(table).to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(heard_right(clips, cells.load_classifier()))


def heard_right(clips: list[Clip], classifier: Classifier | None) -> str:
    """How often the classifier hears the right instrument in the made sound, and in that of all other players."""
    known = [each for each in clips if classifier is not None and each.instrument in classifier.instruments]
    right = [np.mean([name == each.instrument for name in each.heard]) for each in known]
    others = [
        np.mean([name == each.instrument for other in clips if other is not each for name in other.heard])
        for each in known
    ]
    lines = [f"{each.track}: {', '.join(each.heard)}" for each in known]
    return "\n".join(
        [f"heard right: {np.mean(right):.2f} of {len(known)} clips, shuffled {np.mean(others):.2f}", *lines]
    )


if __name__ == "__main__":
    main()
