"""The trained models that travel with the repository: those of dvc.lock, whole, and nothing else."""

import hashlib
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from smoke import ROOT, made_up, sh

from pipeline import params
from pipeline.commands import minet, publish
from pipeline.dataset.artifacts import WIDE


def expected(root: Path) -> set[str]:
    """The files that git is to keep in published/, by dvc.lock."""
    places = set()
    for name in publish.of_run(root):
        listing = publish.locked(root, name)
        assert listing and (root / publish.place(listing)).exists(), (
            f"{name} of dvc.lock is not published: run make publish-models"
        )
        places |= {publish.place(md5) for md5 in (listing, *publish.files(root / publish.place(listing)))}
    return set(map(str, places))


def kept(root: Path) -> set[str]:
    return set(sh(root, f"git ls-files {publish.PUBLISHED}/files").splitlines())


def test_the_models_that_play_without_a_run_are_those_of_a_run_of_the_wide_profile() -> None:
    """Nothing else lies there, and every file is what the lock of that run says."""
    lock = YAML(typ="safe").load(ROOT / WIDE / "dvc.lock")
    outs = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage.get("outs", ())}
    names = {f"models/{name}/{file}" for name in publish.NAMES for file in ("config.json", "weights.safetensors")}
    assert set(sh(ROOT / WIDE, "git ls-files").splitlines()) == names | {"params.yaml", "dvc.lock"}
    for name in publish.NAMES:
        files = [ROOT / WIDE / "models" / name / file for file in ("config.json", "weights.safetensors")]
        listing = [{"md5": hashlib.md5(file.read_bytes()).hexdigest(), "relpath": file.name} for file in files]
        assert outs[f"models/{name}"] == hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"
    run, wide = params.load(ROOT / WIDE / "params.yaml"), params.load(ROOT / "profiles" / "wide.yaml")
    assert run.studio.instruments == wide.studio.instruments
    assert {"vqvae", minet.MODEL, minet.CONTENT_MODEL} == set(publish.NAMES)


def test_what_git_keeps_is_what_the_lock_says() -> None:
    """A clone must get the models that the docs' figures are of, and no data that somebody has pushed."""
    assert kept(ROOT) == expected(ROOT), "run make publish-models, and commit"
    for path in kept(ROOT):
        md5 = "".join(Path(path).parts[-2:]).removesuffix(".dir")
        assert hashlib.md5((ROOT / path).read_bytes()).hexdigest() == md5, path


@pytest.mark.slow
def test_a_clone_fetches_the_models_without_a_network(tmp_path: Path) -> None:
    """After a second run, too: what is old is gone. What else is pushed to the remote does not come into git."""
    first = made_up(tmp_path / "first")
    sh(first, "python -m pipeline.commands.publish && git commit -qm published")
    before = kept(first)
    assert before == expected(first)
    (first / "models/mi_net_sync/file").write_text("trained again\n")
    sh(first, "dvc commit --force --quiet train_prior_in_time@mi_net_sync && python -m pipeline.commands.publish")
    sh(first, "dvc push --quiet models/mi_net && git add -A && git commit -qm again")
    assert kept(first) == expected(first)
    assert len(before - kept(first)) == 2, "the old file of the model, and the old list of its files"
    assert len(list((first / publish.PUBLISHED).rglob("*.dir"))) > len(publish.NAMES), "nothing else was pushed"
    sh(tmp_path, "git clone -q first second && rm -r first/.dvc first/published")
    sh(tmp_path / "second", "dvc pull models/vqvae models/mi_net_sync")
    assert (tmp_path / "second/models/mi_net_sync/file").read_text() == "trained again\n"
    assert sh(tmp_path / "second", "git status --porcelain") == ""


def test_a_run_that_is_not_finished_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  report:\n    cmd: report\n")
    assert publish.locked(tmp_path, "vqvae") is None
    (tmp_path / "dvc.lock").unlink()
    assert publish.locked(tmp_path, "vqvae") is None


def test_the_models_of_a_system_are_found_in_its_own_lock(tmp_path: Path) -> None:
    """A run of the paper's pipeline alone publishes its own."""
    assert publish.of_run(tmp_path) == publish.NAMES
    (tmp_path / "systems/imu").mkdir(parents=True)
    out = "{path: models/imu_timed, md5: 0ab.dir}"
    (tmp_path / "systems/imu/dvc.lock").write_text(f"schema: '2.0'\nstages:\n  train:\n    outs: [{out}]\n")
    assert publish.of_run(tmp_path) == (*publish.NAMES, "imu_timed")
    assert publish.locked(tmp_path, "imu_timed") == "0ab.dir"


def test_a_run_of_the_wide_profile_goes_to_where_minet_finds_it(tmp_path: Path) -> None:
    """And the models that dvc.lock's run has published stay."""
    folder = made_up(tmp_path / "here")
    sh(folder, "python -m pipeline.commands.publish && git commit -qm published")
    before = kept(folder)
    sh(folder, "cp profiles/wide.yaml params.yaml && rm models/*/file")
    for name in publish.NAMES:
        (folder / "models" / name / "config.json").write_text(f"{name}\n")
    sh(folder, "python -m pipeline.commands.publish")
    assert kept(folder) == before
    for name in publish.NAMES:
        assert (folder / WIDE / "models" / name / "config.json").read_text() == f"{name}\n"
    assert (folder / WIDE / "params.yaml").read_text() == (ROOT / "profiles/wide.yaml").read_text()
    assert (folder / WIDE / "dvc.lock").read_text() == (folder / "dvc.lock").read_text()
