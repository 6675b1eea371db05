"""The tables of the report, in Markdown."""

from collections.abc import Sequence
from typing import Any

import pandas as pd


def table(rows: pd.DataFrame) -> str:
    """A Markdown table of a data frame's columns; what is missing is a dash."""
    lines = [_line(rows.columns), _line("---" for _ in rows.columns)]
    return "\n".join(lines + [_line(map(_cell, row)) for row in rows.itertuples(index=False, name=None)])


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    return str(value).replace("|", "\\|")


def metrics_table(metrics: dict[str, dict[str, Any]], columns: Sequence[str]) -> str:
    """A row a model or reference, the same columns in each."""
    return table(
        pd.DataFrame(
            [[row, *(values[column] for column in columns)] for row, values in metrics.items()],
            columns=["row", *columns],
            dtype=object,
        )
    )
