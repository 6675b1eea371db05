import os
from pathlib import Path

# Tests must give the same result whatever runs beside them, and toy models gain nothing from threads. Those of a stage, which sets
# their number itself, sleep while they wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import pytest
from filelock import FileLock
from smoke import house, ran, sh

# What runs beside may make an example slow, and says nothing about the code.
hypothesis.settings.register_profile(
    "beside others", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("beside others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process makes the finished clone, which takes minutes, while the other runs what does not need it. What needs a run of
    several stages is slow."""
    fixtures = {item: set(getattr(item, "fixturenames", ())) for item in items}
    need = [item for item in items if "finished" in fixtures[item]]
    for item in items:
        if fixtures[item] & {"finished", "stages"}:
            item.add_marker(pytest.mark.slow)
    items[:] = need[:1] + [item for item in items if item not in need] + need[1:]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A clone in which every stage has run, at smoke size. It takes minutes, so the processes of pytest-xdist share it: copy
    it, and leave it as it is."""
    place = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        place = place.parent
    folder, done = place / "finished" / "body-to-music", place / "finished" / "done"
    with FileLock(place / "finished.lock"):
        if not done.exists():
            output = sh(house(folder), "dvc repro")
            assert sorted(ran(output)) == sorted(sh(folder, "dvc stage list --names-only").split())
            sh(folder, "git add -A && git commit -qm run")
            done.touch()
    return folder
