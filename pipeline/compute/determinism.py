"""The same bits at every run on one machine, and how many of them a number has."""

import os

import torch


def prepare(seed: int) -> None:
    """Make torch deterministic and seed it. Call it before a model is made."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())  # cuDNN's GRU has no such guarantee
    # Nothing here reads memory that was not written; filling it first, as the deterministic mode does, takes a twentieth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(seed)


def device() -> str:
    """Where models are trained, sampled and judged: the one place that picks it."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def has_bf16() -> bool:
    """Whether this machine multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported()
