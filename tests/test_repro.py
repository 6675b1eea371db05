"""`make repro` says how long it took and how long the rest takes, and is `dvc repro` in everything else."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from hypothesis import given
from hypothesis import strategies as st
from smoke import ENVIRONMENT, ROOT, ran, sh

from pipeline.commands import stage_times
from pipeline.commands.repro import may_run
from pipeline.commands.stage_times import Time, left_s, params_hash, read, rounded, table

REPRO = [sys.executable, "-m", "pipeline.commands.repro"]
DVC = [sys.executable, "-m", "dvc", "repro"]
HERE = ENVIRONMENT | {"PYTHONPATH": str(ROOT), "LOKY_MAX_CPU_COUNT": "2"}
NAMES = st.sampled_from("abcdef")
TIMES = st.dictionaries(NAMES, st.floats(0.1, 1e5))
# 1 s of CPU time in each of two processes of joblib, whatever runs beside.
BURN = """
import time, joblib
def burn(_):
    start = time.process_time()
    while time.process_time() - start < 1:
        pass
if __name__ == "__main__":
    joblib.Parallel(n_jobs=2)(joblib.delayed(burn)(each) for each in range(2))
"""


# The estimate


@given(st.sets(NAMES), TIMES, TIMES)
def test_times_of_this_machine_count_before_the_committed_ones(
    coming: set[str], measured: dict[str, float], committed: dict[str, float]
) -> None:
    if coming <= measured.keys():
        assert left_s(coming, measured, committed) == pytest.approx(sum(measured[stage] for stage in coming))


@given(st.sets(NAMES), TIMES.filter(bool), st.data(), st.floats(0.1, 10))
def test_a_machine_of_half_the_speed_takes_twice_as_long(
    coming: set[str], committed: dict[str, float], data: st.DataObject, slower: float
) -> None:
    done = data.draw(st.sets(st.sampled_from(sorted(committed)), min_size=1))
    coming &= committed.keys()
    left = left_s(coming, {stage: slower * committed[stage] for stage in done}, committed)
    assert left == pytest.approx(slower * sum(committed[stage] for stage in coming))


def test_before_anything_is_measured_the_committed_times_count() -> None:
    assert left_s(["b", "c"], {}, {"a": 9.0, "b": 2.0, "c": 3.0}) == 5.0


@given(st.sets(NAMES, min_size=1), TIMES, TIMES)
def test_nothing_is_said_rather_than_something_wrong(
    coming: set[str], measured: dict[str, float], committed: dict[str, float]
) -> None:
    """A stage without a time could take days."""
    known = coming <= measured.keys() | committed.keys()
    assert (left_s(coming, measured, committed) is None) == (not known)


def test_times_of_other_parameters_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile paper takes days, and the demo's times say nothing about it."""
    monkeypatch.chdir(tmp_path)
    stage_times.keep(Time("a", "demo", 60.0, 1.0))
    assert stage_times.expected(["a"], "paper") == ""
    assert stage_times.expected(["a"], "demo") == ", about 60 s left"


def test_a_comment_is_no_other_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hashes = []
    for text in ("a: {b: 1, c: 2}", "a:  # section\n  c: 2\n  b: 1\n", "a: {b: 1, c: 3}"):
        Path("params.yaml").write_text(text)
        hashes.append(params_hash())
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (40.4, "40 s"), (95, "2 min"), (840, "14 min"), (12_600, "3.5 h")]
)
def test_a_time_is_as_precise_as_an_estimate(seconds: float, text: str) -> None:
    assert rounded(seconds) == text


def test_a_newcomer_sees_the_time_left() -> None:
    """Without a committed time for each stage of the paper's pipeline, a first run would not know how long it takes."""
    advice = "after a run with profiles/demo.yaml: cp work/times.csv benchmarks/times.csv"
    times = read(ROOT / stage_times.COMMITTED)
    own = {stage.addressing for stage in Repo(str(ROOT)).index.stages if stage.path_in_repo == "dvc.yaml"}
    assert {each.stage for each in times} == own, advice
    assert {each.params for each in times} == {params_hash(ROOT / "profiles" / "demo.yaml")}, advice
    assert all(each.wall_s > 0 for each in times)


# The plan


def stages(**changed: bool) -> dict[str, SimpleNamespace]:
    """Stages in a row, each reading what the one before writes."""

    class Stage(SimpleNamespace):
        __hash__ = object.__hash__

    return {name: Stage(addressing=name, cmd="true", changed=lambda _, yes=yes: yes) for name, yes in changed.items()}


@pytest.mark.parametrize(
    ("first", "force", "expected"),
    [("b", False, ["b", "c", "e"]), ("a", False, ["a", "b", "c", "e"]), ("d", False, ["d", "e"]), ("d", True, ["d", "e", "f"])],
)  # fmt: skip
def test_what_has_changed_and_what_reads_it_comes(first: str, force: bool, expected: list[str]) -> None:
    """a → b → c; d; e, which has changed; f."""
    these = stages(a=False, b=False, c=False, d=False, e=True, f=False)
    graph = nx.DiGraph()
    graph.add_nodes_from(these.values())
    graph.add_edges_from([(these["b"], these["a"]), (these["c"], these["b"])])
    found = may_run(these[first], list(these.values()), graph, force, missing=False)
    assert [each.addressing for each in found] == expected


def test_an_error_of_a_later_stage_is_left_to_dvc() -> None:
    def broken(_: bool) -> bool:
        raise DvcException("a file cannot be read")

    these = stages(a=True, b=False)
    these["b"].changed = broken
    assert may_run(these["a"], list(these.values()), None, force=False, missing=False) == [these["a"]]


# The table


def test_the_table_adds_up() -> None:
    rows = [Time("extract", "x", 100.0, 180.0), Time("report (not finished)", "x", 20.0, 10.0)]
    assert table(rows, 125.0, 192.0, 2).splitlines() == [
        "stage                    wall s     CPU s  of 2 cores",
        "extract                   100.0     180.0         90%",
        "report (not finished)      20.0      10.0         25%",
        "DVC itself                  5.0       2.0         20%",
        "all                       125.0     192.0         77%",
    ]


def test_the_last_time_of_a_stage_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for each in (Time("a", "x", 1.0, 2.0), Time("b", "x", 3.0, 4.0), Time("a", "y", 5.0, 6.0)):
        stage_times.keep(each)
    assert sorted(read(stage_times.MEASURED)) == [Time("a", "y", 5.0, 6.0), Time("b", "x", 3.0, 4.0)]
    assert [file.name for file in stage_times.MEASURED.parent.iterdir()] == [stage_times.MEASURED.name]


# The command


def project(folder: Path, **commands: str) -> Path:
    """A DVC project with a stage for each command. A stage reads what the one before writes, and a parameter of its name."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\nanalytics = false\n")
    (folder / "burn.py").write_text(BURN)
    names = list(commands)
    pipeline = {
        name: {"cmd": f"{command} && echo {name} > {name}", "deps": names[:i][-1:], "params": [name], "outs": [name]}
        for i, (name, command) in enumerate(commands.items())
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": pipeline}))
    (folder / "params.yaml").write_text(json.dumps(dict.fromkeys(names, 1)))
    sh(folder, "git init -q")
    return folder


def call(folder: Path, command: list[str]) -> tuple[int, str]:
    """Exit status and output."""
    done = subprocess.run(command, cwd=folder, env=HERE, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def shown(output: str) -> dict[str, tuple[float, float]]:
    """The rows of the table: wall and CPU time."""
    found = re.findall(r"^(\S.*?)  +([\d.]+) +([\d.]+)(?: +\d+%)?$", output, re.MULTILINE)
    return {name: (float(wall), float(cpu)) for name, wall, cpu in found}


@pytest.mark.slow
def test_times_are_those_of_the_stages(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", wait="sleep 1", burn=f"{sys.executable} burn.py", last="true")
    status, output = call(folder, REPRO)
    assert status == 0, output
    assert "stage 1 of 3\nRunning stage 'wait'" in output
    rows = shown(output)
    assert list(rows) == ["wait", "burn", "last", "DVC itself", "all"]
    assert rows["wait"] == (pytest.approx(1, abs=0.5), pytest.approx(0, abs=0.2))
    assert 2 <= rows["burn"][1] < 5, "1 s in each of two workers, and their start"
    assert rows["all"] == tuple(
        pytest.approx(sum(rows[name][i] for name in rows if name != "all"), abs=0.3) for i in (0, 1)
    )
    assert {each.stage: (each.wall_s, each.cpu_s) for each in read(folder / stage_times.MEASURED)} == {
        name: rows[name] for name in ("wait", "burn", "last")
    }

    status, again = call(folder, REPRO)
    assert status == 0
    assert "didn't change, skipping" in again
    assert "stage 1" not in again, "nothing ran"
    assert not shown(again), "nothing ran"

    _, forced = call(folder, [*REPRO, "--force", "--single-item", "last"])
    assert ran(forced) == ["last"]
    assert "stage 1 of 1, about 1 s left\n" in forced
    assert list(shown(forced)) == ["last", "DVC itself", "all"]


@pytest.mark.slow
def test_all_else_is_as_dvc_does_it(tmp_path: Path) -> None:
    """Output, exit status and lock, also of a run that fails."""
    ours, theirs = (project(tmp_path / name, a="echo said", b="exit 3") for name in ("ours", "theirs"))
    status, output = call(ours, REPRO)
    assert (status, re.sub(r"^stage \d.*\n|^\nstage  (.|\n)*^all .*\n", "", output, flags=re.MULTILINE)) == call(
        theirs, DVC
    )
    assert status
    assert list(shown(output)) == ["a", "b (not finished)", "DVC itself", "all"]
    assert [each.stage for each in read(ours / stage_times.MEASURED)] == ["a"], "an unfinished time says nothing"
    assert (ours / "dvc.lock").read_text() == (theirs / "dvc.lock").read_text()


@pytest.mark.slow
def test_stages_draw_their_progress_on_the_terminal(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", a="test -t 1 && test -t 2")
    ours, theirs = pty.openpty()
    assert subprocess.run(REPRO, cwd=folder, env=HERE, stdout=theirs, stderr=theirs).returncode == 0
    os.close(ours)
    os.close(theirs)


# Trainings ahead

TRAIN = """
import json, os, pathlib, sys, time
name, fails = sys.argv[1], sys.argv[2:]
begun = time.time()
kept = pathlib.Path("work") / name
kept.parent.mkdir(exist_ok=True)
ahead = "TRAINING_AHEAD" in os.environ
if ahead and fails:
    sys.exit("broken")
if not kept.exists():
    while time.process_time() < 1.5:
        print("step", file=sys.stderr)
    kept.write_text("trained")
with open(f"{name}.log", "a") as log:
    print(json.dumps([ahead, begun, time.time()]), file=log)
if not ahead:
    pathlib.Path(name).write_text(kept.read_text())
"""


def trainings(folder: Path, **arguments: str) -> Path:
    """A DVC project with a stage `data`, and a training for each name, which reads what `data` writes."""
    project(folder, data="sleep 0.1")
    (folder / "train.py").write_text(TRAIN)
    pipeline = json.loads((folder / "dvc.yaml").read_text())
    for name, argument in arguments.items():
        cmd = f"{sys.executable} train.py {name} {argument}"
        pipeline["stages"][name] = {"cmd": cmd, "deps": ["data"], "outs": [name]}
    (folder / "dvc.yaml").write_text(json.dumps(pipeline))
    return folder


@pytest.mark.slow
def test_a_training_runs_beside_another_and_its_stage_writes_its_outs(tmp_path: Path) -> None:
    folder = trainings(tmp_path / "p", train_a="", train_b="")
    status, output = call(folder, REPRO)
    assert status == 0, output
    assert ran(output) == ["data", "train_a", "train_b"]
    begun, ended = ([json.loads(line) for line in (folder / f"train_{each}.log").open()] for each in "ab")
    assert [ahead for ahead, *_ in begun] == [False]
    assert [ahead for ahead, *_ in ended] == [True, False], "first ahead, then its stage"
    assert ended[0][1] < begun[0][2], "the second begins before the first has ended"
    rows = shown(output)
    assert rows["train_a"][1] < 2.5, "what ran beside is not counted here"
    assert rows["train_b"][1] >= 1.5, "but here"
    assert "step" in output, "its progress is shown when DVC waits for it"


@pytest.mark.slow
def test_a_training_that_fails_ahead_is_done_by_its_stage(tmp_path: Path) -> None:
    folder = trainings(tmp_path / "p", train_a="", train_b="fails")
    status, output = call(folder, REPRO)
    assert status == 0, output
    assert "broken" in (folder / "work/ahead/train_b.log").read_text(), "it was never ahead"
    assert (folder / "train_b").read_text() == "trained"


@pytest.mark.slow
def test_nothing_goes_on_after_an_interrupted_run(tmp_path: Path) -> None:
    folder = trainings(tmp_path / "p", train_a="", train_b="")
    pipeline = json.loads((folder / "dvc.yaml").read_text())
    wait = "while [ ! -d work/ahead ]; do sleep 0.05; done; sleep 0.8; touch begun; sleep 60"
    pipeline["stages"]["train_a"]["cmd"] = wait
    (folder / "dvc.yaml").write_text(json.dumps(pipeline))
    (folder / "train.py").write_text("import time\ntime.sleep(3.25)\nopen('gone_on', 'w')")
    run = subprocess.Popen(REPRO, cwd=folder, env=HERE, start_new_session=True)
    while not (folder / "begun").exists():
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=60) != 0
    time.sleep(4)
    assert (folder / "work" / "ahead" / "train_b.log").exists(), "it had begun"
    assert not (folder / "gone_on").exists()


def interrupted(folder: Path, command: list[str]) -> tuple[int, str]:
    """Ctrl-C in the stage that writes `begun`: all processes of the terminal get the signal."""
    run = subprocess.Popen(command, cwd=folder, env=HERE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists():
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.05)
    if command == REPRO:
        assert [each.stage for each in read(folder / stage_times.MEASURED)] == ["a"], "kept as soon as it has ended"
    os.killpg(run.pid, signal.SIGINT)
    output, _ = run.communicate(timeout=60)
    return run.returncode, output


@pytest.mark.slow
def test_an_interrupted_run_shows_what_ran(tmp_path: Path) -> None:
    ours, theirs = (project(tmp_path / name, a="true", b="touch begun && sleep 60") for name in ("ours", "theirs"))
    status, output = interrupted(ours, REPRO)
    assert list(shown(output)) == ["a", "b (not finished)", "DVC itself", "all"]
    assert shown(output)["b (not finished)"][0] < 30
    assert [each.stage for each in read(ours / stage_times.MEASURED)] == ["a"]
    assert status == interrupted(theirs, DVC)[0] != 0
