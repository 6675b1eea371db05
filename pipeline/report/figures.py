"""The plots of the report. Each function writes one PNG file. Equal values give equal bytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from threadpoolctl import threadpool_limits

from pipeline.report.rows import NAMES
from pipeline.report.style import BLACK, BLUE, COLOURS, MARKERS, VERMILION, new_figure, write_figure

PERPLEXITY = 30  # of t-SNE: about the number of neighbours of a point; the default of its authors' code


def loss_curves(path: Path, kinds: Sequence[tuple[str, str, str, dict[str, pd.DataFrame]]]) -> None:
    """Loss curves: one row of panels per kind of model, one panel per model.

    Args:
        kinds: the label of the loss with its unit, the column of the training loss, the column of the validation loss, and title →
            history, with one row per validation. The history of a model that was skipped is empty.
    """
    columns = max(len(histories) for *_, histories in kinds)
    figure = new_figure(4.2 * columns, 3.3 * len(kinds))
    panels = figure.subplots(len(kinds), columns, sharey="row", squeeze=False)
    for row, (label, train, validation, histories) in zip(panels, kinds, strict=True):
        for axes, (title, history) in zip(row, histories.items(), strict=False):
            axes.set(title=title, xlabel="optimiser steps")
            if history.empty:
                axes.text(0.5, 0.5, "skipped", ha="center", transform=axes.transAxes)
                continue
            axes.plot(history.step, history[train], color=BLUE, marker="o", markersize=4, label="training windows")
            axes.plot(
                history.step, history[validation], color=VERMILION, marker="s", markersize=4, label="validation windows"
            )
            axes.set_ylim(bottom=0)
            axes.yaxis.set_tick_params(labelleft=True)
        row[0].set_ylabel(label)
        for axes in row[len(histories) :]:
            axes.set_axis_off()
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    write_figure(figure, path)


def ndb_cells(path: Path, rows: dict[str, pd.DataFrame]) -> None:
    """Share of windows in each k-means cell, one panel per system. Cells are sorted by their training share.

    Args:
        rows: title → table with the columns `training_share`, `share` and `different`.
    """
    figure = new_figure(12, 2.6 * -(-len(rows) // 2) + 0.5)
    panels = figure.subplots(-(-len(rows) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (title, cells) in zip(panels.flat, rows.items(), strict=False):
        table = cells.sort_values("training_share", ascending=False, kind="stable").reset_index(drop=True)
        axes.bar(table.index, 100 * table.training_share, width=0.9, color="0.8", label="training windows")
        for different, marker, colour, label in ((0, "o", BLUE, "not different"), (1, "v", VERMILION, "different")):
            here = table[table.different == different]
            axes.plot(
                here.index, 100 * here.share, linestyle="", marker=marker, color=colour, label=label, clip_on=False
            )
        axes.set_title(f"{title}: {table.different.sum():.0f} of {len(table)} differ")
    for axes in panels.flat[len(rows) :]:
        axes.set_axis_off()
    figure.supxlabel("cell, sorted by share of training windows")
    figure.supylabel("share of windows (%)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    write_figure(figure, path)


def confusions(path: Path, panels: dict[str, tuple[np.ndarray, np.ndarray]], xlabel: str) -> None:
    """Confusion matrices in % of each instrument's windows, one panel per entry of `panels`.

    Args:
        panels: title → true instruments (rows of the matrix) and predicted instruments (columns), text [windows].
        xlabel: label of the columns.
    """
    names = sorted({name for pair in panels.values() for labels in pair for name in labels})
    across = min(len(panels), 2)
    down = -(-len(panels) // across)
    figure = new_figure(2.5 + 5.5 * across, 1.5 + 5.5 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, (title, (actual, predicted)) in zip(grid.flat, panels.items(), strict=False):
        counts = pd.crosstab(pd.Categorical(actual, names), pd.Categorical(predicted, names), dropna=False).to_numpy()
        share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for i, j in np.argwhere(share >= 0.5):
            colour = "white" if share[i, j] > 55 else "black"
            axes.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=11)
        axes.set_title(title)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_yticks(range(len(names)), names)
        axes.set_ylabel("instrument")
    for axes in grid[-1]:
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_xlabel(xlabel)
    figure.colorbar(image, ax=grid, label="share of the instrument's windows (%)", shrink=0.6)
    write_figure(figure, path)


def codebook_usage(path: Path, share: np.ndarray) -> None:
    """How often each code is used in the training tracks, sorted: share [codes]."""
    figure = new_figure(9, 3.4)
    axes = figure.subplots()
    axes.plot(np.arange(1, len(share) + 1), 100 * np.where(share > 0, share, np.nan), color=BLUE)
    axes.set_yscale("log")
    axes.set(
        xlabel="code, most used first",
        ylabel="share of frames (%)",
        title=f"{np.mean(share > 0):.0%} of codes are used",
    )
    write_figure(figure, path)


def body_states(
    path: Path, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    """t-SNE of the body encoder's states, by instrument (paper, figure 7).

    Args:
        train, test: states float32 [windows, D] and instruments text [windows].
        seed: for t-SNE.
    """
    states, labels = (np.concatenate(pair) for pair in zip(train, test, strict=True))
    points = _tsne(states, seed)
    tests = np.arange(len(points)) >= len(train[0])
    figure = new_figure(10.5, 8)
    axes = figure.subplots()
    for i, name in enumerate(sorted(set(labels))):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        here = labels == name
        for rows, size, alpha, edge in ((here & ~tests, 22, 0.5, "none"), (here & tests, 40, 1.0, "black")):
            x, y = points[rows].T
            axes.scatter(x, y, s=size, color=colour, marker=marker, alpha=alpha, edgecolors=edge)
        axes.scatter([], [], s=45, color=colour, marker=marker, label=name)
    _name_clusters(axes, points, labels)
    axes.scatter([], [], s=45, color="white", edgecolors="black", label="test windows:\nblack edge")
    axes.set(xlabel="t-SNE dimension 1 (no unit)", ylabel="t-SNE dimension 2 (no unit)", xticks=[], yticks=[])
    figure.legend(loc="outside right center", frameon=False)
    write_figure(figure, path)


def _tsne(states: np.ndarray, seed: int) -> np.ndarray:
    """States [n, D] → float32 [n, 2], by cosine distance as in KNN."""
    from sklearn.manifold import TSNE  # takes a second, and minet does not need it

    perplexity = min(PERPLEXITY, (len(states) - 1) / 3)  # it must be below the number of points
    # With one thread, sums are added in the same order at each run, and the bits are the same.
    with threadpool_limits(limits=1):
        method = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed, n_jobs=1)
        return method.fit_transform(states)


def _name_clusters(axes: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    """Write the name of each class above its point nearest to its median. The median itself may lie between clusters."""
    places = {}
    for name in sorted(set(labels)):
        here = points[labels == name]
        places[name] = here[np.linalg.norm(here - np.median(here, axis=0), axis=1).argmin()]
    # About the size of a name, in units of the axes. Names that would overlap are stacked.
    width, height = np.ptp(points, axis=0) * (0.15, 0.035)
    written: list[tuple[float, float]] = []
    for name, (x, y) in sorted(places.items(), key=lambda item: float(item[1][1])):
        for other_x, other_y in written:
            if abs(x - other_x) < width and y < other_y + height:
                y = other_y + height
        written = sorted([*written, (x, y)], key=lambda place: place[1])
        axes.annotate(
            name,
            (x, y),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            weight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )


def onsets(path: Path, rows: dict[str, tuple[np.ndarray, float, dict[str, np.ndarray]]], duration_s: float) -> None:
    """Movement and onsets on one time axis, one panel per instrument.

    Args:
        rows: instrument → speed of the hands, float [frames], in shoulder widths/s; frames per second; and title → onsets in s.
            Each title gets a line of ticks, the first at the top.
        duration_s: duration of each window.
    """
    figure = new_figure(11, 2.5 * len(rows) + 0.8)
    panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (instrument, (speed, fps, ticks)) in zip(panels, rows.items(), strict=True):
        axes.fill_between(np.arange(len(speed)) / fps, speed, color="0.85", label="speed of the hands")
        top = float(speed.max()) or 1.0
        for i, (title, onsets_s) in enumerate(ticks.items()):
            low = top * (1.1 + 0.32 * (len(ticks) - 1 - i))
            axes.vlines(onsets_s, low, low + 0.26 * top, color=(BLACK, BLUE, VERMILION)[i], linewidth=2.5, label=title)
        axes.set(xlim=(0, duration_s), ylim=(0, top * (1.1 + 0.32 * len(ticks))))
        axes.set_ylabel(f"{instrument}\nspeed\n(widths/s)")
    panels[-1].set_xlabel("time (s)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    write_figure(figure, path)


def degraded(path: Path, table: pd.DataFrame, ceiling: float | None) -> None:
    """Onset F1, and how often the right instrument is heard, against changes of the movement: a panel per kind of change.

    Args:
        table: one row per model and case: `model`, `seen`, `amount`, `onset_f1`, `onset_f1_shuffled`, `instrument_accuracy`. The
            first row of a model is the movement as it is.
        ceiling: onset F1 of recorded sound through the codes.
    """
    ways = {
        "size": "size (factor)",
        "turned": "turn (degrees)",
        "noise": "noise (shoulder widths)",
        "dropped": "lost frames (share)",
        "fps": "frame rate (frames/s)",
        "late": "delay (s)",
    }
    here = [way for way in ways if (table.seen == way).any()]
    figure = new_figure(2.6 * max(len(here), 1) + 1.5, 6.5)
    panels = figure.subplots(2, max(len(here), 1), sharey=True, squeeze=False)
    if ceiling is not None:
        for axes in panels[0]:
            axes.axhline(ceiling, color="0.5", linestyle="--", label="recorded, through the codes")
    for (model, rows), colour, marker in zip(table.groupby("model", sort=False), (BLUE, VERMILION), "os", strict=False):
        untouched, name = rows.iloc[0], NAMES[str(model)]
        for axes, way in zip(panels.T, here, strict=False):
            each = rows[rows.seen == way]
            for column, panel in zip(("onset_f1", "instrument_accuracy"), axes, strict=True):
                panel.axhline(untouched[column], color=colour, linestyle=":", linewidth=2)
                panel.plot(each.amount, each[column], color=colour, marker=marker, label=name)
                panel.set(ylim=(0, 1))
            axes[0].plot(
                each.amount, each.onset_f1_shuffled, color=colour, alpha=0.4, label=f"{name}, another's onsets"
            )
    for axes, way in zip(panels[1], here, strict=False):
        axes.set(xlabel=ways[way])
    panels[0, 0].set_ylabel("onset F1")
    panels[1, 0].set_ylabel("right instrument (share)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    write_figure(figure, path)
