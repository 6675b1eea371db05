"""Writes what dvc.yaml cannot say for itself: `make deps`.

A stage depends on the modules that it imports, at any depth, and on the versions of the packages that these compute with. Both
follow from the imports, so nobody keeps them by hand. The versions stand in versions.yaml, copied from constraints.txt, since DVC
reads parameters from YAML.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pipeline.compute.closure import ROOT, code, packages
from pipeline.compute.work import COMPUTE

WIDTH = 128  # characters of a line of deps


def main() -> None:
    for name, new in (("dvc.yaml", pipeline()), ("versions.yaml", versions())):
        file = ROOT / name
        if not file.exists() or file.read_text(encoding="utf-8") != new:
            file.write_text(new, encoding="utf-8")
            print(f"{name}: written")


def versions() -> str:
    """versions.yaml: the pinned version of every package that makes bytes."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    lines = [f'{name}: "{pins[name]}"\n' for name in sorted(COMPUTE.values())]
    return (
        "# Of the packages that make bytes, so that another version runs their stages again; written by `make deps`.\n"
        + "".join(lines)
    )


def pipeline() -> str:
    """dvc.yaml with the code deps and the versions of every stage written anew."""
    return "".join(f"{line}\n" for line in _lines((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()))


def _lines(old: list[str]) -> Iterator[str]:
    stage, old_code = Path(), False
    for line in old:
        if found := re.fullmatch(r"  (\w+):", line):
            stage = ROOT / "stages" / f"{found[1]}.py"
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
