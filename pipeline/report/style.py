"""The style of all figures, and how they are written."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# The palette of Okabe and Ito, which is safe for colour-blind readers. Their yellow is left out: it is too light on white.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = COLOURS = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
MARKERS = "osD^vP"  # 6 has no common divisor with the 7 colours, so 42 classes have different pairs


def new_figure(width: float, height: float) -> Figure:
    matplotlib.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def write_figure(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The metadata would hold the version of matplotlib, and the bytes would depend on it.
    figure.savefig(path, metadata={"Software": None})
