"""The tables of the report, in Markdown.

A table of the paper has a column for this run and one for each of the paper's corpora; every header names its corpus.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from pipeline.report.rows import (
    BASELINES,
    NAMES,
    NDB_ROWS,
    PAPER_CORPORA,
    PAPER_KNN_PERCENT,
    PAPER_NDB,
    PAPER_NLL,
    PAPER_VQVAE_ERROR,
    PRIORS,
    RECORDED,
    SYSTEMS,
    Metrics,
    PaperFigures,
    skipped,
)


def table(rows: pd.DataFrame) -> str:
    """A Markdown table of a data frame's columns; what is missing is a dash."""
    return _table(rows.columns, rows.itertuples(index=False, name=None))


def _table(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    columns = list(columns)
    return "\n".join([_line(columns), _line("---" for _ in columns), *(_line(map(_cell, row)) for row in rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    return str(value).replace("|", "\\|")


def _name(row: str) -> str:
    return f"{NAMES[row]} ({RECORDED[row]})" if row in RECORDED else NAMES[row]


def _names(rows: Iterable[str]) -> dict[str, str]:
    return {row: _name(row) for row in rows}


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}"


def _ratio(value: float | None, ceiling: float | None) -> float | None:
    return None if value is None or not ceiling else value / ceiling


def _beside_the_paper(
    names: dict[str, str],
    ours: dict[str, Callable[[str], str | None]],
    paper: PaperFigures,
    measure: str,
    corpus: str,
) -> str:
    """A row a model, under its name: our columns (title → cell of a row), then the paper's figures of `measure`."""
    headers = [f"{title} (this run: {corpus})" for title in ours]
    theirs = [f"{measure} (paper: {name})" for name in PAPER_CORPORA]
    return _table(
        ["", *headers, *theirs],
        (
            [name, *(cell(row) for cell in ours.values()), *map(_as_given, paper.get(row, (None, None)))]
            for row, name in names.items()
        ),
    )


def _as_given(figure: float | None) -> str | None:
    return None if figure is None else f"{figure:g}"


def sizes(values: dict[str, Any]) -> str:
    """What the figures depend on: name → value."""
    return _table(["size", "value"], values.items())


def skipped_lines(metrics: Metrics) -> str:
    """A line for each model that was skipped, and why."""
    reason = "was skipped: it reads notes, and the corpus has no MIDI to train and to test it with."
    return "\n".join(f"- {NAMES[row]} {reason}" for row in skipped(metrics))


def ndb(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 1."""

    def mean_and_spread(row: str) -> str | None:
        mean, spread = metrics[row]["ndb"], metrics[row]["ndb_spread"]
        if mean is None:
            return None
        return f"{mean:.1f}" if spread is None else f"{mean:.1f} ± {spread:.1f}"

    ours = {"NDB": mean_and_spread, "JSD, nats": lambda row: _number(metrics[row]["jsd"], 3)}
    return _beside_the_paper(_names(NDB_ROWS), ours, PAPER_NDB, "NDB", corpus)


def knn(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 2: every model with a body encoder, and what there is without one."""
    ours = {"KNN, %": lambda row: _percent(metrics[row]["knn"])}
    names = _names(SYSTEMS) | {"test_set": "no model: the mean of each joint (control)"}
    return _beside_the_paper(names, ours, PAPER_KNN_PERCENT, "KNN, %", corpus)


def multi_band_blocks(comparisons: dict[str, Any], corpus: str, confidence: float) -> str:
    """The paper's Table 4: the VQ-VAE without and with multi-band blocks.

    Args:
        comparisons: evaluations/comparisons.json: `mse`, the squared error over the variance of each VQ-VAE, and `reduction`, the
            share by which multi-band blocks lower it, each as {value, low, high}; `parameters`, the number of each model's.
        confidence: of the intervals, 0..1.
    """
    interval = f"with its {100 * confidence:g} % interval"
    headers = ["", f"parameters (this run: {corpus})", f"squared error over variance {interval} (this run: {corpus})"]
    rows = [
        [
            name,
            f"{comparisons['parameters'][row]:,}",
            _with_interval(comparisons["mse"][row], 4),
            *map(_as_given, PAPER_VQVAE_ERROR[row]),
        ]
        for row, name in (("vqvae_plain", "without multi-band blocks"), ("vqvae", "with multi-band blocks"))
    ]
    reduction = {key: value if value is None else 100 * value for key, value in comparisons["reduction"].items()}
    rows.append(["reduction, %", None, _with_interval(reduction, 1), *map(_reduction, *PAPER_VQVAE_ERROR.values())])
    return _table([*headers, *(f"L2 (paper: {name})" for name in PAPER_CORPORA)], rows)


def _with_interval(estimate: dict[str, float | None], digits: int) -> str:
    value, low, high = (_number(estimate[key], digits) for key in ("value", "low", "high"))
    return f"{value}" if low is None else f"{value} ({low} to {high})"  # of one track there is no interval


def _reduction(without: float | None, with_blocks: float | None) -> str | None:
    return None if without is None or with_blocks is None else f"{100 * (1 - with_blocks / without):.1f}"


def likelihood(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 5, and the models without content or in time."""
    ours = {
        "NLL, nats a code": lambda row: _number(metrics[row]["nll"], 3),
        "NLL with another track's condition": lambda row: _number(metrics[row]["nll_shuffled"], 3),
    }
    rows = ("gru_content", "mi_net_content", "mi_net_sync_content", "mi_net", "mi_net_sync")
    return _beside_the_paper(_names(rows), ours, PAPER_NLL, "NLL", corpus)


def right_instrument(metrics: Metrics) -> str:
    """Is it the right instrument? What the classifier hears, beside its control and its ceilings."""
    return _table(
        ["", "right instrument, %", "another track's instrument, % (control)", "share of the test set's, %"],
        (
            [
                _name(row),
                _percent(metrics[row]["heard"]),
                _percent(metrics[row]["heard_shuffled"]),
                _percent(_ratio(metrics[row]["heard"], metrics["test_set"]["heard"])),
            ]
            for row in (*SYSTEMS, "vqvae", "test_set")
        ),
    )


def right_content(metrics: Metrics) -> str:
    """Is it the right content? Pitch, beside its control and its ceilings."""
    return _table(
        ["", "pitch", "another track's notes (control)", "share of the test set's, %"],
        (
            [
                _name(row),
                _number(metrics[row]["pitch"], 3),
                _number(metrics[row]["pitch_shuffled"], 3),
                _percent(_ratio(metrics[row]["pitch"], metrics["test_set"]["pitch"])),
            ]
            for row in (*PRIORS, "vqvae", "test_set")
        ),
    )


def timing(metrics: Metrics) -> str:
    """Is it in time? Onset F1 beside its control and its ceilings, and how late the music is."""

    def milliseconds(lag_s: float | None) -> str | None:
        return None if lag_s is None else f"{1000 * lag_s:+.0f}"

    return _table(
        ["", "onset F1", "another track's (control)", "share of that through the codes, %", "lag, ms"],
        (
            [
                _name(row),
                _number(metrics[row]["onset_f1"], 3),
                _number(metrics[row]["onset_f1_shuffled"], 3),
                _percent(_ratio(metrics[row]["onset_f1"], metrics["vqvae"]["onset_f1"])),
                milliseconds(metrics[row]["onset_lag_s"]),
            ]
            for row in (*SYSTEMS, "vqvae", "test_set")
        ),
    )


def pitch_by_instrument(system: pd.DataFrame, ceiling: pd.DataFrame) -> str:
    """Does the pitch follow the hand? Of a system's evaluations/<row>/content.csv, and that of recorded sound through the codes."""
    measures = {"pitch": "within 50 cents", "semitone": "within a semitone", "chroma": "chroma"}
    rows: list[list[str | None]] = []
    for name in (*sorted(set(system.instrument)), "all"):
        here, top = (table if name == "all" else table[table.instrument == name] for table in (system, ceiling))
        means = [
            mean for key in measures for mean in (here[key].mean(), here[f"{key}_shuffled"].mean(), top[key].mean())
        ]
        rows.append([name, *(None if pd.isna(mean) else f"{mean:.2f}" for mean in means)])
    return _table(
        ["", *(title + what for title in measures.values() for what in ("", " (control)", " (ceiling)"))], rows
    )


def condition(metrics: Metrics) -> str:
    """Is the condition used? The loss on test windows with their own condition, and with another track's."""

    def line(row: str, key: str, measure: str) -> list[str | None]:
        own, shuffled = metrics[row][key], metrics[row][f"{key}_shuffled"]
        difference = None if own is None or shuffled is None else f"{shuffled - own:+.3f}"
        return [NAMES[row], measure, _number(own, 3), _number(shuffled, 3), difference]

    return _table(
        ["", "loss", "own condition", "another track's", "difference"],
        [
            *(line(row, "nll", "NLL, nats a code") for row in PRIORS),
            *(line(row, "mse", "squared error over variance") for row in BASELINES),
        ],
    )


def findings(metrics: Metrics, comparisons: dict[str, Any], corpus: str) -> str:
    """What the paper finds, and whether it holds here: the figure of the paper's own system beside the best of the others'."""

    def lowest(sign: int, key: str, *rows: str) -> float | None:
        """The lowest of the figures times `sign`, with its own sign again; None if one is missing."""
        figures = [metrics[row][key] for row in rows]
        return None if None in figures else sign * min(sign * figure for figure in figures if figure is not None)

    def paper(sign: int, figures: PaperFigures, *rows: str) -> float:
        return sign * min(sign * float(figures[row][0] or 0) for row in rows)

    def line(finding: str, sign: int, key: str, figures: PaperFigures, own: str, *others: str) -> list[str | None]:
        here, there = lowest(sign, key, own), lowest(sign, key, *others)
        scale, digits = (100, 1) if key == "knn" else (1, 1 if key == "ndb" else 3)
        both = [_number(None if figure is None else scale * figure, digits) for figure in (here, there)]
        holds = None if here is None or there is None else "yes" if sign * here < sign * there else "no"
        return [finding, *both, holds, *(f"{paper(sign, figures, *rows):g}" for rows in ((own,), others))]

    vqvae, plain = (comparisons["mse"][row]["value"] for row in ("vqvae", "vqvae_plain"))
    bands = [_number(vqvae, 3), _number(plain, 3), "yes" if vqvae < plain else "no"]
    return _table(
        [
            "the paper finds",
            f"own (this run: {corpus})",
            f"best other (this run: {corpus})",
            "holds here",
            "own (paper: URMP)",
            "best other (paper: URMP)",
        ],
        [
            line("MI Net's NDB is lower than the baselines'", 1, "ndb", PAPER_NDB, "mi_net", *BASELINES),
            line("MI Net's KNN, %, is higher than the baselines'", -1, "knn", PAPER_KNN_PERCENT, "mi_net", *BASELINES),
            [
                "multi-band blocks lower the VQ-VAE's error",
                *bands,
                *(_as_given(PAPER_VQVAE_ERROR[row][0]) for row in ("vqvae", "vqvae_plain")),
            ],
            line(
                "with content, MI Net's NLL is lower than the GRU's",
                1,
                "nll",
                PAPER_NLL,
                "mi_net_content",
                "gru_content",
            ),
        ],
    )
