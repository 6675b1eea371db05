"""Is the music in time with videos that the model was not trained on? `python -m benchmarks.other_videos FOLDER`

Reads a folder of videos with sound, as `corpus.name: folder` does. Samples the model `degrade.model` of params.yaml for the whole
movement of each player. Compares the onsets with those that the detector finds in the sound of the video. Control: the onsets that
were generated for all other players.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ruamel.yaml import YAML

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.compute import determinism
from pipeline.dataset.artifacts import MODELS
from pipeline.dataset.shards import Shards
from pipeline.metrics import onset
from pipeline.sampling import codec
from pipeline.sampling.sampler import as_set, sample_long
from pipeline.training import priors

REPEATS = 10


def prepare(place: Path, videos: Path) -> None:
    """Compute joints, movement and spectrograms of the videos in a separate folder."""
    yaml = YAML()
    tree = yaml.load(Path("params.yaml"))
    tree["corpus"].update(name="folder", root=str(videos.resolve()), shortest_shot_s=2)
    tree["windows"]["duration_s"] = 2  # no windows are needed here, so that short videos can be used
    yaml.dump(tree, place / "params.yaml")
    for stage in ("tracks", "extract", "clean", "spectrograms"):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=place, env=environment, check=True)


def generated(track: str, place: Path, settings: params.Params) -> tuple[np.ndarray, list[np.ndarray]]:
    """Onsets in s: of the recorded sound of a track, and of each of the `REPEATS` samples for its movement."""
    fps = settings.audio.fps
    model, vqvae = priors.load(MODELS / settings.degrade.model), codec.load()
    motion = Shards(place / "data/motion").rows("motion", track)
    recorded = Shards(place / "data/spectrograms").rows("spectrogram", track)
    steps = min(round(len(motion) / settings.motion.fps * fps), len(recorded))
    movement = torch.from_numpy(motion.copy())[None, : round(steps / fps * settings.motion.fps)].expand(
        REPEATS, -1, -1, -1
    )
    generator = torch.Generator().manual_seed(settings.seed)
    codes = sample_long(model, movement, None, steps, as_set(settings, vqvae), generator)
    made = codec.decode(vqvae, codes.cpu().numpy())
    return onset_detector.detect(recorded[:steps], fps), [onset_detector.detect(window, fps) for window in made]


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    tolerance_s = settings.evaluate.onset_tolerance_s
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, Path(sys.argv[1]))
        sounds = Shards(place / "data/spectrograms")
        tracks = [track for track in Shards(place / "data/motion").index.index if track in sounds]
        found = {track: generated(track, place, settings) for track in tracks}
    rows = []
    for track, (true, own) in found.items():
        pairs = [(true, made) for made in own]
        others = [(true, made) for other in tracks if other != track for made in found[other][1]]
        lag_s = onset.lag(pairs, tolerance_s, settings.evaluate.largest_lag_s, 1 / settings.audio.fps)
        f1, control = (onset.mean_f1(each, tolerance_s) for each in (pairs, others))
        rows.append((track, len(true), np.mean([len(made) for made in own]), f1, control, lag_s))
    columns = ["track", "onsets recorded", "onsets generated", "onset F1", "another player's (control)", "lag, s"]
    table = pd.DataFrame(rows, columns=columns)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(f"mean: {table['onset F1'].mean():.3f}, control {table[columns[4]].mean():.3f}")


if __name__ == "__main__":
    main()
