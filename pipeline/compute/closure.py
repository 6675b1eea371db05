"""The modules of this project that a file imports, directly or indirectly: the code that decides its results."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "stages", "systems", "benchmarks")
# These modules read parameters, report errors, distribute work, resume killed runs, name paths or declare types. They do not
# decide results: DVC tracks the parameters and paths of each stage, and tests check that a killed run and a run on a cluster
# write the same bytes.
NO_RESULT = {
    ROOT / "pipeline" / name
    for name in (
        "params.py",
        "errors.py",
        "compute/closure.py",
        "compute/parallel.py",
        "compute/work.py",
        "dataset/artifacts.py",
        "models/protocols.py",
    )
}


@cache
def names(file: Path) -> frozenset[str]:
    """Full names of everything that a file imports, also inside functions. `from a import b` gives both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def imports(file: Path) -> frozenset[Path]:
    """Modules of this project that a file imports directly, and the packages that contain them."""
    found = set()
    for name in names(file):
        parts = name.split(".")
        if parts[0] in PACKAGES:
            for depth in range(1, len(parts) + 1):
                path = ROOT.joinpath(*parts[:depth])
                found |= {place for place in (path.with_suffix(".py"), path / "__init__.py") if place.exists()}
    return frozenset(found)


@cache
def closure(file: Path) -> frozenset[Path]:
    """A file and the modules of this project that it imports, directly or indirectly. Empty modules are left out."""
    done: set[Path] = set()
    todo = {file}
    while todo:
        done |= todo
        todo = set().union(*(imports(path) for path in todo)) - done
    return frozenset(path for path in done if path.stat().st_size)


def code(file: Path) -> frozenset[Path]:
    """The modules of a file's closure that decide its results."""
    return closure(file) - NO_RESULT


def packages(file: Path) -> frozenset[str]:
    """Top-level names of the external packages that a file's closure imports."""
    return frozenset(name.split(".")[0] for path in closure(file) for name in names(path)) - set(PACKAGES)
