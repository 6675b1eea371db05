"""The modules of this project that a file imports, at any depth: the code that decides what it computes."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "stages", "benchmarks")
# What a user sets and is told, where work is done and how it survives a kill. No value of a result comes from these: parameters
# are parameters of the stage, and tests hold that a killed run and a run on a cluster end with the same bytes.
NO_RESULT = {ROOT / "pipeline" / name for name in ("params.py", "errors.py")} | {
    ROOT / "pipeline" / "compute" / name for name in ("closure.py", "parallel.py", "work.py")
}


@cache
def names(file: Path) -> frozenset[str]:
    """Full names of all that a file imports, also inside its functions; of `from a import b` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def imports(file: Path) -> frozenset[Path]:
    """Modules of this project that a file imports itself, with the packages in which they lie."""
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
    """A file and the modules of this project that it imports, at any depth; without the empty ones, which decide nothing."""
    done: set[Path] = set()
    todo = {file}
    while todo:
        done |= todo
        todo = set().union(*(imports(path) for path in todo)) - done
    return frozenset(path for path in done if path.stat().st_size)


def code(file: Path) -> frozenset[Path]:
    """The modules of a file's closure that decide what it computes."""
    return closure(file) - NO_RESULT


def packages(file: Path) -> frozenset[str]:
    """Top-level names of the packages of others that a file's closure imports."""
    return frozenset(name.split(".")[0] for path in closure(file) for name in names(path)) - set(PACKAGES)
