"""The tables of the report, in Markdown.

A table of the paper has columns for this run and for each of the paper's corpora. Every header names its corpus.
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
    Estimate,
    Metrics,
    PaperFigures,
    skipped,
)


def table(rows: pd.DataFrame) -> str:
    """A data frame as a Markdown table. Missing values become dashes."""
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
    """A table with one row per model: its name, our columns (title → cell of a row), and the paper's figures of `measure`."""
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
    """A table of the settings that the figures depend on: name → value."""
    return _table(["setting", "value"], values.items())


def skipped_lines(metrics: Metrics) -> str:
    """One line for each row without figures, with the reason."""
    floor = "has no figures: there is no second training track to compare one with."
    model = "was skipped: it reads notes, and the corpus has no MIDI to train and test it with."
    return "\n".join(f"- {NAMES[row]} {floor if row == 'training_set' else model}" for row in skipped(metrics))


def ndb(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 1."""

    def mean_and_spread(row: str) -> str | None:
        mean, spread = metrics[row]["ndb"], metrics[row]["ndb_spread"]
        if mean is None:
            return None
        return f"{mean:.1f}" if spread is None else f"{mean:.1f} ± {spread:.1f}"

    ours = {
        "NDB": mean_and_spread,
        "NDB calibrated": lambda row: _number(metrics[row]["ndb_calibrated"], 1),
        "JSD, nats": lambda row: _number(metrics[row]["jsd"], 3),
    }
    return _beside_the_paper(_names(NDB_ROWS), ours, PAPER_NDB, "NDB", corpus)


def knn(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 2: every model with a body encoder, and a control without a model."""
    ours = {"KNN, %": lambda row: _percent(metrics[row]["knn"])}
    names = _names(SYSTEMS) | {"test_set": "no model: mean of each joint (control)"}
    return _beside_the_paper(names, ours, PAPER_KNN_PERCENT, "KNN, %", corpus)


def multi_band_blocks(comparisons: dict[str, Any], corpus: str, confidence: float) -> str:
    """The paper's Table 4: the VQ-VAE without and with multi-band blocks.

    Args:
        comparisons: evaluations/comparisons.json. `mse` is the squared error over the variance of each VQ-VAE; `reduction` is
            the share by which multi-band blocks lower it; both are {value, low, high}, and once more with `_unquantised`.
            `parameters` counts those of each model.
        confidence: confidence of the intervals, 0..1.
    """
    interval = f"with its {100 * confidence:g} % interval"
    error, run = f"squared error over variance {interval}", f"(this run: {corpus})"
    headers = ["", f"parameters {run}", f"{error} {run}", f"{error}, before quantising {run}"]
    rows = [
        [
            name,
            f"{comparisons['parameters'][row]:,}",
            _with_interval(comparisons["mse"][row], 4),
            _with_interval(comparisons["mse_unquantised"][row], 4),
            *map(_as_given, PAPER_VQVAE_ERROR[row]),
        ]
        for row, name in (("vqvae_plain", "without multi-band blocks"), ("vqvae", "with multi-band blocks"))
    ]
    reductions = (
        {key: value if value is None else 100 * value for key, value in comparisons[name].items()}
        for name in ("reduction", "reduction_unquantised")
    )
    ours = (_with_interval(reduction, 1) for reduction in reductions)
    rows.append(["reduction, %", None, *ours, *map(_reduction, *PAPER_VQVAE_ERROR.values())])
    return _table([*headers, *(f"L2 (paper: {name})" for name in PAPER_CORPORA)], rows)


def _with_interval(estimate: Estimate, digits: int, to: str = " to ") -> str:
    value, low, high = (_number(estimate[key], digits) for key in ("value", "low", "high"))
    return f"{value}" if low is None else f"{value} ({low}{to}{high})"  # one track gives no interval


def _reduction(without: float | None, with_blocks: float | None) -> str | None:
    return None if without is None or with_blocks is None else f"{100 * (1 - with_blocks / without):.1f}"


def likelihood(metrics: Metrics, corpus: str) -> str:
    """The paper's Table 5, with the models without content and in time."""
    ours = {
        "NLL, nats per code": lambda row: _number(metrics[row]["nll"], 3),
        "NLL with another track's condition": lambda row: _number(metrics[row]["nll_shuffled"], 3),
    }
    rows = ("gru_content", "mi_net_content", "mi_net_sync_content", "mi_net", "mi_net_sync")
    return _beside_the_paper(_names(rows), ours, PAPER_NLL, "NLL", corpus)


def right_instrument(metrics: Metrics) -> str:
    """Instrument accuracy, with its control and ceilings."""
    return _table(
        ["", "instrument accuracy, %", "against another track's instrument, % (control)", "share of the test set's, %"],
        (
            [
                _name(row),
                _percent(metrics[row]["instrument_accuracy"]),
                _percent(metrics[row]["instrument_accuracy_shuffled"]),
                _percent(_ratio(metrics[row]["instrument_accuracy"], metrics["test_set"]["instrument_accuracy"])),
            ]
            for row in (*SYSTEMS, "vqvae", "test_set")
        ),
    )


def right_content(metrics: Metrics) -> str:
    """Pitch accuracy, with its control and ceilings."""
    return _table(
        ["", "pitch accuracy", "against another track's notes (control)", "share of the test set's, %"],
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
    """Onset F1, with its control and ceilings, and the delay of the music."""

    def milliseconds(lag_s: float | None) -> str | None:
        return None if lag_s is None else f"{1000 * lag_s:+.0f}"

    return _table(
        ["", "onset F1", "against another track's onsets (control)", "share of the VQ-VAE's, %", "lag, ms"],
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
    """Pitch accuracy by instrument, from evaluations/<row>/content.csv of a system and of recorded sound through the codes."""
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
    """The loss on test windows with their own condition and with that of another track."""

    def line(row: str, key: str, measure: str) -> list[str | None]:
        own, shuffled = metrics[row][key], metrics[row][f"{key}_shuffled"]
        difference = None if own is None or shuffled is None else f"{shuffled - own:+.3f}"
        return [NAMES[row], measure, _number(own, 3), _number(shuffled, 3), difference]

    return _table(
        ["", "loss", "own condition", "another track's condition", "difference"],
        [
            *(line(row, "nll", "NLL, nats per code") for row in PRIORS),
            *(line(row, "mse", "squared error over variance") for row in BASELINES),
        ],
    )


def intervals(estimates: dict[str, dict[str, Estimate]]) -> str:
    """Figures with their intervals over tracks. A figure that a row does not have is a dash.

    Args:
        estimates: row → figure → estimate, see `pipeline.report.intervals`.
    """
    titles = {
        "instrument_accuracy": "instrument accuracy",
        "pitch": "pitch accuracy",
        "onset_f1": "onset F1",
        "knn": "KNN",
        "nll": "NLL, nats per code",
        "mse": "squared error over variance",
    }
    return _table(
        ["", *titles.values()],
        (
            [_name(row), *(_with_interval(here[figure], 2, "–") if figure in here else None for figure in titles)]
            for row, here in estimates.items()
        ),
    )


def findings(metrics: Metrics, comparisons: dict[str, Any], corpus: str) -> str:
    """The findings of the paper, and whether each holds here: the paper's own system against the best of the others.

    That of NDB is also asked of the calibrated NDB, which the paper does not have.
    """

    def lowest(sign: int, key: str, *rows: str) -> float | None:
        """The figure that is lowest after multiplication by `sign`; None if one is missing."""
        figures = [metrics[row][key] for row in rows]
        return None if None in figures else sign * min(sign * figure for figure in figures if figure is not None)

    def paper(sign: int, figures: PaperFigures, *rows: str) -> str | None:
        return _as_given(sign * min(sign * float(figures[row][0] or 0) for row in rows)) if figures else None

    def line(finding: str, sign: int, key: str, figures: PaperFigures, own: str, *others: str) -> list[str | None]:
        here, there = lowest(sign, key, own), lowest(sign, key, *others)
        scale, digits = (100, 1) if key == "knn" else (1, 1 if key in ("ndb", "ndb_calibrated") else 3)
        both = [_number(None if figure is None else scale * figure, digits) for figure in (here, there)]
        holds = None if here is None or there is None else "yes" if sign * here < sign * there else "no"
        return [finding, *both, holds, *(paper(sign, figures, *rows) for rows in ((own,), others))]

    vqvae, plain = (comparisons["mse"][row]["value"] for row in ("vqvae", "vqvae_plain"))
    bands = [_number(vqvae, 3), _number(plain, 3), "yes" if vqvae < plain else "no"]
    return _table(
        [
            "finding of the paper",
            f"its own model (this run: {corpus})",
            f"best other model (this run: {corpus})",
            "holds here",
            "its own model (paper: URMP)",
            "best other model (paper: URMP)",
        ],
        [
            line("MI Net has a lower NDB than the baselines", 1, "ndb", PAPER_NDB, "mi_net", *BASELINES),
            line("the same by NDB calibrated", 1, "ndb_calibrated", {}, "mi_net", *BASELINES),
            line("MI Net has a higher KNN, %, than the baselines", -1, "knn", PAPER_KNN_PERCENT, "mi_net", *BASELINES),
            [
                "multi-band blocks lower the error of the VQ-VAE",
                *bands,
                *(_as_given(PAPER_VQVAE_ERROR[row][0]) for row in ("vqvae", "vqvae_plain")),
            ],
            line(
                "with content, MI Net has a lower NLL than the GRU",
                1,
                "nll",
                PAPER_NLL,
                "mi_net_content",
                "gru_content",
            ),
        ],
    )
