"""Writes the code deps and the package versions of dvc.yaml, and of the dvc.yaml of each of systems/: `make deps`.

A stage depends on the modules that it imports, directly or indirectly, and on the versions of the packages that compute its
results. Both are derived from the imports. The versions are copied from constraints.txt to versions.yaml, since DVC reads
parameters from YAML.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pipeline.compute.closure import ROOT, code, packages
from pipeline.compute.work import COMPUTE

WIDTH = 128  # characters per line of deps


def main() -> None:
    for file, new in ((ROOT / "versions.yaml", versions()), *((file, pipeline(file)) for file in pipelines())):
        if not file.exists() or file.read_text(encoding="utf-8") != new:
            file.write_text(new, encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: written")


def pipelines() -> list[Path]:
    """Every dvc.yaml: the root's, and one for each system beyond the paper."""
    return [ROOT / "dvc.yaml", *sorted(ROOT.glob("systems/*/dvc.yaml"))]


def versions() -> str:
    """The text of versions.yaml: the pinned version of every package that affects results."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    lines = [f'{name}: "{pins[name]}"\n' for name in sorted(COMPUTE.values())]
    return (
        "# The packages that affect results. A new version makes their stages run again. Written by `make deps`.\n"
        + "".join(lines)
    )


def pipeline(file: Path) -> str:
    """The text of a dvc.yaml, with new code deps and versions for every stage."""
    return "".join(f"{line}\n" for line in _lines(file.read_text(encoding="utf-8").splitlines()))


def _lines(old: list[str]) -> Iterator[str]:
    stage, old_code = Path(), False
    for line in old:
        if found := re.fullmatch(r" +cmd: python -m ([\w.]+).*", line):
            stage = ROOT / f"{found[1].replace('.', '/')}.py"
        if old_code and line.strip() != "]":
            continue
        old_code = line.strip().startswith("# code")
        if re.fullmatch(r" +- versions\.yaml: \[.*\]", line):
            names = sorted(COMPUTE[name] for name in packages(stage) & set(COMPUTE))
            line = f"{line.partition('[')[0]}[{', '.join(names)}]"
        yield line
        if old_code:
            modules = sorted(str(path.relative_to(ROOT)) for path in code(stage))
            indent = line.partition("#")[0]
            yield from textwrap.wrap(
                ", ".join(modules) + ",", WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
            )


if __name__ == "__main__":
    main()
