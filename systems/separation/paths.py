"""Where the artifacts of the separation lie, from the project's folder."""

from pathlib import Path

from pipeline.dataset.artifacts import EVALUATIONS, METRICS, MODELS

SOUND = Path("data/sound")
MORE_SOUND = Path("data/more_sound")
FRAMES = Path("data/frames")
FIGURES = METRICS / "separation"
ROW = "separation"  # below evaluations/
REPORT = EVALUATIONS / ROW / "report"


def model(variant: str) -> Path:
    """The folder of a variant's model."""
    return MODELS / f"separator_{variant}"
