"""Input that cannot be used: named and set aside, while the rest goes on."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True, order=True)
class SetAside:
    """One thing that a run did not use, or used with a remark: the file, what is wrong, and what the user can do."""

    file: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"note: {self.file}: {self.what}; {self.advice}"


class NothingLeft(ValueError):
    """Every track was set aside, or there was none. The message ends in what to do."""


def write(folder: str | Path, items: Iterable[SetAside]) -> None:
    """Print each item and keep them all in `<folder>/set_aside.csv` (written even when empty)."""
    rows = sorted(set(items))
    for row in rows:
        print(row, flush=True)
    table = pd.DataFrame([asdict(row) for row in rows], columns=["file", "what", "advice"])
    table.to_csv(Path(folder) / "set_aside.csv", index=False)


def read(folder: str | Path) -> list[SetAside]:
    """The items that `write` kept in the folder."""
    table = pd.read_csv(Path(folder) / "set_aside.csv", dtype=str, keep_default_na=False)
    return [SetAside(*row) for row in table.itertuples(index=False, name=None)]
