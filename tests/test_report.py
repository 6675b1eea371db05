"""The report says whose figures it shows, shows nothing where there is nothing, and is the same bytes every time."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_media import blank, digests, tone, workplace, write_video, write_wav
from ruamel.yaml import YAML

from pipeline import params
from pipeline.corpus import reading
from pipeline.corpus.track import write_tracks
from pipeline.dataset.set_aside import SetAside, write_set_aside
from pipeline.dataset.shards import ShardWriter
from pipeline.evaluation.rows import KEYS
from pipeline.keypoints.people_finder import finder
from pipeline.models.vqvae import VQVAE
from pipeline.report import drawing, figures, tables, text
from pipeline.report.rows import BASELINES, PRIORS, ROWS, SYSTEMS
from pipeline.report.style import COLOURS, MARKERS
from pipeline.training import weights
from stages import report

CONTENT = ("mi_net_content", "mi_net_sync_content", "gru_content")
CODES = ("fl", "ob", "tpt", "vn", "va")
FIGURES = {
    "codebook_usage",
    "degraded",
    "figure_6_spectrograms",
    "figure_7_body_states",
    "heard_confusion",
    "knn_confusion",
    "knn_confusion_others",
    "loss_curves",
    "ndb_cells",
    "onsets",
    "seen_and_heard",
}
COMPARISONS = {
    "parameters": {"vqvae": 123456, "vqvae_plain": 123000},
    "mse": {
        "vqvae": {"value": 0.11, "low": 0.1, "high": 0.12},
        "vqvae_plain": {"value": 0.125, "low": 0.11, "high": 0.14},
    },
    "reduction": {"value": 0.12, "low": 0.05, "high": 0.2},
    "mse_unquantised": {
        "vqvae": {"value": 0.06, "low": 0.05, "high": 0.07},
        "vqvae_plain": {"value": 0.08, "low": 0.07, "high": 0.09},
    },
    "reduction_unquantised": {"value": 0.25, "low": 0.15, "high": 0.35},
}
FRAMES, BINS, STARTS = 62, 256, 3  # of a window; windows a track
REPEATS = 2


def metrics_of(row: str, *, content: bool = True, heard: bool = True) -> dict[str, float | None]:
    """Plausible figures of a row: null where one has no meaning, everywhere where the model was skipped."""
    figures_here: dict[str, float | None] = dict.fromkeys(KEYS)
    if row in CONTENT and not content:
        return figures_here
    figures_here |= {"ndb": 9.4, "ndb_spread": 1.14, "ndb_calibrated": 2.33, "jsd": 0.0631}
    if heard:
        figures_here |= {"instrument_accuracy": 0.8, "instrument_accuracy_shuffled": 0.1}
    figures_here |= {"onset_f1": 0.4, "onset_f1_shuffled": 0.3, "onset_lag_s": 0.016}
    if content:
        figures_here |= {"pitch": 0.5, "pitch_shuffled": 0.2}
    if row in SYSTEMS:
        figures_here["knn"] = 0.9144
    if row in PRIORS:
        figures_here |= {"nll": 1.1, "nll_shuffled": 1.7}
    if row in BASELINES:
        figures_here |= {"mse": 0.2, "mse_shuffled": 0.25}
    return figures_here


def studio(root: Path) -> None:
    """A piece with a player of each of CODES."""
    home = root / "01_A"
    write_video(home / f"Vid_01_A_{'_'.join(CODES)}.mp4", blank(2, size_px=160))
    for player, code in enumerate(CODES, start=1):
        write_wav(home / f"AuSep_{player}_{code}_01_A.wav", tone(2))


def takes(root: Path) -> None:
    """Two videos of nobody knows which instrument."""
    for number in (1, 2):
        write_video(root / f"take_{number}.mp4", blank(2), tone(2))


def fake(folder: Path, name: str, *, content: bool = True, heard: bool = True) -> Path:
    """A folder with everything that the report stage reads, as a run at toy size leaves it."""
    generator = np.random.default_rng(1)
    (studio if name == "studio" else takes)(folder / "corpus")
    workplace(
        folder,
        corpus={"name": name, "root": str(folder / "corpus")},
        audio={"n_fft": 2 * BINS, "griffin_lim_iterations": 1},
        windows={"duration_s": 1},
        vqvae={"channels": 8, "code_dim": 4, "codes": 16},
        generate={"repeats": REPEATS},
    )
    settings = params.load(folder / "params.yaml")
    tracks = reading.read(settings.corpus, finder)[0]
    places = [(track.name, start) for track in tracks for start in range(STARTS)]
    instruments = {track.name: track.instrument for track in tracks}
    chosen = settings.variants.vqvae["vqvae"]
    sizes = {"bins": BINS, **chosen.model_dump(exclude={"training", "codebook_after"})}
    weights.save(folder / "models/vqvae", VQVAE(**sizes), weights.Config("vqvae", "fp32", sizes))
    write_data(folder / "data", [track.name for track in tracks], generator)
    write_tracks(folder / "data/tracks.parquet", tracks)
    for row in ROWS:
        metrics = metrics_of(row, content=content, heard=heard)
        write_metrics(folder / "metrics", row, metrics)
        if any(value is not None for value in metrics.values()):
            write_evaluations(folder / "evaluations" / row, places, instruments, heard, generator)
            write_content(folder / "evaluations" / row, places, instruments, content)
    degraded = [("as it is", None), ("size", 0.75), ("noise", 0.1), ("noise", 0.2), ("late", 0.04)]
    seen = pd.DataFrame(degraded, columns=["seen", "amount"])
    table = pd.concat([seen.assign(model=name) for name in ("mi_net_sync", "mi_net")])
    table = table.assign(onset_f1=0.5, onset_f1_shuffled=0.2, onset_lag_s=0.0, instrument_accuracy=0.9)
    table.to_csv(folder / "evaluations/degraded.csv", index=False)
    for row in SYSTEMS:
        repeats = 0 if row in CONTENT and not content else 1 if row in BASELINES else REPEATS
        with ShardWriter(folder / "samples" / row) as writer:
            for number, (repeat, (track, start)) in enumerate((r, place) for r in range(repeats) for place in places):
                made = {"codes": generator.integers(16, size=FRAMES).astype(np.int16)}
                if row in BASELINES:
                    made = {"spectrogram": generator.uniform(-1, 0.5, (FRAMES, BINS)).astype(np.float16)}
                writer.add(f"sample_{number:05d}", made, repeat=repeat, source=track, source_start=start)
    return folder


def write_data(folder: Path, names: list[str], generator: np.random.Generator) -> None:
    with (
        ShardWriter(folder / "spectrograms") as sounds,
        ShardWriter(folder / "keypoints") as bodies,
        ShardWriter(folder / "motion") as movements,
        ShardWriter(folder / "notes") as notes,
        ShardWriter(folder / "codes") as codes,
    ):
        for name in names:
            sounds.add(name, {"spectrogram": generator.uniform(-1, 0.5, (100, BINS)).astype(np.float16)})
            joints = generator.uniform(0, 64, (20, 47, 3)).astype(np.float32)
            bodies.add(name, {"keypoints": joints, "times": np.arange(20) / 10})
            movements.add(name, {"motion": generator.normal(size=(40, 47, 2)).astype(np.float32)})
            codes.add(name, {"codes": generator.integers(16, size=100).astype(np.int16)})
            notes.add(name, {"notes": np.ones(100, np.int16), "onsets": np.arange(100) % 30 == 0})
    write_set_aside(folder / "set_aside.csv", [SetAside("a|b.mp4", "broken", "mend it")])


def write_metrics(folder: Path, row: str, metrics: dict[str, float | None]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{row}.json").write_text(json.dumps(metrics))
    (folder.parent / "evaluations").mkdir(exist_ok=True)
    (folder.parent / "evaluations/comparisons.json").write_text(json.dumps(COMPARISONS))
    pd.DataFrame({"instrument": ["NA", "oboe"], "tracks": [2, 1], "pck": [0.9, None]}).to_csv(
        folder / "keypoints.csv", index=False
    )
    pd.DataFrame({"rank": [1, 2, 3], "share": [0.7, 0.3, 0.0]}).to_csv(folder / "codebook_usage.csv", index=False)
    reader = {"step": [100, 200], "onset_error": [0.9, 0.8], "choose_onset_error": [1.0, 0.9]}
    pd.DataFrame(reader).to_csv(folder / "history_reader.csv", index=False)
    columns = ["mse", "choose_mse"] if row.startswith("vqvae") else ["loss", "choose_mse"]
    columns = ["nll", "choose_nll"] if row in PRIORS else columns
    rows = [] if metrics["ndb"] is None else [[100 * i, 1 / i, 1.2 / i] for i in (1, 2, 3)]
    pd.DataFrame(rows, columns=["step", *columns]).to_csv(folder / f"history_{row}.csv", index=False)


def write_evaluations(
    folder: Path,
    places: list[tuple[str, int]],
    instruments: dict[str, str],
    heard: bool,
    generator: np.random.Generator,
) -> None:
    folder.mkdir(parents=True)
    repeats = pd.DataFrame({"repeat": np.repeat(range(REPEATS), 8), "cell": [*range(8)] * REPEATS})
    shares = generator.dirichlet(np.ones(8), size=(REPEATS, 2))
    repeats["training_share"], repeats["share"] = shares[:, 0].ravel(), shares[:, 1].ravel()
    repeats["different"] = (repeats.share - repeats.training_share > 0.1).astype(int)
    repeats.to_csv(folder / "ndb.csv", index=False)
    windows = pd.DataFrame(places * REPEATS, columns=["source", "source_start"])
    windows.insert(0, "repeat", np.repeat(range(REPEATS), len(places)))
    windows["instrument"] = windows.source.map(instruments)
    windows["heard"] = generator.permutation(windows.instrument) if heard else ""
    # Four of five tracks are right, whatever the confusion matrix shows: 0.8, as in the metrics.
    windows["right"] = (windows.source != windows.source.iloc[0]).astype(int) if heard else ""
    windows.to_csv(folder / "windows.csv", index=False)
    loss, value = ("nll", 1.1) if folder.name in PRIORS else ("mse", 0.2)
    if folder.name in SYSTEMS:
        losses = pd.DataFrame(places, columns=["source", "source_start"]).assign(**{loss: value})
        losses.to_csv(folder / "losses.csv", index=False)
    labels = np.array(sorted(instruments.values()) * 4)
    states = {part: generator.normal(size=(len(labels), 8)).astype(np.float32) for part in ("train", "test")}
    predicted = generator.permutation(labels)
    others = states | {"test_tracks": np.array(sorted(instruments) * 4)}
    np.savez(folder / "states.npz", train_labels=labels, test_labels=labels, test_predicted=predicted, **others)


def write_content(folder: Path, places: list[tuple[str, int]], instruments: dict[str, str], content: bool) -> None:
    table = pd.DataFrame(places, columns=["source", "source_start"])
    table["instrument"] = table.source.map(instruments)
    for name in ("pitch", "semitone", "chroma"):
        table[name], table[f"{name}_shuffled"] = (0.5, 0.2) if content else (np.nan, np.nan)
    table["onset_f1"] = 0.4
    table.to_csv(folder / "content.csv", index=False)


def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run the stage, and return the digests of its files."""
    monkeypatch.chdir(folder)
    report.main()
    return digests(folder / "reports")


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]


def test_dvc_plots_show_shows_every_figure() -> None:
    plots = YAML(typ="safe").load(Path(__file__).parents[1] / "dvc.yaml")["plots"]
    assert {Path(plot).stem for plot in plots if isinstance(plot, str)} == FIGURES


@pytest.mark.slow
def test_every_figure_and_the_text_are_the_same_bytes_twice(tmp_path, monkeypatch):
    folder = fake(tmp_path, "studio")
    first = made(folder, monkeypatch)
    assert set(first) == {"report.md", "index.html", *(f"{name}.png" for name in FIGURES)}
    assert made(folder, monkeypatch) == first
    text = (folder / "reports/report.md").read_text()
    assert set(re.findall(r"\((\w+)\.png\)", text)) == FIGURES
    assert "It is made, not recorded." in text
    assert "skipped" not in text
    assert "bootstrapped over tracks:\n5 tracks" in text
    sure = {line[0]: line[1:] for line in cells(text.partition("## How sure are the figures?")[2])}
    assert sure["MI Net"][0].startswith("0.80 (0.40–1.00)")
    assert sure["MI Net"][1:3] == ["0.50 (0.50–0.50)", "0.40 (0.40–0.40)"]
    assert sure["MI Net"][4:] == ["1.10 (1.10–1.10)", "–"]
    assert sure["RNN Seq2Seq"][4:] == ["–", "0.20 (0.20–0.20)"]
    assert sure["VQ-VAE (recorded, through the codes)"][4:] == sure["test set (recorded)"][4:] == ["–", "–"]
    assert "| a\\|b.mp4 | broken | mend it |" in text
    assert "| NA | 2 | 0.900 |" in text, "an instrument of that name is no missing value"


@pytest.mark.slow
def test_a_folder_of_unknown_instruments_without_midi(tmp_path, monkeypatch):
    """The models with content were skipped, and there was no classifier to train."""
    folder = fake(tmp_path, "folder", content=False, heard=False)
    written = made(folder, monkeypatch)
    assert set(written) == {"report.md", "index.html", *(f"{name}.png" for name in FIGURES - {"heard_confusion"})}
    text = (folder / "reports/report.md").read_text()
    assert set(re.findall(r"\((\w+)\.png\)", text)) == FIGURES - {"heard_confusion"}
    assert "It is made" not in text
    assert "this run: folder" in text
    for name in ("MI Net with content", "GRU Seq2Seq with content"):
        assert re.search(rf"^- {name} was skipped: .*no MIDI", text, re.MULTILINE)
    assert "| MI Net with content | – | – | – | 35 | – |" in text
    assert not re.search("None|nan|\n\n\n", text)


def test_figure_6_shows_one_place_in_all_its_columns(tmp_path, monkeypatch):
    """Models with content may know fewer tracks, and then other places on them: only common ones may stand side by side."""
    monkeypatch.chdir(fake(tmp_path, "studio"))
    path = Path("evaluations/mi_net_content/windows.csv")
    table = pd.read_csv(path)
    table[table.source.ne("01_A_1_fl") & table.source_start.ne(1)].to_csv(path, index=False)
    chosen = drawing.places(["mi_net", "mi_net_content"])
    assert chosen == {
        "oboe": ("01_A_2_ob", 2),
        "trumpet": ("01_A_3_tpt", 2),
        "viola": ("01_A_5_va", 2),
        "violin": ("01_A_4_vn", 2),
    }
    table.assign(source_start=table.source_start + STARTS).to_csv(path, index=False)
    assert drawing.places(["mi_net", "mi_net_content"]) == {}


ALL = {row: metrics_of(row) for row in ROWS}
BESIDE_THE_PAPER = {
    "NDB": lambda metrics: tables.ndb(metrics, "studio"),
    "KNN": lambda metrics: tables.knn(metrics, "studio"),
    "NLL": lambda metrics: tables.likelihood(metrics, "studio"),
    "L2": lambda metrics: tables.multi_band_blocks(COMPARISONS, "studio", 0.95),
}


@pytest.mark.parametrize("measure", BESIDE_THE_PAPER)
def test_every_column_beside_the_paper_names_its_corpus(measure):
    header = cells(BESIDE_THE_PAPER[measure](ALL))[0]
    assert all(re.search(r"\((this run: studio|paper: URMP|paper: Solos)\)$", title) for title in header[1:])
    assert header[-2].startswith(measure) and header[-2].endswith("(paper: URMP)")
    assert header[-1].startswith(measure) and header[-1].endswith("(paper: Solos)")


def test_figures_stand_in_the_row_of_their_model():
    ndb = {line[0]: line[1:] for line in cells(tables.ndb(ALL, "studio"))}
    assert ndb["RNN Seq2Seq"] == ["9.4 ± 1.1", "2.3", "0.063", "48", "44"]
    assert ndb["Graph-Transformer"][3:] == ["45", "41"]
    assert ndb["MI Net"][3:] == ["33", "36"]
    assert ndb["MI Net with content"][3:] == ["35", "–"]
    assert ndb["test set (recorded)"][3:] == ["36", "31"]
    assert ndb["training set (held-out tracks, the floor)"] == ["9.4 ± 1.1", "2.3", "0.063", "–", "–"]
    knn = {line[0]: line[1:] for line in cells(tables.knn(ALL, "studio"))}
    assert knn["MI Net"] == ["91.4", "93.7", "61.5"]
    assert knn["RNN Seq2Seq"] == ["91.4", "82.6", "37.8"]
    assert knn["Graph-Transformer"] == ["91.4", "89.2", "38.3"]
    nll = {line[0]: line[1:] for line in cells(tables.likelihood(ALL, "studio"))}
    assert nll["GRU Seq2Seq with content"] == ["1.100", "1.700", "2.93", "–"]
    assert nll["MI Net with content"] == ["1.100", "1.700", "2.55", "–"]
    assert cells(tables.multi_band_blocks(COMPARISONS, "studio", 0.95))[2:] == [
        ["without multi-band blocks", "123,000", "0.1250 (0.1100 to 0.1400)", "0.0800 (0.0700 to 0.0900)", "0.89", "–"],
        ["with multi-band blocks", "123,456", "0.1100 (0.1000 to 0.1200)", "0.0600 (0.0500 to 0.0700)", "0.78", "–"],
        ["reduction, %", "–", "12.0 (5.0 to 20.0)", "25.0 (15.0 to 35.0)", "12.4", "–"],
    ]


def test_findings_say_what_holds() -> None:
    """Each with the better of the two baselines, whichever that is; nothing is said of what was not measured."""
    metrics = {row: metrics_of(row) for row in ROWS}
    metrics["mi_net"] |= {"ndb": 9.0, "ndb_calibrated": 2.1, "knn": 0.93}
    metrics["rnn_seq2seq"] |= {"ndb": 12.0, "ndb_calibrated": 2.4, "knn": 0.5}
    metrics["graph_transformer"] |= {"ndb": 8.5, "knn": 0.92}
    metrics["gru_content"]["nll"] = None
    ndb, calibrated, knn, bands, nll = tables.findings(metrics, COMPARISONS, "x").splitlines()[2:]
    assert ndb.endswith("| 9.0 | 8.5 | no | 33 | 45 |")
    assert calibrated.endswith("| 2.1 | 2.3 | yes | – | – |")
    assert knn.endswith("| 93.0 | 92.0 | yes | 93.7 | 89.2 |")
    assert bands.endswith("| 0.78 | 0.89 |")
    assert nll.endswith("| 1.100 | – | – | 2.55 | 2.93 |")
    metrics["mi_net"]["knn"] = 0.92
    assert "| no |" in tables.findings(metrics, COMPARISONS, "x").splitlines()[4]


def test_a_row_without_figures_has_its_own_reason() -> None:
    """A corpus with one training track has no floor; that is not for want of notes."""
    metrics = ALL | {row: dict.fromkeys(KEYS) for row in ("training_set", "gru_content")}
    model, floor = tables.skipped_lines(metrics).splitlines()
    assert "GRU" in model and "no MIDI" in model
    assert "training set" in floor and "MIDI" not in floor


def test_shares_of_the_ceiling():
    metrics = ALL | {"mi_net": ALL["mi_net"] | {"instrument_accuracy": 0.6, "pitch": 0.25, "onset_f1": 0.1}}
    accuracy = {line[0]: line[1:] for line in cells(tables.right_instrument(metrics))}
    assert accuracy["MI Net"] == ["60.0", "10.0", "75.0"]
    assert accuracy["test set (recorded)"] == ["80.0", "10.0", "100.0"]
    content = {line[0]: line[1:] for line in cells(tables.right_content(metrics))}
    assert content["MI Net"] == ["0.250", "0.200", "50.0"]
    in_time = {line[0]: line[1:] for line in cells(tables.timing(metrics))}
    assert in_time["MI Net"] == ["0.100", "0.300", "25.0", "+16"]
    used = {line[0]: line[1:] for line in cells(tables.condition(metrics))}
    assert used["MI Net"] == ["NLL, nats per code", "1.100", "1.700", "+0.600"]
    assert used["RNN Seq2Seq"] == ["squared error over variance", "0.200", "0.250", "+0.050"]


def test_an_interval_stands_beside_its_figure_and_what_is_missing_is_a_dash() -> None:
    both = {"value": 0.934, "low": 0.9, "high": 0.96, "tracks": 9}
    alone = {"value": 1.2, "low": None, "high": None, "tracks": 1}
    header, _, mi_net, skipped = cells(tables.intervals({"mi_net": {"knn": both, "nll": alone}, "gru_content": {}}))
    assert dict(zip(header, mi_net[1:], strict=True))["KNN"] == "0.93 (0.90–0.96)"
    assert dict(zip(header, mi_net[1:], strict=True))["NLL, nats per code"] == "1.20"
    assert skipped == ["GRU Seq2Seq with content", *["–"] * 6]
    assert text.number_of_tracks({"mi_net": {"knn": both, "nll": alone}, "gru_content": {}}) == "1 to 9 tracks"
    assert text.number_of_tracks({"mi_net": {"knn": both}}) == "9 tracks"


def test_pitch_by_instrument_stands_beside_its_control_and_its_ceiling() -> None:
    system = pd.DataFrame({"instrument": ["oboe", "oboe", "tuba"], "pitch": [0.2, 0.4, np.nan]})
    system = system.assign(pitch_shuffled=0.1, semitone=0.5, semitone_shuffled=0.2, chroma=0.6, chroma_shuffled=0.3)
    ceiling = pd.DataFrame({"instrument": ["oboe", "tuba"], "pitch": [0.9, 0.7], "semitone": 0.95, "chroma": 0.99})
    lines = {line[0]: line[1:] for line in cells(tables.pitch_by_instrument(system, ceiling))}
    assert lines["oboe"] == ["0.30", "0.10", "0.90", "0.50", "0.20", "0.95", "0.60", "0.30", "0.99"]
    assert lines["tuba"][:3] == ["–", "0.10", "0.70"]
    assert lines["all"][:3] == ["0.30", "0.10", "0.80"]


places = st.sets(st.tuples(st.sampled_from(ROWS), st.sampled_from(KEYS)))


@given(nulls=places, zeros=places)
def test_whatever_is_null_every_line_has_all_its_cells(nulls, zeros):
    """And a null is a dash, never a word of Python's."""
    metrics = {row: dict(values) for row, values in ALL.items()}
    for value, here in ((0.0, zeros), (None, nulls)):
        for row, key in here:
            metrics[row][key] = value
    others = (tables.right_instrument, tables.right_content, tables.timing, tables.condition)
    for table in (maker(metrics) for maker in (*BESIDE_THE_PAPER.values(), *others)):
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert not re.search("None|nan|inf", table)


@pytest.mark.parametrize(("train", "test"), [(1, 1), (3, 2), (30, 13)])
def test_few_states_can_be_drawn(tmp_path, train, test):
    """t-SNE wants fewer neighbours than points."""
    generator = np.random.default_rng(0)
    parts = [(generator.normal(size=(n, 6)).astype(np.float32), np.array(["oboe"] * n)) for n in (train, test)]
    figures.body_states(tmp_path / "states.png", *parts, seed=1)
    assert (tmp_path / "states.png").stat().st_size


def test_no_two_classes_of_the_states_share_colour_and_marker():
    assert math.gcd(len(COLOURS), len(MARKERS)) == 1
    assert len(set(COLOURS)) == len(COLOURS)
    assert len(set(MARKERS)) == len(MARKERS)
