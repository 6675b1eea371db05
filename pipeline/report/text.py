"""The text of the report, in Markdown."""

import json
import re

import pandas as pd

from pipeline import params
from pipeline.dataset.artifacts import COMPARISONS, DEGRADED, EVALUATIONS, METRICS, REPORTS, SET_ASIDE
from pipeline.dataset.set_aside import read_set_aside
from pipeline.report import intervals, tables
from pipeline.report.drawing import read_csv
from pipeline.report.rows import NAMES, SYSTEMS, Estimate, Metrics


def remark(corpus_name: str) -> str:
    """What the reader of the page must know about the corpus first."""
    if corpus_name == "studio":
        return (
            "The corpus is made, not recorded. A program wrote the music, drew the players and played the instruments. Below, "
            "“recorded” means what this program played. The figures cannot be compared with those of recorded corpora."
        )
    return f"The corpus is {corpus_name}: filmed and recorded players."


def pitch_by_instrument(settings: params.Params) -> str:
    """The table, or a sentence if the corpus has no notes or no instruments."""
    row = settings.degrade.model
    system, ceiling = (read_csv(EVALUATIONS / name / "content.csv") for name in (row, "vqvae"))
    known = system[system.pitch.notna() & system.instrument.notna()]
    return tables.pitch_by_instrument(known, ceiling) if len(known) else "The corpus has no notes, or no instruments."


def picture(name: str, alt: str) -> str:
    """A figure in Markdown, or nothing if it was not drawn."""
    return f"![{alt}]({name}.png)" if (REPORTS / f"{name}.png").exists() else ""


def number_of_tracks(estimates: dict[str, dict[str, Estimate]]) -> str:
    """How many tracks the figures rest on: "12 tracks", or "10 to 12 tracks" if not all rest on the same ones."""
    counts = [int(estimate["tracks"] or 0) for here in estimates.values() for estimate in here.values()]
    fewest, most = min(counts), max(counts)
    return f"{most} tracks" if fewest == most else f"{fewest} to {most} tracks"


def report(metrics: Metrics, settings: params.Params) -> str:
    name, generate, evaluate = settings.corpus.name, settings.generate, settings.evaluate
    items = read_set_aside(SET_ASIDE)
    aside = tables.table(pd.DataFrame([vars(item) for item in items])) if items else "Nothing."
    sizes = {
        "generated windows per repeat": generate.samples,
        "training windows for comparison": evaluate.training_windows,
        "repeats of the sampling": generate.repeats,
        "repeats of NDB's clustering": evaluate.ndb_repeats,
        "seed": settings.seed,
        "NDB: dimensions of a window": evaluate.ndb_dimensions,
        "NDB: cells": evaluate.ndb_cells,
        "NDB: significance": f"{evaluate.ndb_significance:g}",
    }
    comparisons = json.loads(COMPARISONS.read_text())
    estimates = {
        row: intervals.estimates(row, evaluate.confidence, settings.seed) for row in (*SYSTEMS, "vqvae", "test_set")
    }
    in_time = NAMES[settings.degrade.model]
    made = " It is made, not recorded." if name == "studio" else ""
    written = f"""# Report

Corpus: {name} (`{settings.corpus.root}`).{made}

The paper is arXiv 2012.03478. The tables show its figures beside those of this run. The header of each column names the corpus.
Corpora differ, so figures of different corpora cannot be compared directly.

{tables.sizes(sizes)}

{tables.skipped_lines(metrics)}

## Comparison with the paper

{tables.findings(metrics, comparisons, name)}

### Table 1: NDB

Log-spectrogram windows are divided into {evaluate.ndb_cells} k-means cells. NDB is the number of cells whose share of windows
differs from that of the training set (two-sample test at {evaluate.ndb_significance:g}). It is given as the mean over the
repeats ± the standard deviation over the repeats and over resampled tracks. Lower is better. NDB grows with both numbers of
windows. JSD is the Jensen-Shannon divergence of the same shares.

That test takes the windows of one track for independent, which they are not. So it also finds cells different if both sets come
from one source. “NDB calibrated” deals whole tracks anew to the two sets, those of each instrument among themselves, and counts the
cells in which few deals differ as much (permutation test at {evaluate.ndb_significance:g}, mean over the repeats). Two sets of
tracks of one source get about {evaluate.ndb_significance * evaluate.ndb_cells:.1f} cells, or fewer. A low figure does not prove
that the sound is alike: few tracks show only large differences.

The row of the training set is training tracks that are held out, compared with the others. It shows what a set of that many new
tracks of the same source gets. The cells were fitted to windows of all training tracks.

{tables.ndb(metrics, name)}

{picture("ndb_cells", "Share of windows in each NDB cell, first repeat")}

### Table 2: KNN

Share of test windows whose nearest training window has the same instrument. Nearest means by the state of the body encoder (K = 1,
cosine distance). The control uses the mean of each joint over the window instead of the state.

{tables.knn(metrics, name)}

{picture("knn_confusion", "Confusion matrix of KNN for MI Net")}

{picture("knn_confusion_others", "Confusion matrices of KNN for the other models")}

### Table 4: multi-band blocks

Squared error of recorded test tracks that were passed through the codes, over the variance about each bin's mean. The intervals are
bootstrapped over tracks; the interval of the reduction is paired. Before quantising, the decoder reads the output of the encoder
itself. Quantisation adds an error of its own. Where it adds the same to both models, it dilutes the gain from multi-band blocks.
The paper gives an L2 in units of its own.

{tables.multi_band_blocks(comparisons, name, evaluate.confidence)}

### Table 5: likelihood with content

Negative log-likelihood of the codes of test windows. The control gives each window the condition of another track.

{tables.likelihood(metrics, name)}

### Figure 6: generated and recorded spectrograms

{picture("figure_6_spectrograms", "Generated and recorded spectrograms")}

### Figure 7: states of the body encoder

{picture("figure_7_body_states", "t-SNE of the states of the body encoder, by instrument")}

## Is it the right instrument?

Instrument accuracy is the share of windows for which a classifier predicts the right instrument. The classifier was trained on
recorded training windows only. Control: the same predictions against the instrument of another track. There are two ceilings: the
recorded test windows, and for models that generate codes, recorded test windows passed through the codes.

{tables.right_instrument(metrics)}

{picture("heard_confusion", "Confusion matrix of the classifier on windows generated by MI Net")}

## Is it the right content?

Pitch accuracy is the share of frames whose pitch is within {evaluate.pitch_tolerance_cents:g} cents of the note. Control: the same
windows against the notes of another track. The ceilings are those above. Models without content do not read notes.

{tables.right_content(metrics)}

### Does the pitch follow the hand?

{in_time} does not read notes. It can learn about pitch only from the movement. The table shows its pitch accuracy by instrument.
Chroma ignores octaves. Control: the same windows against the notes of another track. Ceiling: recorded sound through the codes.

{pitch_by_instrument(settings)}

## Is it in time with the movement?

Onset F1 is the F-measure of the onsets that a detector finds in the generated sound, within {evaluate.onset_tolerance_s:g} s of the
onsets of the notes. If the corpus has no notes, the reference is the onsets that the detector finds in the recording. Control: the
same windows against the onsets of another track. The lag is the one delay of all onsets that gives the best agreement, in steps of
{1000 / settings.audio.fps:g} ms. It is positive if the music is late. If the F-measure is close to its control, the lag has no
meaning.

{tables.timing(metrics)}

{picture("onsets", "Speed of the hands, and onsets in the recording and in the generated sound")}

### With movement that is seen less well, or is somebody else's

{in_time} and {NAMES[settings.degrade.beside]} were sampled for the same {settings.degrade.windows} windows with each kind of
movement. “True joints” are those of the corpus. They replace the detected joints, on which the models were trained. Angles are in
degrees.
`instrument_accuracy` is the share of windows in which the right instrument is heard. In the figure, dotted lines are the movement
as it is.

{tables.table(read_csv(DEGRADED))}

{picture("degraded", "Onset F1 and instruments heard against changes of the movement")}

## Is the condition used?

The table shows the loss on test windows with their own condition and with that of another track. If the two are equal, the model
does not use the condition. The baselines predict each frame from the recorded frames before it.

{tables.condition(metrics)}

## How sure are the figures?

Each figure is that of the tables above: the mean over windows. Shares are from 0 to 1. In brackets is its percentile interval at
{100 * evaluate.confidence:g} %. Windows of one track resemble each other, so the intervals are bootstrapped over tracks:
{number_of_tracks(estimates)}. A window for which a figure has no value is left out, as it is from the mean. The intervals say how
much a figure would change with other test tracks, not with another training. The spread of NDB is in Table 1. The intervals of the
errors of the VQ-VAEs are in Table 4.

{tables.intervals(estimates)}

## One sample

{picture("seen_and_heard", "A video frame with its joints, and the generated and the recorded spectrogram")}

## Training

{picture("loss_curves", "Loss curves")}

{picture("codebook_usage", "Codebook usage")}

## Detected joints, by instrument

The values are shares of frames. pck is the share of body joints within 0.2 shoulder widths of the true joints. It is missing if the
corpus has no true joints.

{tables.table(read_csv(METRICS / "keypoints.csv"))}

## Set aside

{aside}
"""
    return re.sub("\n{3,}", "\n\n", written)  # missing parts leave no empty lines
