"""What the pages say of the committed run is what its metrics say: `make figures` writes it."""

import copy
import json
import re
from pathlib import Path

import pytest

from pipeline.commands.figures import FIGURE, PICTURES, TABLES, rewritten

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
METRICS = {file.stem: json.loads(file.read_text()) for file in (ROOT / "metrics").glob("*.json")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_figures_of_the_committed_metrics(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rewritten(text, METRICS) == text, "run: make figures"


def test_every_table_is_on_a_page_and_every_mark_is_understood() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"<!-- figures: (\w+) -->", text)) == set(TABLES)
    assert text.count("<!-- figures: ") == text.count("<!-- end -->")
    assert len(re.findall(r"<!-- \w+\.\w+ -->", text)) == len(FIGURE.findall(text)) > 0


def test_a_changed_metric_changes_the_tables_and_the_sentences() -> None:
    changed = copy.deepcopy(METRICS)
    changed["mi_net_sync"]["onset_f1"] = 0.4321
    changed["vqvae"]["mse"] = 0.75 * METRICS["vqvae_plain"]["mse"]
    readme = rewritten((ROOT / "README.md").read_text(encoding="utf-8"), changed)
    assert re.search(r"^\| MI Net in time \|.*\| 0\.43 \(", readme, re.MULTILINE)
    assert "0.43<!-- mi_net_sync.onset_f1 -->" in readme
    assert "25.0<!-- vqvae.percent_below_plain -->" in readme


def test_a_figure_keeps_its_decimals_and_its_sentence() -> None:
    metrics = {"mi_net": {"ndb": 12.6667, "onset_lag_s": -0.112}}
    text = "Of 50 it is 1.0<!-- mi_net.ndb -->, about 1<!-- mi_net.ndb -->; -1.00<!-- mi_net.onset_lag_s --> s."
    new = "Of 50 it is 12.7<!-- mi_net.ndb -->, about 13<!-- mi_net.ndb -->; -0.11<!-- mi_net.onset_lag_s --> s."
    assert rewritten(text, metrics) == new == rewritten(new, metrics)


@pytest.mark.parametrize(
    "mark", ["1.0<!-- mi_net.nbd -->", "1.0<!-- mi_net.mse -->", "<!-- figures: mian -->\n<!-- end -->"]
)
def test_a_mark_without_a_value_is_no_old_figure(mark: str) -> None:
    with pytest.raises(KeyError):
        rewritten(mark, {"mi_net": {"ndb": 12.6667, "mse": None}})


def test_every_copied_picture_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(f"{name})" in text and (ROOT / "docs" / name).exists() for name in PICTURES)
