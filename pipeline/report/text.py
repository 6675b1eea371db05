"""The text of the report, in Markdown."""

import json
import re
from pathlib import Path

import pandas as pd

from pipeline import params
from pipeline.dataset.set_aside import read_set_aside
from pipeline.report import tables
from pipeline.report.drawing import OUT, read_csv
from pipeline.report.rows import NAMES, Metrics


def remark(corpus_name: str) -> str:
    """What the page's reader must know of the corpus before anything else."""
    if corpus_name == "studio":
        return (
            "The corpus behind all of this is made, not recorded: a program wrote the music, drew the players and played the "
            "instruments. “Recorded” below means what it played. These figures cannot be compared with those of recorded corpora."
        )
    return f"The corpus is {corpus_name}: players who were filmed, and recorded."


def pitch_by_instrument(settings: params.Params) -> str:
    """The table, or a sentence where the corpus has no notes or does not tell instruments apart."""
    row = settings.degrade.model
    system, ceiling = (read_csv(f"evaluations/{name}/content.csv") for name in (row, "vqvae"))
    known = system[system.pitch.notna() & system.instrument.notna()]
    return tables.pitch_by_instrument(known, ceiling) if len(known) else "The corpus has no notes, or no instruments."


def picture(name: str, alt: str) -> str:
    """A figure in Markdown, where it was drawn."""
    return f"![{alt}]({name}.png)" if (OUT / f"{name}.png").exists() else ""


def report(metrics: Metrics, settings: params.Params) -> str:
    name, generate, evaluate = settings.corpus.name, settings.generate, settings.evaluate
    items = read_set_aside("data/set_aside.csv")
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
    in_time = NAMES[settings.degrade.model]
    made = " It is made, not recorded." if name == "studio" else ""
    written = f"""# Report

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
    return re.sub("\n{3,}", "\n\n", written)  # what there is nothing to say of leaves no hole
