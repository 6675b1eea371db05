"""What a run left out, or used with a remark: a line each on the screen, and a CSV file beside the results."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, order=True)
class SetAside:
    """One thing that a run did not use, or used with a remark: the file, what is wrong, and what the user can do."""

    file: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"note: {self.file}: {self.what}; {self.advice}"


def write_set_aside(path: str | Path, items: Iterable[SetAside]) -> None:
    """Print each item and keep them all in a CSV file (written even when empty)."""
    rows = sorted(set(items))
    for row in rows:
        print(row, flush=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([[field.name for field in fields(SetAside)], *map(astuple, rows)])


def read_set_aside(path: str | Path) -> list[SetAside]:
    """The items that `write_set_aside` kept."""
    with open(path, encoding="utf-8", newline="") as file:
        return [SetAside(*row) for row in list(csv.reader(file))[1:]]
