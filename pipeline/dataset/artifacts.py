"""Where each artifact of the pipeline lies, from the project's folder. docs/how_it_works.md says what is in it."""

from pathlib import Path

STUDIO = Path("data/raw/studio")
TRACKS = Path("data/tracks.parquet")
TRACKS_SET_ASIDE = Path("data/tracks_set_aside.csv")
KEYPOINTS = Path("data/keypoints")
MOTION = Path("data/motion")
SPECTROGRAMS = Path("data/spectrograms")
NOTES = Path("data/notes")
SPLITS = Path("data/splits.parquet")
SET_ASIDE = Path("data/set_aside.csv")
CODES = Path("data/codes")
MORE_PLAYERS = Path("data/more_players")
NDB_CELLS = Path("data/ndb_cells.npz")
MODELS = Path("models")  # a folder for each trained model
WIDE = Path("published/wide")  # in git: models/ and params.yaml of a run of profiles/wide.yaml
SAMPLES = Path("samples")  # a folder for each model that makes music
EVALUATIONS = Path("evaluations")  # a folder for each row of the tables
COMPARISONS = EVALUATIONS / "comparisons.json"
DEGRADED = EVALUATIONS / "degraded.csv"
METRICS = Path("metrics")  # a file for each row of the tables, and a history for each training
REPORTS = Path("reports")
