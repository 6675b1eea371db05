"""Pictures of players and spectrograms. Each function writes one PNG file. Equal values give equal bytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pipeline.keypoints.skeleton import BONES
from pipeline.report.style import BLUE, ORANGE, new_figure, write_figure

HIGHEST_SHOWN_KHZ = 4  # the sounds of the corpus have little energy above


def spectrograms(path: Path, rows: dict[str, dict[str, np.ndarray]], rate_hz: int, duration_s: float) -> None:
    """Generated and recorded spectrograms, one row per instrument and one column per system (paper, figure 6).

    Args:
        rows: instrument → column title → log-spectrogram [frames, bins] in -1..1. All rows have the same columns.
        rate_hz: sample rate of the sound. The bins reach half of it.
        duration_s: duration of each window.
    """
    titles = list(next(iter(rows.values())))
    figure = new_figure(4 * len(titles) + 1, 2.6 * len(rows) + 0.6)
    panels = figure.subplots(len(rows), len(titles), sharex=True, sharey=True, squeeze=False)
    for line, (instrument, columns) in zip(panels, rows.items(), strict=True):
        for axes, values in zip(line, columns.values(), strict=True):
            image = _spectrogram(axes, values, rate_hz, duration_s)
        line[0].set_ylabel(f"{instrument}\nfrequency (kHz)")
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title)
    for axes in panels[-1]:
        axes.set_xlabel("time (s)")
    _colour_scale(figure, image, panels)
    write_figure(figure, path)


def seen_and_heard(
    path: Path,
    picture: np.ndarray,
    joints: np.ndarray,
    spectrograms: dict[str, np.ndarray],
    rate_hz: int,
    duration_s: float,
    title: str,
) -> None:
    """A video frame with its joints, above spectrograms.

    Args:
        picture: uint8 [height, width, 3], BGR.
        joints: float32 [47, 3] = x px, y px, confidence.
        spectrograms: title → log-spectrogram [frames, bins] in -1..1.
        rate_hz: sample rate of the sound. The bins reach half of it.
        duration_s: duration of each spectrogram.
    """
    figure = new_figure(9, 8.2)
    top, *below = figure.subplots(1 + len(spectrograms), 1, height_ratios=[2.2] + [1] * len(spectrograms))
    top.imshow(picture[..., ::-1])
    _skeleton(top, joints)
    top.set_title(title)
    top.set_axis_off()
    for axes, (name, values) in zip(below, spectrograms.items(), strict=True):
        image = _spectrogram(axes, values, rate_hz, duration_s)
        axes.set(title=name, ylabel="frequency (kHz)")
    below[-1].set_xlabel("time (s)")
    _colour_scale(figure, image, below)
    write_figure(figure, path)


def contact_sheet(path: Path, panels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Several players, each in one picture with the joints found in it. The sheet is legible at half its size.

    Args:
        panels: title; picture, uint8 [height, width, 3], RGB; and joints, float32 [47, 3] = x px, y px, confidence (0 = not
            found).
    """
    columns = min(len(panels), 6)
    rows = -(-len(panels) // columns)
    figure = new_figure(3.6 * columns, 3.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (title, picture, joints) in zip(grid.flat, panels, strict=False):
        axes.imshow(picture)
        _skeleton(axes, joints)
        axes.set(xlim=(0, picture.shape[1]), ylim=(picture.shape[0], 0))
        axes.set_title(title, fontsize=16)
    write_figure(figure, path)


def _spectrogram(axes: Axes, values: np.ndarray, rate_hz: int, duration_s: float) -> AxesImage:
    highest_khz = rate_hz / 2000
    image = axes.imshow(
        values.astype(np.float32).T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-1,
        vmax=0.5,
        extent=(0.0, duration_s, 0.0, highest_khz),
    )
    axes.set_ylim(0, min(HIGHEST_SHOWN_KHZ, highest_khz))
    return image


def _colour_scale(figure: Figure, image: AxesImage, panels: Sequence[Axes] | np.ndarray) -> None:
    figure.colorbar(
        image,
        ax=panels,
        extend="max",
        extendfrac=0.02,
        aspect=40,
        label="log magnitude\n(−1 = floor, 1 = full-scale sine)",
    )


def _skeleton(axes: Axes, joints: np.ndarray) -> None:
    found = joints[:, 2] > 0
    for a, b in BONES:
        if found[a] and found[b]:
            axes.plot(joints[[a, b], 0], joints[[a, b], 1], color=ORANGE, linewidth=2)
    axes.plot(*joints[found, :2].T, linestyle="", marker="o", markersize=3.5, color="white", markeredgecolor=BLUE)
