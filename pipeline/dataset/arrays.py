"""Writes arrays whose file has the same bytes everywhere. `np.savez` depends on the release of Python's zipfile."""

import io
import zipfile
from pathlib import Path

import numpy as np


def write_npz(path: Path, **arrays: np.ndarray | int) -> None:
    """Write arrays to a file that `np.load` reads as it reads those of `np.savez`."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())  # of the year 1980
