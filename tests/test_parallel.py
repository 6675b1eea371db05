"""Whatever computes, the results are the same, and a backend that cannot be used is named in one line."""

import importlib.util
import os
from pathlib import Path

import pytest
from make_media import digests, players, run_stage, workplace

from pipeline.compute import parallel
from pipeline.errors import ParamsError

pytestmark = pytest.mark.slow

CLUSTERS = ["dask", "ray"]


def needs(backend: str) -> None:
    if importlib.util.find_spec("distributed" if backend == "dask" else backend) is None:
        pytest.skip(f"{backend} is not installed: .venv/bin/pip install '.[{backend}]'")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn players in two pieces of 2 s."""
    return players(tmp_path_factory.mktemp("studio"), [("ob", "cl"), ("sax",)], duration_s=2)


def outs(place: Path, studio: Path, backend: str) -> dict[str, str]:
    """Hashes of what extract and spectrograms write with a backend."""
    corpus = {"name": "studio", "root": os.path.relpath(studio, place)}  # relative: a worker starts in another folder
    workplace(place, corpus=corpus, windows={"duration_s": 1}, compute={"backend": backend})
    assert run_stage(place, "tracks").returncode == 0
    found = {}
    for stage, folder in (("extract", "keypoints"), ("spectrograms", "spectrograms")):
        done = run_stage(place, stage)
        assert done.returncode == 0, done.stderr
        found |= {f"{folder}/{name}": value for name, value in digests(place / "data" / folder).items()}
    return found


@pytest.fixture(scope="module")
def on_this_machine(tmp_path_factory: pytest.TempPathFactory, studio: Path) -> dict[str, str]:
    return outs(tmp_path_factory.mktemp("loky"), studio, "loky")


@pytest.mark.parametrize("backend", CLUSTERS)
def test_a_cluster_gives_the_same_bytes(
    tmp_path: Path, studio: Path, on_this_machine: dict[str, str], backend: str
) -> None:
    """A result that hung on where it was computed could not be reproduced."""
    needs(backend)
    assert outs(tmp_path, studio, backend) == on_this_machine


@pytest.mark.parametrize("backend", CLUSTERS)
def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    for name in ("ray", "ray.util.joblib", "distributed"):
        monkeypatch.setitem(__import__("sys").modules, name, None)  # as if it were not there
    with pytest.raises(ParamsError, match=rf"compute.backend = '{backend}': .*/pip install '\.\[{backend}\]'") as error:
        list(parallel.each(abs, [(-1,)], backend))
    assert "\n" not in str(error.value)
