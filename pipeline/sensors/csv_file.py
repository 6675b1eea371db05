"""Recordings of worn sensors as people have them: a CSV file of any rate, with any number of axes.

A column of times, and a column for each axis. The separator is a comma, a semicolon, a tab or blanks; decimals have a point or a
comma. A header may name the columns: acc or ax for accelerations, gyro or gx for turn rates, left and right for the arm. What is
named otherwise is an acceleration, of the right arm. Without a header, each six columns are a sensor: three accelerations, three
turn rates; the first sensor is on the right arm.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from pipeline.errors import FileError
from pipeline.sensors.virtual import ACCELERATIONS, TURN_RATE, standardise

SLOWEST_HZ = 8.0  # below it, strokes fall between the samples
SHORTEST_S = 1.0
GAP_S = 0.25  # a longer time without a sample is named
TIME = re.compile(r"time|date|seconds?|^t$|^(s|ms|us|ns)$", re.IGNORECASE)
TURNING = re.compile(r"gyr|angular|omega|turn|rate|^[gw][_ ]?[xyz]|[^a-z][gw][_ ]?[xyz]", re.IGNORECASE)
LEFT = re.compile(r"left|(^|[^a-z])l([^a-z]|$)", re.IGNORECASE)
NOT_READ = re.compile(
    r"mag|quat|^q[_ ]?[wxyz]|euler|roll|pitch|yaw|rotation|orient|temp|label|index|^id$", re.IGNORECASE
)
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
# If nobody tells the unit, it follows from the usual rates, 8 Hz to 2 kHz: from which step on a unit is meant.
STEPS = ((5e5, "ns"), (5e2, "us"), (0.5, "ms"), (0.0, "s"))
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")
NOTHING = {"", "nan", "na", "null", "none", "inf", "-inf", "-"}


@dataclass(frozen=True)
class Recording:
    """What a file has.

    Attributes:
        readings: float32 [frames, 3, 2] at the rate that was asked for, standardised as `virtual.standardise` does. Frame 0 is
            at the first time.
        worn: which channels a sensor gave, bool [3, 2].
        remarks: what was unusual, a sentence each.
    """

    readings: np.ndarray
    worn: np.ndarray
    remarks: list[str]


def read(path: Path, fps: float, rate_hz: float | None = None) -> Recording:
    """Read a recording.

    Args:
        fps: rate of the result.
        rate_hz: rate of a file without times.

    Raises:
        FileError: the file cannot be used; the error says why.
    """
    names, cells, remarks = _table(path)
    if not len(cells):
        raise FileError(path, "has no samples", "give a CSV file with a column of times and a column for each axis")
    times_s, axes = _times(path, names, cells, rate_hz, remarks)
    order = np.argsort(times_s, kind="stable")
    if (np.diff(order) < 0).any():
        remarks.append("the rows are not in the order of their times, and were sorted")
    keep = order[np.isfinite(times_s[order])]
    first = np.diff(times_s[keep], prepend=-np.inf) > 0
    if lost := len(times_s) - int(first.sum()):
        remarks.append(f"{lost} rows without a time of their own were left out")
    times_s, axes = times_s[keep][first], {name: values[keep][first] for name, values in axes.items()}
    _check_times(path, times_s, remarks)
    times_s = times_s - times_s[0]
    even = {name: _resampled(times_s, values, fps) for name, values in _usable(path, axes, remarks).items()}
    named = bool(names)
    raw, worn = _sensors(path, even, named)
    return Recording(standardise(raw), worn, remarks)


def _table(path: Path) -> tuple[list[str], np.ndarray, list[str]]:
    """The names of the columns, none without a header; the cells as text [rows, columns]; and remarks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, f"cannot be read as text ({error})", "give a CSV file") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise FileError(path, "is empty", "give a CSV file with a column of times and a column for each axis")
    separator = next((each for each in ";\t," if each in lines[0]), " ")
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    ]
    rows = [[cell for cell in row if cell] for row in rows] if separator == " " else rows
    header = [] if all(_is_value(cell) for cell in rows[0]) else rows.pop(0)
    width = len(header) or max(map(len, rows), default=0)
    whole = [row[:width] for row in rows if len(row) == width or (len(row) == width + 1 and not row[-1])]
    remarks = []
    if lost := len(rows) - len(whole):
        remarks.append(f"{lost} rows do not have {width} columns and were left out")
    cells = np.array(whole, object).reshape(-1, width)
    if not header and width > 1 and not cells[:, -1].any():  # each line ends with a separator
        cells = cells[:, :-1]
    return header, cells, remarks


def _is_value(cell: str) -> bool:
    return cell.lower() in NOTHING or NUMBER.fullmatch(cell) is not None


def _numbers(cells: np.ndarray) -> np.ndarray:
    """Text as float64; NaN where it is no finite number."""
    values = [float(cell.replace(",", ".")) if NUMBER.fullmatch(cell) else np.nan for cell in cells.tolist()]
    return np.array(values, np.float64)


def _times(
    path: Path, names: Sequence[str], cells: np.ndarray, rate_hz: float | None, remarks: list[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The times in s, and the other columns by their names."""
    columns = {names[i] if names else f"column {i + 1}": cells[:, i] for i in range(cells.shape[1])}
    found = next((name for name in columns if names and TIME.search(name)), None)
    if found is None and rate_hz is None:
        first = next(iter(columns), None)
        found = first if first is not None and _like_times(_numbers(columns[first])) else None
    if found is None and rate_hz is None:
        raise FileError(
            path, "has no column of times", "name its column time, or give the samples a second with --rate"
        )
    if rate_hz is not None:
        if found is not None:
            columns.pop(found)
        times_s = np.arange(len(cells)) / rate_hz
    else:
        assert found is not None
        times_s = _seconds(found, columns.pop(found))
    values = {name: _numbers(column) for name, column in columns.items()}
    ignored = [name for name in values if names and NOT_READ.search(name)]
    if ignored:
        remarks.append(f"not read, since they are neither accelerations nor turn rates: {', '.join(ignored)}")
    return times_s, {name: column for name, column in values.items() if name not in ignored}


def _like_times(values: np.ndarray) -> bool:
    """Whether a column is one of times, in whatever order: nearly even once sorted, which the values of a sensor are not."""
    steps = np.diff(np.sort(values[np.isfinite(values)]))
    return len(steps) > 2 and bool(np.median(steps) > 0 and np.quantile(steps, 0.9) < 2.5 * np.median(steps))


def _seconds(name: str, cells: np.ndarray) -> np.ndarray:
    """A column of times in s; NaN where there is none."""
    times = _numbers(cells)
    if not np.isfinite(times).any():  # dates
        dates = pd.to_datetime(pd.Series(cells.tolist()), errors="coerce", format="ISO8601", utc=True)
        return ((dates - dates.min()) / pd.Timedelta(seconds=1)).to_numpy(np.float64)
    unit = re.search(r"(?:^|[^a-zµ])(ns|us|µs|ms|s)(?:$|[^a-z])", name, re.IGNORECASE)
    steps = np.diff(np.sort(times[np.isfinite(times)]))
    step = float(np.median(steps)) if len(steps) else 0.0
    by_size = next(unit for least, unit in STEPS if step >= least)
    times = times - np.nanmin(times)
    return times * UNITS_S[unit.group(1).lower() if unit else by_size]


def _check_times(path: Path, times_s: np.ndarray, remarks: list[str]) -> None:
    """Refuse what is too short or too slow, and name the gaps."""
    if len(times_s) < 2 or times_s[-1] - times_s[0] < SHORTEST_S:
        long_s = times_s[-1] - times_s[0] if len(times_s) else 0.0
        raise FileError(path, f"has {len(times_s)} samples in {long_s:.2f} s", f"give {SHORTEST_S:g} s or more")
    steps = np.diff(times_s)
    rate_hz = 1 / float(np.median(steps))
    if rate_hz < SLOWEST_HZ:
        advice = (
            f"record {SLOWEST_HZ:g} or more a second; if its times have another unit, name it in their header: time_ms"
        )
        raise FileError(path, f"has {rate_hz:.2g} samples a second", advice)
    gaps = np.flatnonzero(steps > max(GAP_S, 5 / rate_hz))
    for gap in gaps[:3]:
        remarks.append(f"no sample for {steps[gap]:.2f} s from {times_s[gap] - times_s[0]:.2f} s on; interpolated")
    if len(gaps) > 3:
        remarks.append(f"{len(gaps) - 3} more gaps like these")


def _usable(path: Path, axes: dict[str, np.ndarray], remarks: list[str]) -> dict[str, np.ndarray]:
    """The axes that tell something, without missing values."""
    found = {}
    for name, values in axes.items():
        known = np.isfinite(values)
        if known.mean() < 0.5 or np.ptp(values[known]) == 0:
            remarks.append(f"{name}: {'mostly missing' if known.mean() < 0.5 else 'never changes'}, and was left out")
            continue
        if not known.all():
            remarks.append(f"{name}: {(~known).sum()} of {len(known)} values are missing; interpolated")
        places = np.arange(len(values))
        found[name] = np.interp(places, places[known], values[known])
    if not found:
        raise FileError(path, "has no axis that changes", "give a column with the readings of a sensor that moves")
    return found


def _resampled(times_s: np.ndarray, values: np.ndarray, fps: float) -> np.ndarray:
    """Values at i / fps s: their mean around that time if there are many, or else a curve through them."""
    even = np.arange(int(times_s[-1] * fps + 1e-6) + 1) / fps
    if np.median(np.diff(times_s)) > 0.5 / fps:
        return np.clip(CubicSpline(times_s, values)(even), values.min(), values.max())
    steps = np.diff(times_s)
    area = np.concatenate([[0], np.cumsum(steps * (values[1:] + values[:-1]) / 2)])
    low, high = (np.clip(even + shift / fps, 0, times_s[-1]) for shift in (-0.5, 0.5))
    return (np.interp(high, times_s, area) - np.interp(low, times_s, area)) / (high - low)


def _sensors(path: Path, axes: dict[str, np.ndarray], named: bool) -> tuple[np.ndarray, np.ndarray]:
    """Readings [frames, 3, 2] of some axes, not standardised; and which channels they give, bool [3, 2]."""
    of: dict[tuple[int, bool], list[np.ndarray]] = {}
    if not named and len(axes) > 3 and len(axes) not in (6, 12):
        advice = "name them in a header: acc_x, acc_y, ..., gyro_x, ..., with left_ or right_ before"
        raise FileError(path, f"has {len(axes)} axes without names", advice)
    for place, (name, values) in enumerate(axes.items()):
        side = int(bool(LEFT.search(name))) if named else place // 6
        turning = bool(TURNING.search(name)) if named else place % 6 >= 3
        of.setdefault((side, turning), []).append(values)
    raw, worn = np.zeros((len(next(iter(axes.values()))), 3, 2)), np.zeros((3, 2), bool)
    for (side, turning), columns in of.items():
        strongest = _strongest(np.stack(columns, axis=1), 1 if turning else 2)
        channels = [TURN_RATE] if turning else list(range(ACCELERATIONS.start, strongest.shape[1]))
        raw[:, channels, side], worn[channels, side] = strongest, True
    return raw, worn


def _strongest(columns: np.ndarray, count: int) -> np.ndarray:
    """Columns [frames, axes] along the directions in which they change most: [frames, at most count]. So few stay as they are."""
    if columns.shape[1] <= count:
        return columns
    centred = columns - columns.mean(axis=0)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]  # [axes, count]
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(count)])
    return centred @ (directions * signs)
