"""The figures of the report, from the outputs of earlier stages."""

from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import params
from pipeline.audio import onset_detector
from pipeline.corpus.track import Track
from pipeline.dataset.artifacts import EVALUATIONS, KEYPOINTS, METRICS, MOTION, NOTES, REPORTS, SAMPLES, SPECTROGRAMS
from pipeline.dataset.shards import Shards
from pipeline.keypoints.skeleton import LEFT_HAND, RIGHT_HAND
from pipeline.media import picture_files
from pipeline.report import figures, pictures
from pipeline.report.rows import BASELINES, NAMES, NDB_ROWS, PRIORS
from pipeline.sampling import codec
from pipeline.sampling.samples import Samples

FIGURE_6_INSTRUMENTS = 4


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table, with names as text: a track may be called 01, and an instrument NA."""
    names = dict.fromkeys(("instrument", "heard", "source"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])


def draw_training() -> None:
    def histories(rows: tuple[str, ...]) -> dict[str, pd.DataFrame]:
        return {NAMES[row]: read_csv(METRICS / f"history_{row}.csv") for row in rows}

    error, reader = "squared error / variance\nabout each bin's mean", read_csv(METRICS / "history_reader.csv")
    kinds = [
        (error, "mse", "choose_mse", histories(("vqvae", "vqvae_plain"))),
        ("NLL (nats per code)", "nll", "choose_nll", histories(PRIORS)),
        (error, "loss", "choose_mse", histories(BASELINES)),
        ("squared error of the\nonset strength", "onset_error", "choose_onset_error", {"movement reader": reader}),
    ]
    figures.loss_curves(REPORTS / "loss_curves.png", kinds)
    figures.codebook_usage(REPORTS / "codebook_usage.png", read_csv(METRICS / "codebook_usage.csv").share.to_numpy())


def draw_cells(made: list[str]) -> None:
    cells = {row: read_csv(EVALUATIONS / row / "ndb.csv") for row in NDB_ROWS if row in made}
    first = {NAMES[row]: table[table.repeat == 0] for row, table in cells.items()}
    figures.ndb_cells(REPORTS / "ndb_cells.png", first)


def draw_bodies(systems: list[str], seed: int) -> None:
    states = {row: np.load(EVALUATIONS / row / "states.npz", allow_pickle=False) for row in systems}
    taken = {NAMES[row]: (here["test_labels"], here["test_predicted"]) for row, here in states.items()}
    mi_net = NAMES["mi_net"]
    nearest = "instrument of the nearest training window"
    figures.confusions(REPORTS / "knn_confusion.png", {mi_net: taken.pop(mi_net)}, nearest)
    figures.confusions(REPORTS / "knn_confusion_others.png", taken, nearest)
    here = states["mi_net"]
    train, test = ((here[part], here[f"{part}_labels"]) for part in ("train", "test"))
    figures.body_states(REPORTS / "figure_7_body_states.png", train, test, seed)


def draw_instruments() -> None:
    windows = read_csv(EVALUATIONS / "mi_net" / "windows.csv").dropna(subset=["heard"])
    if len(windows):  # without known instruments there is no classifier
        heard = {
            f"{NAMES['mi_net']}, generated windows": (
                windows.instrument.to_numpy(str),
                windows.heard.to_numpy(str),
            )
        }
        figures.confusions(REPORTS / "heard_confusion.png", heard, "instrument predicted by the classifier")


def draw_samples(systems: list[str], tracks: dict[str, Track], settings: params.Params) -> None:
    vqvae = codec.load()
    generated = {row: Samples(SAMPLES / row, vqvae) for row in systems}
    recorded = Shards(SPECTROGRAMS)
    rows = {}
    for instrument, (source, start) in places(systems).items():
        columns = {NAMES[row]: generated_at(samples, source, start) for row, samples in generated.items()}
        frames = len(columns[NAMES["mi_net"]])
        rows[instrument] = columns | {"recorded": recorded.rows("spectrogram", source, start, frames)}
    if rows:
        pictures.spectrograms(
            REPORTS / "figure_6_spectrograms.png", rows, settings.audio.sample_rate_hz, settings.windows.duration_s
        )
    show_sample(generated["mi_net"], recorded, tracks, settings)


def places(systems: list[str]) -> dict[str, tuple[str, int]]:
    """Instrument → test track and first row of a window that all systems generated: the middle one of these windows.

    The instruments are spread evenly over the alphabetical list.
    """
    windows = [read_csv(EVALUATIONS / row / "windows.csv") for row in systems]
    first = [table.loc[table.repeat == 0, ["source", "source_start", "instrument"]] for table in windows]
    common = reduce(pd.merge, first)
    names = sorted(set(common.instrument))
    chosen = np.unique(np.linspace(0, len(names) - 1, min(FIGURE_6_INSTRUMENTS, len(names))).round().astype(int))
    found = {}
    for name in (names[i] for i in chosen):
        here = common[common.instrument == name]
        middle = here.iloc[len(here) // 2]
        found[name] = (middle.source, int(middle.source_start))
    return found


def draw_timing(settings: params.Params) -> None:
    """Draw what `degrade.model` generated for one window per instrument, with the movement, the recording and the notes."""
    row, fps = settings.degrade.model, settings.audio.fps
    samples = Samples(SAMPLES / row, codec.load())
    recorded, motion, notes = (Shards(folder) for folder in (SPECTROGRAMS, MOTION, NOTES))
    rows = {}
    for instrument, (source, start) in places([row]).items():
        made = generated_at(samples, source, start)
        first = round(start / fps * settings.motion.fps)
        moves = motion.rows("motion", source, first, round(settings.windows.duration_s * settings.motion.fps))
        hands = np.concatenate([moves[:, RIGHT_HAND], moves[:, LEFT_HAND]], axis=1)  # [frames, 42, 2]
        speed = np.linalg.norm(np.diff(hands, axis=0, prepend=hands[:1]), axis=2).mean(1) * settings.motion.fps
        ticks = {
            "recorded": onset_detector.detect(recorded.rows("spectrogram", source, start, len(made)), fps),
            "generated": onset_detector.detect(made, fps),
        }
        if source in notes:
            ticks = {"notes": np.flatnonzero(notes.rows("onsets", source, start, len(made))) / fps} | ticks
        rows[instrument] = (speed, settings.motion.fps, ticks)
    if rows:
        figures.onsets(REPORTS / "onsets.png", rows, settings.windows.duration_s)


def generated_at(samples: Samples, source: str, start: int) -> np.ndarray:
    """The window that was generated for a place in the first repeat: float32 [frames, bins]."""
    index = samples.index
    names = index.index[(index.repeat == 0) & (index.source == source) & (index.source_start == start)]
    return samples.spectrograms([names[0]])[0]


def show_sample(samples: Samples, recorded: Shards, tracks: dict[str, Track], settings: params.Params) -> None:
    """Draw one sample: a frame of its video, the joints, the generated and the recorded spectrogram."""
    names = samples.names(repeat=0)
    name = names[len(names) // 2]
    source, start = samples.index.source[name], int(samples.index.source_start[name])
    made = samples.spectrograms([name])[0]
    track = tracks[source]
    middle_s = (start + len(made) / 2) / settings.audio.fps
    keypoints = Shards(KEYPOINTS)
    times = keypoints.rows("times", source)
    frame = int(np.abs(times - middle_s).argmin())
    _, picture = next(picture_files.frames(track.video, track.start_s + times[frame]))
    left, right = round(track.left * picture.shape[1]), round(track.right * picture.shape[1])
    joints = keypoints.rows("keypoints", source)[frame] - np.array([left, 0, 0], dtype=np.float32)
    pictures.seen_and_heard(
        REPORTS / "seen_and_heard.png",
        picture[:, left:right],
        joints,
        {
            "generated from the movement": made,
            "recorded": recorded.rows("spectrogram", source, start, len(made)),
        },
        settings.audio.sample_rate_hz,
        settings.windows.duration_s,
        f"{track.instrument}, a test track",
    )
