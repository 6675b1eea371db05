"""What makes the prior follow the player? `python -m benchmarks.ladder [RUNG ...]` trains and judges one rung after the other.

Each rung is the variant mi_net_sync with what was added up to there; the committed run is the last but one, best of 3. The stages
train_prior, generate and evaluate do the work, in a folder of their own, on the data, VQ-VAE and classifier of the run here.
Every window is generated once, and NDB's cells are those of the first repeat: figures have no spread here.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parents[1]
MODEL = "mi_net_sync"
CONTENT_WINDOWS = 130  # whose onsets are judged; 52 in the committed run
COLUMNS = ("nll", "nll_shuffled", "onset_f1", "onset_f1_shuffled", "ndb", "knn", "heard")

# From the first rung up, what each adds: changes of the variant. Guidance and choice need no training of their own.
BEFORE = {"codes_hidden": 0, "onset_weight": 0, "movement_hidden": 0}
RUNGS: dict[str, dict[str, Any]] = {
    "last state (the paper's)": {"body": "last_state", "body_layers": 3, "velocities": False, "body_at_head": False}
    | BEFORE,
    "sequence at the input": {"body": "gru", "body_layers": 3, "velocities": False, "body_at_head": False} | BEFORE,
    "+ velocities": {"body": "gru", "body_layers": 3, "body_at_head": False} | BEFORE,
    "+ at the head": {"body": "gru", "body_layers": 3} | BEFORE,
    "convolutions for the GRU": BEFORE,
    "+ codes hidden": {"onset_weight": 0, "movement_hidden": 0},
    "+ onsets as a second task": {"movement_hidden": 0},
    "+ movement hidden": {},
    "+ attention in time": {"body_reach_s": 0.2},
}
# Guidances, and of how many samples the best is kept.
SAMPLINGS: dict[str, tuple[tuple[float, int], ...]] = {
    "+ movement hidden": ((1, 1), (1.5, 1), (2, 1), (3, 1), (4, 1), (2, 3)),
    "+ attention in time": ((2, 1),),
}


def climb(name: str, place: Path) -> None:
    """Train one rung in an empty folder and print a row for each way of sampling."""
    yaml = YAML()
    tree = yaml.load(HERE / "params.yaml")
    tree["variants"]["prior"][MODEL].update(RUNGS[name])
    tree["generate"]["repeats"] = 1
    tree["evaluate"]["content_windows"] = CONTENT_WINDOWS
    (place / "models").mkdir()
    (place / "data").symlink_to(HERE / "data")
    for model in ("vqvae", "classifier"):
        (place / "models" / model).symlink_to(HERE / "models" / model)
    trained = False
    for guidance, candidates in SAMPLINGS.get(name, ((1, 1),)):
        tree["generate"].update({"guidance": guidance, "candidates": candidates})
        yaml.dump(tree, place / "params.yaml")
        for stage in ("generate", "evaluate") if trained else ("train_prior", "generate", "evaluate"):
            command = [sys.executable, "-m", f"stages.{stage}", MODEL]
            subprocess.run(command, cwd=place, env=os.environ | {"PYTHONPATH": str(HERE)}, check=True)
        trained = True
        metrics = json.loads((place / "metrics" / f"{MODEL}.json").read_text(encoding="utf-8"))
        title = name if name not in SAMPLINGS else f"{name}, guidance {guidance:g}"
        title += f", best of {candidates}" if candidates > 1 else ""
        print("|", " | ".join([title, *(f"{metrics[column]:.3f}" for column in COLUMNS)]), "|", flush=True)


def main() -> None:
    names = list(RUNGS)
    for number in [int(argument) for argument in sys.argv[1:]] or range(len(names)):
        with tempfile.TemporaryDirectory() as folder:
            climb(names[number], Path(folder))


if __name__ == "__main__":
    main()
