"""Parallel work: one function applied to many tracks or batches, on the cores of this machine or on a Ray or Dask cluster.

Every backend returns the same bytes in the same order. See docs/clusters.md.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import joblib

from pipeline.errors import ParamsError

Result = TypeVar("Result")

RAY_CALLS = 8  # calls per core that are submitted at once


def each(function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], backend: str) -> Iterator[Result]:
    """Yield function(*call) for every call, in order.

    Args:
        backend: "loky" for processes on this machine; "ray" or "dask" for the cluster at RAY_ADDRESS or
            DASK_SCHEDULER_ADDRESS. Without that variable, a cluster is started on this machine and stopped at the end.

    Raises:
        ParamsError: the package of the backend is not installed, the cluster cannot be reached, or a worker cannot see the
            working folder.
    """
    with _cluster(backend):
        with joblib.parallel_config(backend):
            run = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="list" if backend == "ray" else "generator")
            cores = joblib.effective_n_jobs(-1)
        # Ray's backend returns all results at once. Submitting the calls in parts keeps most of them out of memory.
        part = RAY_CALLS * cores if backend == "ray" else max(len(calls), 1)
        for start in range(0, len(calls), part):
            here = calls[start : start + part]
            yield from run(joblib.delayed(_in_folder)(Path.cwd(), function, call) for call in here)


def _in_folder(folder: Path, function: Callable[..., Result], call: tuple[Any, ...]) -> Result:
    """Call a function in the project's folder: paths are relative to it, and a cluster's worker may have started elsewhere."""
    try:
        os.chdir(folder)
    except OSError as error:
        what = f"a worker on {os.uname().nodename} does not see {folder} ({error.strerror})"
        raise ParamsError(f"compute.backend: {what}; every machine must have the project at the same path") from None
    return function(*call)


def _cluster(backend: str) -> AbstractContextManager[Any]:
    try:
        if backend == "ray":
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray sends usage statistics
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            return ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        if backend == "dask":
            import dask
            from distributed import Client

            address = dask.config.get("scheduler-address", None)
            return Client(address) if address else Client(threads_per_worker=1, dashboard_address=None)
    except ImportError as error:
        advice = f"install it with: .venv/bin/pip install '.[{backend}]'"
        raise ParamsError(f"compute.backend = {backend!r}: {error.name} is not installed; {advice}") from None
    except OSError as error:
        what = " ".join(str(error).split())
        raise ParamsError(f"compute.backend = {backend!r}: {what}; start the cluster, see docs/clusters.md") from None
    return nullcontext()
