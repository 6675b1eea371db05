"""Tables, figures and sounds for people: reports/report.md, reports/index.html."""

import json
import re
import shutil
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import corpus, determinism, media, params, set_aside, weights
from pipeline.coding import decode
from pipeline.corpus.track import Track
from pipeline.keypoints.skeleton import LEFT_HAND, RIGHT_HAND
from pipeline.metrics import onset
from pipeline.models.vqvae import VQVAE
from pipeline.report import figures, page, tables
from pipeline.samples import Samples
from pipeline.shards import Shards
from pipeline.windows import Source, Windows
from stages import run

OUT = Path("reports")
FIGURE_6_INSTRUMENTS = 4
LISTENED = 2  # windows an instrument on the page; with 9 sounds each, 13 instruments come to 13 MB


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    metrics: tables.Metrics = {row: json.loads(Path(f"metrics/{row}.json").read_text()) for row in tables.ROWS}
    made = [row for row in tables.ROWS if row not in tables.skipped(metrics)]
    systems = [row for row in tables.SYSTEMS if row in made]
    tracks = {track.name: track for track in corpus.read(settings.corpus)[0]}
    draw_training()
    draw_cells(made)
    draw_bodies(systems, settings.seed)
    draw_instruments()
    draw_samples([row for row in ("mi_net", "mi_net_content") if row in made], tracks, settings)
    draw_timing(settings)
    figures.degraded(OUT / "degraded.png", read_csv("evaluations/degraded.csv"), metrics["vqvae"]["onset_f1"])
    report = text(metrics, settings)
    (OUT / "report.md").write_text(report, encoding="utf-8")
    page.write(OUT / "index.html", remark(settings.corpus.name), report, listened(systems, tracks, settings), settings)


def read_csv(path: str) -> pd.DataFrame:
    """A table in which names stay text, whatever they look like: a track may be called 01, an instrument NA."""
    names = dict.fromkeys(("instrument", "heard", "source"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])


def draw_training() -> None:
    def histories(rows: tuple[str, ...]) -> dict[str, pd.DataFrame]:
        return {tables.NAMES[row]: read_csv(f"metrics/history_{row}.csv") for row in rows}

    error = "squared error / variance\nabout each bin's mean"
    kinds = [
        (error, "mse", "test_mse", histories(("vqvae", "vqvae_plain"))),
        ("NLL (nats a code)", "nll", "test_nll", histories(tables.PRIORS)),
        (error, "loss", "test_mse", histories(tables.BASELINES)),
    ]
    figures.loss_curves(OUT / "loss_curves.png", kinds)
    figures.codebook_usage(OUT / "codebook_usage.png", read_csv("metrics/codebook_usage.csv").share.to_numpy())


def draw_cells(made: list[str]) -> None:
    cells = {row: read_csv(f"evaluations/{row}/ndb.csv") for row in tables.NDB_ROWS if row in made}
    first = {tables.NAMES[row]: table[table.repeat == 0] for row, table in cells.items()}
    figures.ndb_cells(OUT / "ndb_cells.png", first)


def draw_bodies(systems: list[str], seed: int) -> None:
    states = {row: np.load(f"evaluations/{row}/states.npz", allow_pickle=False) for row in systems}
    taken = {tables.NAMES[row]: (here["test_labels"], here["test_predicted"]) for row, here in states.items()}
    mi_net = tables.NAMES["mi_net"]
    nearest = "instrument of the nearest training window"
    figures.confusions(OUT / "knn_confusion.png", {mi_net: taken.pop(mi_net)}, nearest)
    figures.confusions(OUT / "knn_confusion_others.png", taken, nearest)
    here = states["mi_net"]
    train, test = ((here[part], here[f"{part}_labels"]) for part in ("train", "test"))
    figures.body_states(OUT / "figure_7_body_states.png", train, test, seed)


def draw_instruments() -> None:
    windows = read_csv("evaluations/mi_net/windows.csv").dropna(subset=["heard"])
    if len(windows):  # without instruments to tell apart there is no classifier, and nothing is heard
        heard = {
            f"{tables.NAMES['mi_net']}, generated windows": (
                windows.instrument.to_numpy(str),
                windows.heard.to_numpy(str),
            )
        }
        figures.confusions(OUT / "heard_confusion.png", heard, "instrument that the classifier hears")


def draw_samples(systems: list[str], tracks: dict[str, Track], settings: params.Params) -> None:
    vqvae = weights.load("models/vqvae", VQVAE)
    generated = {row: Samples(f"samples/{row}", vqvae) for row in systems}
    recorded = Shards("data/spectrograms")
    rows = {}
    for instrument, (source, start) in places(systems).items():
        columns = {tables.NAMES[row]: generated_at(samples, source, start) for row, samples in generated.items()}
        frames = len(columns[tables.NAMES["mi_net"]])
        rows[instrument] = columns | {"recorded": recorded.rows("spectrogram", source, start, frames)}
    if rows:
        figures.spectrograms(
            OUT / "figure_6_spectrograms.png", rows, settings.audio.sample_rate_hz, settings.windows.duration_s
        )
    show_sample(generated["mi_net"], recorded, tracks, settings)


def places(systems: list[str]) -> dict[str, tuple[str, int]]:
    """Instrument → test track and first row of a window that every one of the systems generated, in the middle of those.

    The instruments are spread evenly over all in alphabetical order.
    """
    windows = [read_csv(f"evaluations/{row}/windows.csv") for row in systems]
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
    """What `degrade.model` made for a window of four instruments, beside the movement, the recording and the notes."""
    row, fps = settings.degrade.model, settings.audio.fps
    samples = Samples(f"samples/{row}", weights.load("models/vqvae", VQVAE))
    recorded, motion, notes = (Shards(f"data/{name}") for name in ("spectrograms", "motion", "notes"))
    rows = {}
    for instrument, (source, start) in places([row]).items():
        made = generated_at(samples, source, start)
        first = round(start / fps * settings.motion.fps)
        moves = motion.rows("motion", source, first, round(settings.windows.duration_s * settings.motion.fps))
        hands = np.concatenate([moves[:, RIGHT_HAND], moves[:, LEFT_HAND]], axis=1)  # [frames, 42, 2]
        speed = np.linalg.norm(np.diff(hands, axis=0, prepend=hands[:1]), axis=2).mean(1) * settings.motion.fps
        ticks = {
            "recorded": onset.detect(recorded.rows("spectrogram", source, start, len(made)), fps),
            "generated": onset.detect(made, fps),
        }
        if source in notes:
            ticks = {"notes": np.flatnonzero(notes.rows("onsets", source, start, len(made))) / fps} | ticks
        rows[instrument] = (speed, settings.motion.fps, ticks)
    if rows:
        figures.onsets(OUT / "onsets.png", rows, settings.windows.duration_s)


def pitch_by_instrument(settings: params.Params) -> str:
    """The table, or a sentence where the corpus has no notes or does not tell instruments apart."""
    row = settings.degrade.model
    system, ceiling = (read_csv(f"evaluations/{name}/content.csv") for name in (row, "vqvae"))
    known = system[system.pitch.notna() & system.instrument.notna()]
    return tables.pitch_by_instrument(known, ceiling) if len(known) else "The corpus has no notes, or no instruments."


def generated_at(samples: Samples, source: str, start: int) -> np.ndarray:
    """The first repeat's window at a place: float32 [frames, bins]."""
    index = samples.index
    names = index.index[(index.repeat == 0) & (index.source == source) & (index.source_start == start)]
    return samples.spectrograms([names[0]])[0]


def show_sample(samples: Samples, recorded: Shards, tracks: dict[str, Track], settings: params.Params) -> None:
    """One sample: a frame of the video that it was made for, its joints, its spectrogram and the recorded one."""
    names = samples.names(repeat=0)
    name = names[len(names) // 2]
    source, start = samples.index.source[name], int(samples.index.source_start[name])
    made = samples.spectrograms([name])[0]
    track = tracks[source]
    middle_s = (start + len(made) / 2) / settings.audio.fps
    keypoints = Shards("data/keypoints")
    times = keypoints.rows("times", source)
    frame = int(np.abs(times - middle_s).argmin())
    _, picture = next(media.frames(track.video, track.start_s + times[frame]))
    left, right = round(track.left * picture.shape[1]), round(track.right * picture.shape[1])
    joints = keypoints.rows("keypoints", source)[frame] - np.array([left, 0, 0], dtype=np.float32)
    figures.seen_and_heard(
        OUT / "seen_and_heard.png",
        picture[:, left:right],
        joints,
        {
            "generated from the movement": made,
            "recorded": recorded.rows("spectrogram", source, start, len(made)),
        },
        settings.audio.sample_rate_hz,
        settings.windows.duration_s,
        f"{track.instrument}: a track that was not trained on",
    )


def remark(corpus_name: str) -> str:
    """What the page's reader must know of the corpus before anything else."""
    if corpus_name == "studio":
        return (
            "The corpus behind all of this is made, not recorded: a program wrote the music, drew the players and played the "
            "instruments. “Recorded” below means what it played. These figures cannot be compared with those of recorded corpora."
        )
    return f"The corpus is {corpus_name}: players who were filmed, and recorded."


def listened(systems: list[str], tracks: dict[str, Track], settings: params.Params) -> list[page.Window]:
    """The windows of the page, by instrument, with what every system made for them in the first repeat."""
    vqvae = weights.load("models/vqvae", VQVAE)
    samples = {row: Samples(f"samples/{row}", vqvae) for row in systems}
    fps, rate_hz = settings.audio.fps, settings.audio.sample_rate_hz
    chosen = listened_places(systems)
    sources = {
        "spectrogram": Source(Shards("data/spectrograms"), "spectrogram", fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
        "codes": Source(Shards("data/codes"), "codes", fps),
    }
    windows = Windows(sources, sorted({source for _, source, _ in chosen}), settings.windows.duration_s)
    found = []
    for instrument, source, start in chosen:
        here, track = windows.at(source, start), tracks[source]
        generated = {tables.RECORDED["vqvae"]: decode(vqvae, here["codes"][None])[0]}
        for row, system in samples.items():
            if ((system.index.source == source) & (system.index.source_start == start)).any():
                generated[tables.NAMES[row]] = generated_at(system, source, start)
        # As long as what is made of a spectrogram: from the middle of its first frame to that of its last.
        first = round(track.start_s * rate_hz) + start * settings.audio.hop_length
        length = (len(here["spectrogram"]) - 1) * settings.audio.hop_length
        recorded = media.read_audio(track.audio, rate_hz)[first : first + length]
        found.append(
            page.Window(instrument, source, start / fps, here["motion"], recorded, here["spectrogram"], generated)
        )
    return found


def listened_places(systems: list[str]) -> list[tuple[str, str, int]]:
    """Instrument, test track and first row of `LISTENED` windows an instrument, spread over its tracks.

    They are some of those that the most systems generated: where few tracks have notes, models with content know only those.
    """
    columns = ["instrument", "source", "source_start"]
    windows = [read_csv(f"evaluations/{row}/windows.csv").query("repeat == 0")[columns] for row in systems]
    found = []
    for instrument, here in pd.concat(windows).groupby("instrument"):
        counts = here.groupby(["source", "source_start"]).size()
        most = list(counts.index[counts == counts.max()])
        middles = np.unique(((np.arange(LISTENED) + 0.5) / LISTENED * len(most)).astype(int))
        found += [(str(instrument), *most[i]) for i in middles]
    return found


def picture(name: str, alt: str) -> str:
    """A figure in Markdown, where it was drawn."""
    return f"![{alt}]({name}.png)" if (OUT / f"{name}.png").exists() else ""


def text(metrics: tables.Metrics, settings: params.Params) -> str:
    name, generate, evaluate = settings.corpus.name, settings.generate, settings.evaluate
    items = set_aside.read("data")
    aside = tables.table(pd.DataFrame([vars(item) for item in items])) if items else "Nothing."
    sizes = {
        "windows generated a repeat": generate.samples,
        "training windows that they are compared with": evaluate.training_windows,
        "repeats": generate.repeats,
        "seed": settings.seed,
        "NDB: dimensions of a window": evaluate.ndb_dimensions,
        "NDB: cells": evaluate.ndb_cells,
        "NDB: significance": f"{evaluate.ndb_significance:g}",
    }
    comparisons = json.loads(Path("evaluations/comparisons.json").read_text())
    in_time = tables.NAMES[settings.degrade.model]
    made = " It is made, not recorded." if name == "studio" else ""
    report = f"""# Report

Corpus: {name} (`{settings.corpus.root}`).{made}

The paper is arXiv 2012.03478. Its figures stand beside those of this run in columns of their own, and the header of each names the
corpus. Corpora differ, so columns of different corpora cannot be compared directly.

{tables.sizes(sizes)}

{tables.skipped_lines(metrics)}

## Against the paper

{tables.findings(metrics, comparisons, name)}

### Table 1: NDB

Of {evaluate.ndb_cells} k-means cells of log-spectrogram windows, how many hold another share of windows than the training set does
(two-sample test at {evaluate.ndb_significance:g}); mean ± standard deviation over the repeats. Lower is better. It grows with both
numbers of windows. JSD: Jensen-Shannon divergence of the same shares. The training set's row is another draw of its windows.

{tables.ndb(metrics, name)}

{picture("ndb_cells", "Shares of the windows in NDB's cells, in the first repeat")}

### Table 2: KNN

Share of test windows whose nearest training window, by the body encoder's state (K = 1, cosine), has the same instrument. The
control takes the mean of each joint over the window for the state.

{tables.knn(metrics, name)}

{picture("knn_confusion", "Instruments of the nearest training windows, MI Net")}

{picture("knn_confusion_others", "Instruments of the nearest training windows, the other models")}

### Table 4: multi-band blocks

Squared error of recorded test tracks passed through the codes, over the variance of their values. The intervals are bootstrapped
over tracks, that of the reduction in pairs. The paper gives an L2 in units of its own.

{tables.multi_band_blocks(comparisons, name, evaluate.confidence)}

### Table 5: likelihood with content

Negative log-likelihood of the codes of test windows. The control replaces every window's condition by another track's.

{tables.likelihood(metrics, name)}

### Figure 6: generated and recorded

{picture("figure_6_spectrograms", "Spectrograms generated and recorded")}

### Figure 7: the body encoder's states

{picture("figure_7_body_states", "t-SNE of the body encoder's states, by instrument")}

## Is it the right instrument?

What a classifier hears, which was trained on recorded training windows alone. Control: the same windows judged against another
track's instrument. Ceilings: recorded test windows passed through the codes, for what is decoded from codes, and recorded test
windows themselves.

{tables.right_instrument(metrics)}

{picture("heard_confusion", "Instruments that the classifier hears in the generated windows, MI Net")}

## Is it the right content?

Share of frames whose pitch lies within {evaluate.pitch_tolerance_cents:g} cents of the note's. Control: the same windows judged
against another track's notes. Ceilings: as above. Models without content read no notes.

{tables.right_content(metrics)}

### Does the pitch follow the hand?

{in_time} reads no notes: what it knows of the pitch it sees. Chroma leaves octaves aside. Control: the same windows judged against
another track's notes. Ceiling: recorded sound through the codes. {in_time}, by instrument:

{pitch_by_instrument(settings)}

## Is it in time with the movement?

F-measure of the onsets that a detector hears, within {evaluate.onset_tolerance_s:g} s of the notes'; where the corpus has no
notes, of those that it hears in the recording. Control: the same windows judged against another track's. Lag: the delay of
all onsets alike at which most agree, positive where the music is late, in steps of {1000 / settings.audio.fps:g} ms; where the
F-measure is near its control, the lag says nothing.

{tables.timing(metrics)}

{picture("onsets", "Onsets of movement, recorded and generated")}

### When the movement is seen worse

{in_time}, sampled for {settings.degrade.windows} windows again and again. True joints: those of the corpus in the place
of the detector's, which it was trained on.

{tables.table(read_csv("evaluations/degraded.csv"))}

{picture("degraded", "Onset F1 against how badly the movement is seen")}

## Is the condition used?

The loss on test windows with their own condition, and with another track's. Without a difference the condition is not used. The
baselines predict each frame from the recorded ones before it.

{tables.condition(metrics)}

## One sample

{picture("seen_and_heard", "A frame, its joints, and the spectrogram generated for it")}

## Training

{picture("loss_curves", "Loss curves")}

{picture("codebook_usage", "Codebook usage")}

## Joints found, by instrument

Shares of frames; pck: body joints within 0.2 shoulder widths of the true ones, where the corpus has true ones.

{tables.table(read_csv("metrics/keypoints.csv"))}

## Set aside

{aside}
"""
    return re.sub("\n{3,}", "\n\n", report)  # what there is nothing to say of leaves no hole


if __name__ == "__main__":
    run(main)
