"""`dvc repro`, with its times: `python -m pipeline.commands.repro`, with the arguments of `dvc repro`.

Trainings start ahead of their stage (commands/ahead.py). When a stage begins, a line says how long the rest takes. At the end, a
table has the wall and CPU time of each stage that ran.

DVC runs in this process, with a hook where it plans and a hook where it runs the command of a stage. Its output, its progress bars,
its exit status and its answer to Ctrl-C are therefore its own. The stages are child processes of this one, so the operating system
counts their CPU time, and that of every process which they started and waited for.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import dvc.cli
import dvc.repo.reproduce
import dvc.stage.run
import joblib
from dvc.exceptions import DvcException

from pipeline.commands.ahead import Ahead
from pipeline.commands.stage_times import Time, clock, expected, keep, params_hash, table


def main() -> None:
    sys.exit(repro(sys.argv[1:]))


def repro(arguments: Sequence[str]) -> int:
    """Run `dvc repro` with these arguments, and print the times of the stages that ran. Returns DVC's exit status."""
    begin, own = clock(), time.process_time()
    steps: dict[str, Any] = {}
    plan: list[str] = []
    ran: list[Time] = []
    ahead: Ahead | None = None
    reproduce, run_command = dvc.repo.reproduce._reproduce, dvc.stage.run.cmd_run

    def planned(stages: Sequence[Any], graph: Any = None, force: bool = False, **options: Any) -> Any:
        missing = options.get("allow_missing") or options.get("pull") or False
        steps.update(stages=stages, graph=graph, force=force, missing=missing)
        return reproduce(stages, graph=graph, force=force, **options)

    def timed(stage: Any, dry: bool = False, **options: Any) -> None:
        name = stage.addressing
        if dry:
            run_command(stage, dry=dry, **options)
            return
        params = params_hash()
        nonlocal ahead
        if ahead is None:  # not before, since it would only take time if no stage ran
            with stage.repo.lock:  # DVC lets go of it while a command runs
                coming = may_run(stage, **steps)
            plan.extend(each.addressing for each in coming)
            ahead = Ahead(coming, steps["graph"], at_once() if steps["graph"] is not None else 0)
        if name in plan:
            position = plan.index(name)
            print(f"stage {position + 1} of {len(plan)}{expected(plan[position:], params)}", flush=True)
        start, others_s = clock(), sum(ahead.cpu_s.values())
        try:
            ahead.begin(name)
            run_command(stage, **options)
        except BaseException:
            name += " (not finished)"
            raise
        finally:
            wall_s, cpu_s = (after - before for after, before in zip(clock(), start, strict=True))
            # A training ahead is counted where it belongs, not where it ended.
            cpu_s += ahead.cpu_s.get(stage.addressing, 0) - (sum(ahead.cpu_s.values()) - others_s)
            ran.append(Time(name, params, wall_s, cpu_s))
        keep(ran[-1])

    dvc.repo.reproduce._reproduce, dvc.stage.run.cmd_run = planned, timed
    try:
        status = dvc.cli.main(["repro", *arguments])
    finally:
        if ahead is not None:
            ahead.stop()
    if ran:
        wall_s, cpu_s = (after - before for after, before in zip(clock(), begin, strict=True))
        print(f"\n{table(ran, wall_s, cpu_s + time.process_time() - own, joblib.cpu_count())}", flush=True)
    return status


def at_once() -> int:
    """How many trainings start ahead: as many as fill this machine with `THREADS` threads each; none if a GPU does the work."""
    from pipeline.compute import determinism  # takes seconds: only if a stage runs

    return joblib.cpu_count() // determinism.THREADS if determinism.device() == "cpu" else 0


def may_run(first: Any, stages: Sequence[Any], graph: Any, force: bool, missing: bool) -> list[Any]:
    """The stages that run if `first` does: itself, those after it that have changed, and all that read what these write.

    Of the others DVC runs none. Of these it skips a stage if what it reads turns out to be the same as before. What is hashed here
    DVC need not hash again.

    Args:
        stages: all, in DVC's order.
        graph: from each stage to those that it reads from, or None if what a stage reads makes no other run.
        force: all stages run.
        missing: files that are missing make no stage run.
    """
    found = [first]
    for stage in stages[stages.index(first) + 1 :]:
        runs = force or (graph is not None and any(each in found for each in graph.successors(stage)))
        with suppress(DvcException):  # DVC reports it when it comes to this stage
            runs = runs or stage.changed(missing)
        if runs and stage.cmd:  # a .dvc file has no command
            found.append(stage)
    return found


if __name__ == "__main__":
    main()
