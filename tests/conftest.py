import os
from pathlib import Path

# Tests must give the same result whatever runs beside them, and toy models gain nothing from threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from smoke import house, ran, sh


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks at the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the finished clone runs in one process, which makes it once; all else beside it."""
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("finished"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which every stage has run, at smoke size. It takes minutes: copy it, and leave it as it is."""
    folder = house(tmp_path_factory.mktemp("finished") / "body-to-music")
    output = sh(folder, "dvc repro")
    assert sorted(ran(output)) == sorted(sh(folder, "dvc stage list --names-only").split())
    sh(folder, "git add -A && git commit -qm run")
    return folder
