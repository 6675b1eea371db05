"""How long stages took, and how long the rest of a run will take. `pipeline/commands/repro.py` measures and shows the times."""

import csv
import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from pipeline.compute.work import WORK, write_whole

MEASURED = WORK / "times.csv"  # the last time of each stage on this machine
COMMITTED = Path("benchmarks") / "times.csv"  # of the committed run, in the same form


class Time(NamedTuple):
    """The time of a stage. `params` is the hash of the parameters of its run: with others it takes another time."""

    stage: str
    params: str
    wall_s: float
    cpu_s: float


def params_hash(file: Path = Path("params.yaml")) -> str:
    """A hash of the values in a file of parameters, without its comments: 12 hexadecimal digits."""
    values = YAML(typ="safe").load(file)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def clock() -> tuple[float, float]:
    """The wall clock and the CPU time of all child processes that have ended, in s. Only differences have a meaning."""
    times = os.times()
    return times.elapsed, times.children_user + times.children_system


def read(file: Path) -> list[Time]:
    """The times in a file, or none if there is no such file."""
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        return [Time(stage, params, float(wall), float(cpu)) for stage, params, wall, cpu in [*csv.reader(lines)][1:]]


def keep(time: Time) -> None:
    """Write a stage's time to `MEASURED`, in place of the one that it had. A resumed stage has the time since it was resumed."""
    times = {each.stage: each for each in read(MEASURED)} | {time.stage: time}

    def write(file: Path) -> None:
        with file.open("w", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(Time._fields)
            writer.writerows((*each[:2], f"{each.wall_s:.1f}", f"{each.cpu_s:.1f}") for each in times.values())

    write_whole(MEASURED, write)


def expected(coming: Collection[str], params: str) -> str:
    """What to say of the time that the coming stages take, such as `, about 14 min left`; nothing if it is not known."""
    walls = [
        {each.stage: each.wall_s for each in read(file) if each.params == params} for file in (MEASURED, COMMITTED)
    ]
    seconds = left_s(coming, *walls)
    return "" if seconds is None else f", about {rounded(seconds)} left"


def left_s(coming: Collection[str], measured: Mapping[str, float], committed: Mapping[str, float]) -> float | None:
    """The wall time of the coming stages in s; None if one of them has no time.

    Where this machine has no time, the committed one counts, times the ratio of this machine's times to the committed ones.

    Args:
        measured, committed: the wall time in s of each stage, on this machine and in the committed run.
    """
    if set(coming) - measured.keys() - committed.keys():
        return None
    both = measured.keys() & committed.keys()
    there = sum(committed[stage] for stage in both)
    ratio = sum(measured[stage] for stage in both) / there if there else 1.0
    return sum(measured[stage] if stage in measured else ratio * committed[stage] for stage in coming)


def rounded(seconds: float) -> str:
    """A time with the precision of an estimate: `40 s`, `14 min` or `3.5 h`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(ran: Sequence[Time], wall_s: float, cpu_s: float, cores: int) -> str:
    """A row for each stage that ran, one for DVC and one for all, with the share of the cores that was busy.

    Args:
        wall_s, cpu_s: the time of all. DVC's own is what the stages leave of it.
    """
    stages = [(each.stage, each.wall_s, each.cpu_s) for each in ran]
    own = ("DVC itself", wall_s - sum(each.wall_s for each in ran), cpu_s - sum(each.cpu_s for each in ran))
    rows = [*stages, own, ("all", wall_s, cpu_s)]
    width = max(len(name) for name, *_ in rows)
    lines = [f"{'stage':{width}}  {'wall s':>8}  {'CPU s':>8}  of {cores} cores"]
    for name, wall, cpu in rows:
        share = f"{cpu / wall / cores:.0%}" if wall else ""
        lines.append(f"{name:{width}}  {wall:8.1f}  {cpu:8.1f}  {share:>10}".rstrip())
    return "\n".join(lines)
