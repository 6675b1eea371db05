"""Where the artifacts of music to pictures lie, from the project's folder."""

from pathlib import Path

from pipeline.dataset.artifacts import EVALUATIONS, METRICS, MODELS

FRAMES = Path("data/frames")  # of the separation's stage of that name
MORE_FRAMES = Path("data/more_frames")
BANDS = Path("data/bands/tracks")
MORE_BANDS = Path("data/bands/more_players")
LISTENER = MODELS / "listener"
JUDGE = MODELS / "picture_judge"
BODY = MODELS / "audio_to_body"
MUSIC = MODELS / "mi_net_sync"  # of the paper's pipeline, for the movement reader that is in it
FIGURES = METRICS / "pictures"
ROW = "pictures"  # below evaluations/
REPORT = EVALUATIONS / ROW / "report"


def vae(variant: str) -> Path:
    """The folder of a variant of the frame VAE."""
    return MODELS / f"frame_vae_{variant}"
