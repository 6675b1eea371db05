"""Determinism and device: on a CPU, every run computes the same bits, on any number of cores."""

import os

import torch

# Sums depend on the number of threads that share them. More than two threads gain little on models of this size, and `make repro`
# has two trainings run side by side.
THREADS = 2


def prepare(seed: int, threads: int = THREADS) -> None:
    """Make torch deterministic and seed it. Call this before creating a model."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    # As torch.use_deterministic_algorithms, which also imports torch's compiler: 1.6 s in every process, and nothing here compiles.
    # On a GPU a warning, since cuDNN's GRU has no such guarantee.
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
    # The deterministic mode fills new memory, which takes a twentieth of a step. No code here reads memory before writing it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = False  # fp32 means float32 on a GPU too
    torch.manual_seed(seed)


def device() -> str:
    """The device for training, sampling and evaluation."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def backend(chosen: str) -> str:
    """Where independent batches are computed: on the `chosen` backend, or one after the other if there is a GPU."""
    return chosen if device() == "cpu" else "sequential"
