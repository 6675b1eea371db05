"""dvc.yaml says the truth about the code: what a stage imports and reads is what it depends on."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
SPECS = {stage: spec.get("do", spec) for stage, spec in PIPELINE["stages"].items()}  # `do`: a stage for each variant
STAGES = sorted(SPECS)
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
NO_INPUTS = {"compute"}  # sections that say where work is done, and nothing of what comes out


@cache
def imports(file: Path) -> frozenset[Path]:
    """Modules of this project that a file imports, at any depth of its code, with the packages they lie in."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] not in ("pipeline", "stages"):
            continue
        for depth in range(1, len(parts) + 1):
            path = ROOT.joinpath(*parts[:depth])
            found |= {place for place in (path.with_suffix(".py"), path / "__init__.py") if place.exists()}
    return frozenset(found)


def closure(file: Path) -> set[Path]:
    done: set[Path] = set()
    todo = {file}
    while todo:
        done |= todo
        todo = set().union(*(imports(path) for path in todo)) - done
    return {path for path in done if path.stat().st_size}  # an empty __init__.py decides nothing


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_import_closure(stage: str) -> None:
    """A forgotten module would leave stale results in place; one too many would retrain for nothing."""
    variant = " ${key}" if "foreach" in PIPELINE["stages"][stage] else ""
    assert SPECS[stage]["cmd"] == f"python -m stages.{stage}{variant}"
    declared = {dep for dep in SPECS[stage]["deps"] if dep.endswith(".py")}
    assert declared == {str(path.relative_to(ROOT)) for path in closure(ROOT / "stages" / f"{stage}.py")}


def sections(file: Path) -> set[str]:
    """Sections of params.yaml that a file reads from the whole of the settings."""
    read = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("settings", "p"):
            read.add(node.attr)
    return read & set(PARAMS) - NO_INPUTS


@pytest.mark.parametrize("stage", STAGES)
def test_param_deps_are_the_sections_that_are_read(stage: str) -> None:
    """A section that a stage reads and does not declare would not make it run again."""
    files = closure(ROOT / "stages" / f"{stage}.py") - {ROOT / "pipeline" / "params.py"}
    takes_all = {file for file in files if "params.Params" in file.read_text()} | {ROOT / "stages" / f"{stage}.py"}
    read = set().union(*map(sections, takes_all))
    declared = {param.split(".")[0] for param in SPECS[stage].get("params", [])}
    # A variant is its base with some values changed, so who reads one reads the other; ${item} is the base of each model.
    bases = {"vqvae", "prior", "baseline", "${item}"} if "variants" in read else set()
    assert read - bases <= declared
    assert declared - bases <= read
    for param in SPECS[stage].get("params", []):
        if param.startswith("variants."):
            assert param.split(".")[1] in declared, "a variant without its base"


def test_every_variant_is_evaluated_and_reported() -> None:
    """A model that is added to params.yaml must not be forgotten on the way to the tables."""
    models = PIPELINE["vars"][0]["models"]
    variants = {name: kind for kind in ("prior", "baseline") for name in PARAMS["variants"][kind]}
    assert models == variants
    reported = set(SPECS["report"]["deps"])
    for name in (*models, *PARAMS["variants"]["vqvae"], "test_set", "training_set"):
        assert {f"metrics/{name}.json", f"evaluations/{name}"} <= reported, name


def test_every_stage_says_what_it_does() -> None:
    for stage, spec in SPECS.items():
        assert spec.get("desc"), stage


def test_the_library_never_imports_a_stage() -> None:
    for path in (ROOT / "pipeline").rglob("*.py"):
        assert not any(found.is_relative_to(ROOT / "stages") for found in imports(path)), path


@pytest.mark.parametrize("folder", ["models", "metrics"])
def test_models_and_metrics_know_no_files(folder: str) -> None:
    """They take arrays and give arrays; reading and writing is for others."""
    for path in (ROOT / "pipeline" / folder).rglob("*.py"):
        names = {node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        assert not names & {"pathlib", "pipeline.shards", "pipeline.weights", "pipeline.media", "pipeline.work"}, path


def test_dvc_lock_belongs_to_the_code() -> None:
    """The committed hashes and metrics are those of a run of this very code, with these parameters."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout, "dvc.lock is not of this code and params.yaml: run `make repro`, commit"


def test_params_are_the_demo_profile() -> None:
    """A fresh clone runs what the README shows."""
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles" / "demo.yaml").read_text()
