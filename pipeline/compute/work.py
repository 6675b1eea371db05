"""The folder `work/`, which git ignores: unfinished work is kept here, so that a killed run can be resumed.

Each piece of work is stored under a key, the hash of everything that decides its result. Other inputs have another key, so stale
work is never used. DVC's `persist: true` would also keep outs between runs, but it disables DVC's run cache.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.compute.closure import code, packages

WORK = Path("work")
# The packages that affect results: import name → name on PyPI.
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
    """Hash of the inputs, the code and the package versions that decide a result: 20 hexadecimal digits.

    Args:
        made_by: the file (`__file__`) that does the work. Its code and the code that it imports count, without `NO_RESULT`.
        inputs: a Path is hashed by its content, a folder by its index.parquet, which has a hash of each track. A dataclass
            or a section of the parameters is hashed by its values, and anything else by its repr.
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
            digest.update(repr(_values(item)).encode())
    return digest.hexdigest()[:20]


def _values(item: Any) -> Any:
    if isinstance(item, BaseModel):
        return item.model_dump()
    return asdict(item) if is_dataclass(item) and not isinstance(item, type) else item


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then move it into place. If the process is killed, the old or the new file is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    write(temporary)
    os.replace(temporary, path)
