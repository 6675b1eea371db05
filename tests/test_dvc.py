"""dvc.yaml says the truth about the code: what a stage imports and reads is what it depends on."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.commands import deps
from pipeline.compute.closure import code

ROOT = Path(__file__).parent.parent
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
SPECS = {stage: spec.get("do", spec) for stage, spec in PIPELINE["stages"].items()}  # `do`: a stage for each variant
STAGES = sorted(SPECS)
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
NO_INPUTS = {"compute.backend"}  # says where work is done, and nothing of what comes out


def test_code_deps_and_versions_are_those_of_the_imports() -> None:
    """A forgotten module would leave stale results in place; one too many would retrain for nothing."""
    advice = "run `make deps`, and commit what it wrote"
    for file in deps.pipelines():
        assert file.read_text() == deps.pipeline(file), f"{file}: {advice}"
    assert (ROOT / "versions.yaml").read_text() == deps.versions(), advice


def module(stage: str) -> str:
    """Name of the module that a stage runs: its own, but that a prior in time waits for the movement reader."""
    return stage.removesuffix("_in_time")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_its_module(stage: str) -> None:
    each = PIPELINE["stages"][stage].get("foreach")
    variant = "" if each is None else " ${item}" if isinstance(each, list) else " ${key}"
    assert SPECS[stage]["cmd"] == f"python -m stages.{module(stage)}{variant}"
    assert f"stages/{module(stage)}.py" in SPECS[stage]["deps"]


def test_dvc_yaml_can_be_read_by_a_person() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 25 * len(STAGES)


DERIVED = {"audio.fps": {"audio.sample_rate_hz", "audio.hop_length"}, "notes.indices": {"notes"}}


def read_by(file: Path) -> set[str]:
    """Parameters that a file reads: section.key, or a section that it hands on as a whole."""
    read = set()
    tree = ast.parse(file.read_text())
    inner = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id in ("settings", "p"):
            key = f"{node.attr}.{inner[id(node)]}" if id(node) in inner else node.attr
        else:  # a section on its own bears its name: log_spectrogram(sound, audio)
            key = f"{node.value.id}.{node.attr}"
            if not isinstance(PARAMS.get(node.value.id), dict) or node.attr not in PARAMS[node.value.id]:
                continue
        read |= DERIVED.get(key, {key})
    return {key for key in read if key.split(".")[0] in PARAMS and key not in NO_INPUTS}


def declared_by(stage: str) -> set[str]:
    (declared,) = (each["params.yaml"] for each in SPECS[stage]["params"] if "params.yaml" in each)
    return set(declared)


@pytest.mark.parametrize("stage", STAGES)
def test_param_deps_are_the_ones_that_are_read(stage: str) -> None:
    """A value that a stage reads and does not declare would not make it run again."""
    script = ROOT / "stages" / f"{module(stage)}.py"
    takes_any = {file for file in code(script) if re.search(r"params\.[A-Z]", file.read_text())} | {script}
    read, declared = set().union(*map(read_by, takes_any)), declared_by(stage)
    sections, written = {key.split(".")[0] for key in read}, {key.split(".")[0] for key in declared}
    # A variant is its base with some values changed, so who reads one reads the other; ${item} is the base of each model.
    bases = {"vqvae", "prior", "baseline", "${item}"} if "variants" in sections else set()
    # The base of the reader's own, and of the priors'.
    bases |= {"variation"} if "reader" in sections or stage.startswith("train_prior") else set()
    assert sections - bases <= written
    assert written - bases <= sections
    for key in read:
        if key.split(".")[0] not in bases | {"variants"}:
            whole, part = key.split(".")[0], "." in key
            assert {key, whole} & declared or (not part and whole in written), f"{key} is read and not declared"
    for key in declared:
        if key.startswith("variants."):
            assert key.split(".")[1] in written, "a variant without its base"


def test_every_variant_is_evaluated_and_reported() -> None:
    """A model that is added to params.yaml must not be forgotten on the way to the tables."""
    models = PIPELINE["vars"][0]["models"]
    variants = {name: kind for kind in ("prior", "baseline") for name in PARAMS["variants"][kind]}
    assert models == variants
    reported = set(SPECS["report"]["deps"])
    for name in (*models, *PARAMS["variants"]["vqvae"], "test_set", "training_set"):
        assert {f"metrics/{name}.json", f"evaluations/{name}"} <= reported, name


def test_the_priors_in_time_wait_for_the_movement_reader_and_the_others_do_not() -> None:
    """The others can train while the reader does. One in time without it would be trained on an old reader."""
    for stage in ("train_prior", "train_prior_in_time"):
        in_time = "models/reader" in SPECS[stage]["deps"]
        assert in_time == (stage == "train_prior_in_time")
        priors = {name: PARAMS["prior"] | (chosen or {}) for name, chosen in PARAMS["variants"]["prior"].items()}
        asked = {name for name, chosen in priors.items() if (chosen["network"] == "mi_net_sync") == in_time}
        assert set(PIPELINE["stages"][stage]["foreach"]) == asked


def test_every_stage_says_what_it_does() -> None:
    for stage, spec in SPECS.items():
        assert spec.get("desc"), stage


def test_dvc_lock_belongs_to_the_code() -> None:
    """The committed hashes and metrics are those of a run of this very code, with these parameters.

    All of them are asked at once: DVC refuses a second process in the same folder. A system without a lock has not been run yet.
    """
    files = [str(file.relative_to(ROOT)) for file in deps.pipelines() if file.with_name("dvc.lock").exists()]
    assert "dvc.yaml" in files
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["dvc", "repro", "--dry", "--allow-missing", *files]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    stale = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert not stale, f"a lock is not of this code and its parameters: run {', '.join(stale)}, commit"


def test_dvc_lock_has_no_other_stages() -> None:
    """DVC leaves a stage that was renamed or removed in its lock. Its outs would be taken for those of the run."""
    lock = YAML(typ="safe").load(ROOT / "dvc.lock")["stages"]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--names-only"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(lock) == sorted(done.stdout.split()), "delete the others from dvc.lock"


def test_params_are_the_demo_profile() -> None:
    """A fresh clone runs what the README shows."""
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles" / "demo.yaml").read_text()
