"""Determinism and device: on a CPU, every run on one machine computes the same bits."""

import os

import torch


def prepare(seed: int) -> None:
    """Make torch deterministic and seed it. Call this before creating a model."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())  # cuDNN's GRU has no such guarantee
    # The deterministic mode fills new memory, which takes a twentieth of a step. No code here reads memory before writing it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = False  # fp32 means float32 on a GPU too
    torch.manual_seed(seed)


def device() -> str:
    """The device for training, sampling and evaluation."""
    return "cuda" if torch.cuda.is_available() else "cpu"
