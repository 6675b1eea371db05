"""Where the artifacts of Foley Music lie, from the project's folder."""

from pathlib import Path

from pipeline.dataset.artifacts import METRICS

NOTES = Path("data/foley_music/notes.parquet")
MORE_NOTES = Path("data/foley_music/more_players.parquet")
SET_ASIDE = Path("data/foley_music/set_aside.csv")
FIGURES = METRICS / "foley_music"
ROW = "foley_music"  # below evaluations/
