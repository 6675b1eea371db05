"""The figures of the report. Every function draws one figure and writes one PNG."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.keypoints.skeleton import BONES

# Okabe and Ito's colours, which readers with any colour vision tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"


def _figure(width: float, height: float) -> Figure:
    matplotlib.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        path, metadata={"Software": None}
    )  # without the library's version, the bytes are those of the picture


def loss_curves(path: Path, histories: dict[str, tuple[pd.DataFrame, str, str, str]]) -> None:
    """A panel a model: title → (history, column in training, column on test tracks, label of the axis)."""
    figure = _figure(9, 3.4)
    for axes, (title, (history, train, test, label)) in zip(
        figure.subplots(1, len(histories), squeeze=False)[0], histories.items(), strict=True
    ):
        axes.plot(history.step, history[train], color=BLUE, marker="o", markersize=3, label="training windows")
        axes.plot(history.step, history[test], color=VERMILION, marker="s", markersize=3, label="test windows")
        axes.set(title=title, xlabel="optimiser steps", ylabel=label)
        axes.legend(frameon=False)
    _write(figure, path)


def ndb_cells(path: Path, cells: pd.DataFrame, row: str) -> None:
    """Share of windows in each k-means cell, training against `row`; cells sorted by the training share."""
    table = cells[cells.row == row].sort_values("training_share", ascending=False).reset_index(drop=True)
    figure = _figure(9, 3.4)
    axes = figure.subplots()
    axes.bar(table.index - 0.2, 100 * table.training_share, width=0.4, color="0.6", label="training windows")
    axes.bar(table.index + 0.2, 100 * table.share, width=0.4, color=BLUE, label=row)
    marked = table[table.different == 1]
    height = 100 * marked[["training_share", "share"]].max(axis=1)
    axes.plot(marked.index, height, linestyle="", marker="v", color=VERMILION, label="different")
    axes.set(xlabel="cell, by share of the training windows", ylabel="share of windows (%)", title=f"NDB: {row}")
    axes.legend(frameon=False)
    _write(figure, path)


def confusion(path: Path, actual: list[str], predicted: list[str], title: str) -> None:
    """Share of each instrument's windows (rows) that were taken for each instrument (columns), in %."""
    names = sorted(set(actual) | set(predicted))
    counts = pd.crosstab(pd.Categorical(actual, names), pd.Categorical(predicted, names), dropna=False).to_numpy()
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = _figure(8, 7)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.argwhere(share >= 0.5):
        axes.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color="white" if share[i, j] > 55 else "black")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="instrument of the nearest training window", ylabel="instrument", title=f"{title} (% of windows)")
    _write(figure, path)


def codebook_usage(path: Path, share: np.ndarray) -> None:
    """How often each code is used in the training tracks, the most used first; share [codes]."""
    figure = _figure(9, 3)
    axes = figure.subplots()
    axes.plot(np.arange(1, len(share) + 1), 100 * np.where(share > 0, share, np.nan), color=BLUE)
    axes.set_yscale("log")
    axes.set(xlabel="code, by use", ylabel="share of frames (%)", title=f"{np.mean(share > 0):.0%} of codes in use")
    _write(figure, path)


def seen_and_heard(
    path: Path,
    picture: np.ndarray,
    joints: np.ndarray,
    spectrograms: dict[str, np.ndarray],
    rate_hz: int,
    duration_s: float,
    title: str,
) -> None:
    """A frame with its joints, above the spectrograms that go with it.

    Args:
        picture: uint8 [height, width, 3], blue first.
        joints: float32 [47, 3], x and y in px of the picture, confidence.
        spectrograms: title → log-spectrogram [frames, bins] in -1..1.
        rate_hz: of the sound; the bins reach up to half of it.
    """
    figure = _figure(9, 8.2)
    top, *below = figure.subplots(1 + len(spectrograms), 1, height_ratios=[2.2] + [1] * len(spectrograms))
    top.imshow(picture[..., ::-1])
    _skeleton(top, joints)
    top.set_title(title)
    top.set_axis_off()
    for axes, (name, values) in zip(below, spectrograms.items(), strict=True):
        extent = (0.0, duration_s, 0.0, rate_hz / 2000)
        image = axes.imshow(
            values.astype(np.float32).T, origin="lower", aspect="auto", cmap="magma", vmin=-1, vmax=0.5, extent=extent
        )
        axes.set(title=name, ylabel="frequency (kHz)", ylim=(0, min(4, rate_hz / 2000)))
    below[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=below, label="log magnitude (−1 = floor)")
    _write(figure, path)


def _skeleton(axes: Axes, joints: np.ndarray) -> None:
    found = joints[:, 2] > 0
    for a, b in BONES:
        if found[a] and found[b]:
            axes.plot(joints[[a, b], 0], joints[[a, b], 1], color=ORANGE, linewidth=2)
    axes.plot(*joints[found, :2].T, linestyle="", marker="o", markersize=3.5, color="white", markeredgecolor=BLUE)
