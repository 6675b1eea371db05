"""The same bits at every run on one machine."""

import os

import torch


def prepare(seed: int) -> None:
    """Make torch deterministic and seed it. Call it before a model is made."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())  # cuDNN's GRU has no such guarantee
    # Nothing here reads memory that was not written; filling it first, as the deterministic mode does, takes a twentieth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(seed)
