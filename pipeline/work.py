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

WORK = Path("work")
LIBRARIES = ("av", "mediapipe", "numpy", "opencv-python-headless", "tinysoundfont", "torch")


def key(*inputs: Any) -> str:
    """Hash of the inputs, of this project's code and of the versions of the libraries that compute, as 20 hexadecimal digits.

    Args:
        inputs: a Path stands for its content (a folder's for its index.parquet, which holds a hash of each track);
            a dataclass for its values; anything else for its repr.
    """
    digest = hashlib.sha256()
    code = Path(__file__).parent
    for path in sorted([*code.rglob("*.py"), *(code.parent / "stages").glob("*.py")]):
        digest.update(path.read_bytes())
    digest.update(repr([version(library) for library in LIBRARIES]).encode())
    for item in inputs:
        if isinstance(item, Path):
            with open(item / "index.parquet" if item.is_dir() else item, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:
            digest.update(repr(asdict(item) if is_dataclass(item) and not isinstance(item, type) else item).encode())
    return digest.hexdigest()[:20]


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then put it in place at once: a kill leaves the old file or the new, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    write(temporary)
    os.replace(temporary, path)
