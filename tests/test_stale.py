"""A stage runs again for a reason: each edit of the table in CONTRIBUTING.md makes stale what the table says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo
from smoke import ROOT, made_up, sh

pytestmark = pytest.mark.slow

Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def up_to_date(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("stale") / "repository")


def line_more(*files: str) -> Edit:
    def edit(folder: Path) -> None:
        for file in files:
            with open(folder / file, "a") as opened:
                opened.write("# A line more.\n")

    return edit


def other(file: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text, f"{file} has no {old!r}"
        (folder / file).write_text(text.replace(old, new, 1))

    return edit


def version(package: str) -> Edit:
    def edit(folder: Path) -> None:
        lines = (folder / "versions.yaml").read_text().splitlines()
        assert any(line.startswith(f"{package}:") for line in lines)
        changed = [f'{package}: "0"' if line.startswith(f"{package}:") else line for line in lines]
        (folder / "versions.yaml").write_text("\n".join(changed) + "\n")

    return edit


def new_prior(folder: Path) -> None:
    other("params.yaml", "    mi_net: #", "    mi_net_wide:\n      width: 256\n    mi_net: #")(folder)
    other("dvc.yaml", "      mi_net: prior", "      mi_net_wide: prior\n      mi_net: prior")(folder)
    other("dvc.yaml", "foreach: [mi_net,", "foreach: [mi_net_wide, mi_net,")(folder)


# In the order and with the words of the table.
EDITS: dict[str, Edit] = {
    "a comment in `report/figures.py`": line_more("pipeline/report/figures.py"),
    "a line of `metrics/ndb.py`": line_more("pipeline/metrics/ndb.py"),
    "a line of `models/vqvae.py`": line_more("pipeline/models/vqvae.py"),
    "`prior.heads`": other("params.yaml", "  heads: 4 # attention heads (paper: 8)", "  heads: 8"),
    "a prior more, `mi_net_wide`": new_prior,
    "`keypoints.min_detection_confidence`": other(
        "params.yaml", "min_detection_confidence: 0.5", "min_detection_confidence: 0.6"
    ),
    "MediaPipe's version": version("mediapipe"),
    "torch's version": version("torch"),
    "matplotlib's version": version("matplotlib"),
    "a line of `corpus/urmp.py`, a reader": line_more("pipeline/corpus/urmp.py"),
    "a line of `params.py` or `errors.py`": line_more("pipeline/params.py", "pipeline/errors.py"),
}


def table() -> dict[str, str]:
    """Edit → stages, of the table in CONTRIBUTING.md."""
    lines = (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    first = lines.index("| edit | stages that run again |") + 2
    rows = lines[first : lines.index("", first)]
    return {edit: stages for edit, stages in (row.strip("| ").split(" | ") for row in rows)}


def shortened(stale: set[str], repo: Repo) -> str:
    """Stages in the order of dvc.yaml; where all variants of one are stale, its name alone."""
    named: dict[str, list[str]] = {}
    for stage in repo.index.stages:
        base = stage.name.partition("@")[0]
        named.setdefault(base, []).append(stage.name)
    parts = []
    for base, names in named.items():
        if here := [name for name in names if name in stale]:
            parts += [f"`{base}`"] if len(here) == len(names) else [f"`{name}`" for name in here]
    return ", ".join(parts) or "none"


def test_the_table_has_every_edit() -> None:
    assert list(table()) == list(EDITS)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_stale_what_the_table_says(up_to_date: Path, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    """`dvc status`, in this process: it takes half of the time."""
    monkeypatch.chdir(up_to_date)
    EDITS[edit](up_to_date)
    try:
        repo = Repo()
        stale = shortened(set(repo.status()), repo)
    finally:
        sh(up_to_date, "git checkout -q .")
    assert table()[edit] == stale
