"""What one computer has computed, another need not: docs/sharing.md."""

from pathlib import Path

import pytest
from smoke import PULL, made_up, sh

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a repository with this dvc.yaml, its outs pushed to a folder beside it. The outs are made up: what
    moves them is not what computes them."""
    folder = tmp_path_factory.mktemp("sharing")
    first = made_up(folder / "first")
    sh(first, f"dvc remote add --quiet --default lab {folder / 'remote'} && git commit -qam remote && dvc push --quiet")
    sh(folder, "git clone -q first second")
    return folder / "second"


def test_after_a_pull_nothing_is_left_to_compute(shared: Path) -> None:
    """An out that is neither in the shared cache nor in git would be computed again on every machine."""
    assert not (shared / "data").exists()
    sh(shared, f"{PULL} --quiet")
    said = sh(shared, "dvc repro")
    assert "Running stage" not in said
    assert "up to date" in said
    assert sh(shared, "git status --porcelain") == ""


def test_another_backend_is_no_reason_to_compute_again(shared: Path) -> None:
    """compute.backend says where the work is done, and nothing of what comes out."""
    params = shared / "params.yaml"
    whole = params.read_text()
    assert "  backend: loky" in whole
    params.write_text(whole.replace("  backend: loky", "  backend: ray"))
    assert "Running stage" not in sh(shared, "dvc repro --dry --allow-missing")
    params.write_text(whole)


def test_a_corpus_in_data_raw_can_be_added(shared: Path) -> None:
    """Where git ignores the .dvc file, `dvc add` refuses."""
    corpus = shared / "data/raw/urmp"
    corpus.mkdir(parents=True)
    (corpus / "AuMix.wav").write_bytes(b"sound")
    sh(shared, "dvc add --quiet data/raw/urmp && git add data")
    assert sh(shared, "git diff --cached --name-only").split() == ["data/raw/urmp.dvc"]
