"""Writes the figures of the committed run into README.md and docs/: `make figures`.

All of them come from metrics/*.json, so that no figure of a run is copied by hand. Two kinds of marks say where they stand. Both
are comments, which a reader of the page does not see:

- A table stands between `<!-- figures: NAME -->` and `<!-- end -->`. It is written whole.
- A figure in a sentence stands before the name of its metric, as in `0.79<!-- mi_net_sync.onset_f1 -->`. It keeps its number of
  decimals.

The pictures in docs/ are copies of those in reports/.
"""

import json
import re
import shutil

import pandas as pd

from pipeline.compute.closure import ROOT
from pipeline.dataset.artifacts import METRICS, REPORTS
from pipeline.report import tables
from pipeline.report.rows import NAMES, NDB_ROWS, PRIORS, RECORDED, Metrics

TABLE = re.compile(r"(?P<begin><!-- figures: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
FIGURE = re.compile(r"-?\d+(?:\.(?P<decimals>\d+))?(?P<mark><!-- (?P<name>\w+\.\w+) -->)")
PICTURES = {  # in docs/ → in reports/
    "seen_and_heard.png": "seen_and_heard.png",
    "in_time.png": "onsets.png",
    "body_states.png": "figure_7_body_states.png",
}


def main() -> None:
    metrics = {file.stem: json.loads(file.read_text()) for file in sorted((ROOT / METRICS).glob("*.json"))}
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))):
        old = page.read_text(encoding="utf-8")
        new = rewritten(old, metrics)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: written")
    if not (ROOT / REPORTS).exists():
        print("docs/*.png: left as they are, since there is no reports/; `dvc pull reports` or `make repro` brings it")
        return
    for copy, original in PICTURES.items():
        shutil.copyfile(ROOT / REPORTS / original, ROOT / "docs" / copy)


def rewritten(page: str, metrics: Metrics) -> str:
    """The text of a page with every marked table and figure written from the metrics.

    Raises:
        KeyError: a mark names no table, or no metric that has a value in this run.
    """
    known = values(metrics)
    page = TABLE.sub(lambda found: f"{found['begin']}\n{TABLES[found['name']](metrics)}\n\n{found['end']}", page)
    return FIGURE.sub(lambda found: f"{known[found['name']]:.{len(found['decimals'] or '')}f}{found['mark']}", page)


def values(metrics: Metrics) -> dict[str, float]:
    """Name → value of every figure that a sentence can have: `<row>.<metric>`, and comparisons of two rows."""
    known = {f"{row}.{key}": value for row, figures in metrics.items() for key, value in figures.items()}
    given = {name: value for name, value in known.items() if value is not None}
    if {"vqvae.mse", "vqvae_plain.mse"} <= given.keys():
        given["vqvae.percent_below_plain"] = 100 * (1 - given["vqvae.mse"] / given["vqvae_plain.mse"])
    if {"gru_content.nll", "mi_net_content.nll"} <= given.keys():
        given["mi_net_content.nll_below_gru"] = given["gru_content.nll"] - given["mi_net_content.nll"]
    return given


def main_table(metrics: Metrics) -> str:
    """Every system and what it is held against, by the measures that all of them have."""
    return _table(
        {
            row: {
                "NDB of 50": _with_spread(metrics[row]),
                "NDB calibrated": _number(metrics[row]["ndb_calibrated"], 1),
                "KNN": _number(metrics[row]["knn"], 3),
                "instrument accuracy": _with_control(metrics[row], "instrument_accuracy"),
                "onset F1": _with_control(metrics[row], "onset_f1"),
                "NLL": _with_control(metrics[row], "nll"),
            }
            for row in NDB_ROWS
        }
    )


def pitch_table(metrics: Metrics) -> str:
    """The models over codes, and their ceilings."""
    return _table({row: {"pitch": _with_control(metrics[row], "pitch")} for row in (*PRIORS, "vqvae", "test_set")})


def bands_table(metrics: Metrics) -> str:
    """Recorded windows through the codes of each VQ-VAE."""
    return _table(
        {
            row: {
                "squared error": _number(metrics[row]["mse"], 3),
                "NDB of 50": _with_spread(metrics[row]),
                "instrument accuracy": _with_control(metrics[row], "instrument_accuracy"),
                "pitch": _with_control(metrics[row], "pitch"),
                "onset F1": _with_control(metrics[row], "onset_f1"),
            }
            for row in ("vqvae_plain", "vqvae")
        }
    )


TABLES = {"main": main_table, "pitch": pitch_table, "bands": bands_table}


def _table(rows: dict[str, dict[str, str | None]]) -> str:
    names = {row: f"{NAMES[row]} ({RECORDED[row]})" if row in RECORDED else NAMES[row] for row in rows}
    return tables.table(pd.DataFrame([{"system": names[row], **cells} for row, cells in rows.items()]))


def _number(value: float | None, decimals: int) -> str | None:
    return None if value is None else f"{value:.{decimals}f}"


def _with_spread(figures: dict[str, float | None]) -> str | None:
    mean, spread = (_number(figures[key], 1) for key in ("ndb", "ndb_spread"))
    return mean if spread is None else f"{mean} ± {spread}"


def _with_control(figures: dict[str, float | None], key: str) -> str | None:
    """A figure, and in brackets its control."""
    own, control = (_number(figures[name], 2) for name in (key, f"{key}_shuffled"))
    return own if control is None else f"{own} ({control})"


if __name__ == "__main__":
    main()
