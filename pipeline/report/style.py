"""How every figure looks, and how it is written."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# Okabe and Ito's colours, which readers with any colour vision tell apart; their yellow is too light for white paper.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = COLOURS = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
MARKERS = "osD^vP"  # as many as have no common divisor with the colours: 42 classes have pairs of their own


def new_figure(width: float, height: float) -> Figure:
    matplotlib.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def write_figure(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the library's version in it, the bytes are those of the picture.
    figure.savefig(path, metadata={"Software": None})
