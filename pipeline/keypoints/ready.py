"""Reads skeletons that come with a corpus and replace a detector's."""

import hashlib

import numpy as np

from pipeline.corpus.track import Skeleton
from pipeline.errors import FileError


def rows(skeleton: Skeleton) -> np.ndarray:
    """A skeleton's own rows as stored in its file, memory-mapped: float32 [frames, 3, columns].

    Raises:
        FileError: the file is missing or ends too early.
    """
    columns = len(skeleton.columns)
    try:
        # The file is raw, without NumPy's header.
        shape, offset = (skeleton.end - skeleton.first, 3, columns), skeleton.first * 3 * columns * 4
        return np.memmap(skeleton.file, np.float32, "r", offset, shape)
    except (OSError, ValueError) as error:
        raise FileError(skeleton.file, f"rows {skeleton.first} to {skeleton.end} cannot be read") from error


def digest(skeleton: Skeleton) -> str:
    """A hash of everything that decides the joints: SHA-256 in hexadecimal."""
    values = hashlib.sha256(rows(skeleton).tobytes())
    values.update(repr((skeleton.columns, skeleton.fps, skeleton.measured_above)).encode())
    return values.hexdigest()


def read(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints float32 [frames, 47, 3] = x px, y px, confidence in 0..1 (0 = not found); times float64 [frames], s.

    Joints that were not measured, or are not finite, count as not found: x = y = confidence = 0.

    Raises:
        FileError: the file is missing or ends too early.
    """
    found = rows(skeleton)[:, :, list(skeleton.columns)].transpose(0, 2, 1).copy()
    found[~(np.isfinite(found).all(axis=2) & (found[:, :, 2] > skeleton.measured_above))] = 0
    found[:, :, 2] = np.minimum(found[:, :, 2], 1)
    return found, np.arange(len(found)) / skeleton.fps
