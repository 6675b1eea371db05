"""The rooms stand in the order in which data flow: each imports only what stands above it, or beside it in its own room."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.compute.closure import NO_RESULT, ROOT, closure, code, imports, names

ORDER = (
    "params",
    "errors",
    "compute",
    "media",
    "audio",
    "notes",
    "dataset",
    "corpus",
    "keypoints",
    "sensors",
    "studio",
    "models",
    "training",
    "sampling",
    "metrics",
    "evaluation",
    "report",
    "study",
    "commands",
)
LIBRARY = sorted(path for path in (ROOT / "pipeline").rglob("*.py") if path.stat().st_size)
STAGES = sorted(path for path in (ROOT / "stages").glob("*.py") if path.stat().st_size)


def room(path: Path) -> str:
    return path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in LIBRARY} == set(ORDER)
    assert {path.name for path in (ROOT / "pipeline").glob("*.py")} == {"__init__.py", "params.py", "errors.py"}


def test_packages_are_empty() -> None:
    """To import a package is to import nothing: a constant in it would drag its neighbours along."""
    assert not [path for path in (ROOT / "pipeline").rglob("__init__.py") if path.stat().st_size]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_goes_against_the_flow(path: Path) -> None:
    for found in imports(path):
        assert found.is_relative_to(ROOT / "pipeline"), f"the library imports {found}"
        if found.stat().st_size and room(found) not in ("params", "errors"):
            assert ORDER.index(room(found)) <= ORDER.index(room(path)), found


@pytest.mark.parametrize("path", [*LIBRARY, *STAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_there_is_no_circle(path: Path) -> None:
    assert not any(path in closure(found) for found in imports(path) if found != path), path


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_no_stage_imports_a_stage_or_a_command(path: Path) -> None:
    for found in imports(path):
        assert not found.is_relative_to(ROOT / "pipeline" / "commands")
        assert not found.is_relative_to(ROOT / "stages") or not found.stat().st_size


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [("models", {"pipeline.models"}), ("metrics", {"pipeline.metrics", "pipeline.keypoints.skeleton"})],
)
def test_models_and_metrics_know_no_files(folder: str, allowed: set[str]) -> None:
    """They take arrays and give arrays; reading and writing is for others."""
    for path in (ROOT / "pipeline" / folder).glob("*.py"):
        own = {name for name in names(path) if name.startswith("pipeline.")}
        assert not {name for name in own if not any(name.startswith(one) for one in allowed)}, path
        assert not names(path) & {"pathlib", "os", "io", "json", "pandas"}, path


def test_what_decides_no_result_makes_no_work_anew() -> None:
    """A reworded error must not throw away a day of detection; the detector's own line must."""
    stage = ROOT / "stages" / "extract.py"
    assert all(path.exists() for path in NO_RESULT)
    assert closure(stage) - code(stage) == NO_RESULT - {ROOT / "pipeline" / "models" / "protocols.py"}


@pytest.mark.parametrize("stage", ["clean", "notes", "split"])
def test_the_closure_is_what_python_imports(stage: str) -> None:
    """What decides when a stage runs again is read from the source; here Python itself says what it imports."""
    code = f"import sys, stages.{stage}; print(*(getattr(module, '__file__', None) for module in sys.modules.values()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    files = (Path(file) for file in done.stdout.split())
    own = {file for file in files if any(file.is_relative_to(ROOT / name) for name in ("pipeline", "stages"))}
    assert {file for file in own if file.stat().st_size} == closure(ROOT / "stages" / f"{stage}.py")


@pytest.mark.slow
def test_benchmarks_find_what_they_import() -> None:
    """No stage and no other test imports them, so a name that moved would break them unseen."""
    modules = ", ".join(f"benchmarks.{path.stem}" for path in sorted((ROOT / "benchmarks").glob("*.py")))
    done = subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
