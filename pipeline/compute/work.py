"""The ignored folder `work/`, where long work is kept while it is under way, so that a killed run goes on where it was.

A piece of work lies under a key: the hash of all that decides its result. Other inputs are another key, so nothing stale is
ever taken up. DVC's own `persist: true` would keep outs over a run, too, but turns its run-cache off.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.compute.closure import code, packages

WORK = Path("work")
# Packages that make bytes, by the name under which they are imported, with the name under which they are installed.
COMPUTE = {
    "accelerate": "accelerate",
    "av": "av",
    "cv2": "opencv-python-headless",
    "librosa": "librosa",
    "markdown_it": "markdown-it-py",
    "matplotlib": "matplotlib",
    "mediapipe": "mediapipe",
    "mido": "mido",
    "mir_eval": "mir_eval",
    "numpy": "numpy",
    "pandas": "pandas",
    "pretty_midi": "pretty_midi",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "soundfile": "soundfile",
    "tinysoundfont": "tinysoundfont",
    "torch": "torch",
}


def key(made_by: str, *inputs: Any) -> str:
    """Hash of the inputs, of the code that makes the work and of the versions of what it computes with: 20 hexadecimal digits.

    Args:
        made_by: the file (`__file__`) whose imports make the work, but for `NO_RESULT`. Other code leaves it valid.
        inputs: a Path stands for its content (a folder's for its index.parquet, which holds a hash of each track);
            a dataclass for its values; anything else for its repr.
    """
    digest = hashlib.sha256()
    file = Path(made_by).resolve()
    for path in sorted(code(file)):
        digest.update(path.read_bytes())
    digest.update(repr([version(COMPUTE[name]) for name in sorted(packages(file) & set(COMPUTE))]).encode())
    for item in inputs:
        if isinstance(item, Path):
            with open(item / "index.parquet" if item.is_dir() else item, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        else:
            digest.update(repr(asdict(item) if is_dataclass(item) and not isinstance(item, type) else item).encode())
    return digest.hexdigest()[:20]


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then put it in place at once: a kill leaves the old file or the new, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    write(temporary)
    os.replace(temporary, path)
