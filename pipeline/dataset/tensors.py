"""Arrays of windows as models take them."""

import numpy as np
import torch
from torch import Tensor

Batch = dict[str, Tensor]


def to_tensors(arrays: dict[str, np.ndarray]) -> Batch:
    """A batch as models take it: halves become float32, whole numbers int64."""
    kinds = {"f": torch.float32, "i": torch.int64}
    return {name: torch.from_numpy(array).to(kinds[array.dtype.kind]) for name, array in arrays.items()}
