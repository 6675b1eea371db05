"""The trained models that travel with the repository: those of dvc.lock, whole, and nothing else."""

import hashlib
from pathlib import Path

import pytest
from smoke import ROOT, made_up, sh

from pipeline.commands import publish


def expected(root: Path) -> set[str]:
    """The files that git is to keep in published/, by dvc.lock."""
    places = set()
    for name in publish.NAMES:
        listing = publish.locked(root, name)
        assert listing and publish.published(root, name), (
            f"{name} of dvc.lock is not published: run make publish-models"
        )
        places |= {publish.place(md5) for md5 in (listing, *publish.files(root / publish.place(listing)))}
    return set(map(str, places))


def kept(root: Path) -> set[str]:
    return set(sh(root, f"git ls-files {publish.PUBLISHED}").splitlines())


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


def test_a_run_that_is_not_finished_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  report:\n    cmd: report\n")
    assert not publish.published(tmp_path, "vqvae")
    (tmp_path / "dvc.lock").unlink()
    assert not publish.published(tmp_path, "vqvae")
