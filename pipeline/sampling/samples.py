"""Generated windows on disk: codes for the models that write codes, spectrograms for those that write spectrograms.

A window of codes takes a thousandth of the space of its spectrogram, so every repeat of the sampling is kept. Reading decodes it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.dataset.shards import Shards
from pipeline.models.vqvae import VQVAE
from pipeline.sampling.codec import decode


class Samples:
    """Reads a folder that the generate stage wrote.

    Attributes:
        index: one row per window, by its name: `repeat`, `source` (the test track) and `source_start` (the first row of its codes).
    """

    def __init__(self, folder: str | Path, vqvae: VQVAE) -> None:
        self.shards = Shards(folder)
        self.index = self.shards.index
        self.vqvae = vqvae

    def names(self, repeat: int) -> list[str]:
        """The windows of one repeat, in the order in which they were made."""
        return list(self.index.index[self.index.repeat == repeat])

    def spectrograms(self, names: Sequence[str]) -> np.ndarray:
        """Log-spectrograms of some windows: float32 [windows, frames, bins]."""
        if "codes" not in self.shards.arrays:
            return np.stack([self.shards.rows("spectrogram", name) for name in names]).astype(np.float32)
        return decode(self.vqvae, np.stack([self.shards.rows("codes", name) for name in names]))
