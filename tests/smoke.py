"""A fresh clone with the smoke profile, as a newcomer has it, for the tests that run the whole pipeline under DVC."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dvc.repo import Repo

ROOT = Path(__file__).parent.parent
FOLDERS = ("benchmarks", "pipeline", "profiles", "stages", "tests")
FILES = (
    "Makefile",
    "constraints.txt",
    "dvc.yaml",
    "versions.yaml",
    "pyproject.toml",
    ".dvcignore",
    ".gitignore",
    ".dvc/config",
)
# Commands of the docs that take too long to be run for each page. The tests of the whole pipeline run them once.
OTHER_HEADS = "dvc exp run -S prior.heads=8"
OTHER_DROPOUT = "dvc exp run -S +variants.baseline.graph_transformer.dropout=0.2"
OWN_VIDEOS = "dvc exp run -S corpus.name=folder -S corpus.root=/path/to/videos"
PULL = "dvc pull"
ENVIRONMENT = os.environ | {
    # Other tests run beside, and a worker process takes seconds to begin what takes a second.
    "OMP_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    **{
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "t"), ("EMAIL", "t@t"))
    },
}


def house(folder: Path) -> Path:
    """A fresh repository with this code, the smoke profile in place, and nothing computed."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*FILES, ".dvc/.gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "profiles" / "smoke.yaml", folder / "params.yaml")
    sh(folder, "git init -q && git add -A && git commit -qm start")
    return folder


def made_up(folder: Path) -> Path:
    """A repository with this code and dvc.yaml in which all is up to date, in seconds: every out holds the name of its stage."""
    for name in ("pipeline", "profiles", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".dvc").mkdir()
    files = ("dvc.yaml", "versions.yaml", "params.yaml", "constraints.txt")
    for name in (*files, ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, folder / name)
    sh(folder, "git init -q")
    for stage in Repo(str(folder)).index.stages:
        for out in stage.outs:
            path = Path(out.fs_path)
            place = path if path.suffix else path / "file"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{stage.addressing}\n")
    sh(folder, "dvc commit --force --quiet && git add . && git commit -qm run")
    return folder


def sh(folder: Path, command: str, environment: dict[str, str] = ENVIRONMENT) -> str:
    """What a command line prints; it must succeed."""
    done = subprocess.run(
        command, shell=True, executable="/bin/bash", cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def ran(output: str) -> list[str]:
    """The stages that `dvc repro` or `dvc exp run` says it has run."""
    return re.findall(r"Running stage '([\w@]+)'", output)
