"""What the rows of the tables rest on: fair controls, the same keys, judges that hear what is there."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline import params
from pipeline.audio import spectrogram
from pipeline.dataset.artifacts import CODES, COMPARISONS, MOTION, NOTES, SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.dataset.windows import Source, Windows
from pipeline.evaluation import cells, content, rows
from pipeline.metrics import ndb
from pipeline.models.vqvae import VQVAE
from pipeline.report import intervals
from pipeline.sampling import codec
from stages import evaluate, reference

ROOT = Path(__file__).parent.parent
SETTINGS = params.load(ROOT / "profiles" / "smoke.yaml")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_the_control_is_a_permutation_that_changes_the_track(sizes: list[int]) -> None:
    """Every window is judged once; against another track's wherever no track has more than half of the windows."""
    places = [(f"track{i}", start) for i, size in enumerate(sizes) for start in range(size)]
    order, moved = rows.others(places)
    assert sorted(order) == list(range(len(places)))
    tracks = np.array([track for track, _ in places])
    assert (moved == (tracks[order] != tracks)).all()
    if max(sizes) <= len(places) // 2:
        assert moved.all()


def test_every_file_has_the_same_keys_and_no_nan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows.write("a", {"ndb": 3.0, "knn": 0.123456})
    rows.write("b", {})
    a, b = (json.loads(Path(f"metrics/{row}.json").read_text()) for row in ("a", "b"))
    assert list(a) == list(b) == list(rows.KEYS)
    assert (a["ndb"], a["knn"], a["nll"]) == (3.0, 0.1235, None)
    assert set(b.values()) == {None}
    with pytest.raises(AssertionError):
        rows.write("c", {"ndbb": 1.0})


def tone(notes: np.ndarray) -> np.ndarray:
    """Log-spectrogram [frames, bins] of a sound with six partials that plays note indices, a frame each."""
    audio = SETTINGS.audio
    hz = np.repeat(content.note_hz(notes, SETTINGS.notes), audio.hop_length)[: (len(notes) - 1) * audio.hop_length]
    phase = 2 * np.pi * np.cumsum(hz) / audio.sample_rate_hz
    sound = sum(0.2 / n * np.sin(n * phase) for n in range(1, 7)) * (hz > 0)
    return spectrogram.log_spectrogram(sound.astype(np.float32), audio)[: len(notes)].astype(np.float32)


@pytest.mark.slow
def test_the_right_notes_are_heard_and_another_tracks_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that play their own notes exactly; with the rows swapped, they play each other's."""
    monkeypatch.chdir(tmp_path)
    windows = {"a": [0, 40, 44, 47], "b": [0, 52, 35, 40]}  # 0.5 s each
    with ShardWriter("data/spectrograms"):
        pass
    played = {track: np.repeat(np.array(notes, dtype=np.int16), 31) for track, notes in windows.items()}
    with ShardWriter("data/notes") as writer:
        for track, notes in played.items():
            begins = (np.diff(notes, prepend=0) != 0) & (notes > 0)
            writer.add(track, {"notes": notes, "onsets": begins})
    pd.DataFrame({"track": ["a", "b"], "instrument": ["flute", "tuba"], "part": "test"}).to_parquet(SPLITS)
    places = [("a", 0), ("b", 0)]
    audio = SETTINGS.audio.model_copy(update={"griffin_lim_iterations": 16})
    settings = SETTINGS.model_copy(update={"audio": audio})
    right = content.measure_content("right", np.stack([tone(played["a"]), tone(played["b"])]), places, settings)
    assert right["pitch"] > 0.85
    assert right["onset_f1"] > 0.7
    assert right["pitch_shuffled"] < 0.3
    wrong = content.measure_content("wrong", np.stack([tone(played["b"]), tone(played["a"])]), places, settings)
    assert wrong["pitch"] == right["pitch_shuffled"]
    assert wrong["pitch_shuffled"] == right["pitch"]
    late = np.stack([np.roll(tone(played[track]), 5, axis=0) for track in "ab"])  # 5 frames, 80 ms
    assert content.measure_content("late", late, places, settings)["onset_lag_s"] == pytest.approx(
        right["onset_lag_s"] + 0.08, abs=0.0161
    )
    table = pd.read_csv("evaluations/right/content.csv")
    measures = ["pitch", "semitone", "chroma", "onset_f1"]
    columns = ["source", "source_start", "instrument", *measures, *(f"{name}_shuffled" for name in measures)]
    assert list(table.columns) == columns
    assert (table.pitch <= table.semitone).all() and (table.pitch <= table.chroma).all()


def test_without_notes_the_onsets_of_the_recording_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ShardWriter("data/notes"):
        pass
    sound = tone(np.repeat(np.array([0, 40, 44, 47], dtype=np.int16), 31))
    with ShardWriter("data/spectrograms") as writer:
        writer.add("a", {"spectrogram": sound.astype(np.float16)})
        writer.add("b", {"spectrogram": sound[::-1].astype(np.float16)})
    pd.DataFrame({"track": ["a", "b"], "instrument": ["flute", "tuba"], "part": "test"}).to_parquet(SPLITS)
    places = [("a", 0), ("b", 0)]
    metrics = content.measure_content("row", np.stack([sound, sound[::-1]]), places, SETTINGS)
    assert metrics["onset_f1"] == 1.0
    assert metrics["onset_lag_s"] == 0.0
    assert metrics["onset_f1_shuffled"] < 0.7
    assert metrics["pitch"] is None


def test_windows_without_notes_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ShardWriter("data/notes") as writer:
        writer.add("a", {"notes": np.zeros(9, np.int16), "onsets": np.zeros(9, bool)})
    places = [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert content.listened_to(places, SETTINGS) == [0, 2]
    with ShardWriter("data/notes"):
        pass
    assert content.listened_to(places, SETTINGS) == [0, 1, 2, 3]


def test_cells_and_instruments_of_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two repeats over hand-made cells: NDB is their mean, its spread is over repeats and tracks, what is made once serves both."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    table = pd.DataFrame({"track": ["a", "b"], "instrument": ["flute", "tuba"], "part": "test"})
    others = pd.DataFrame({"track": [f"train{i}" for i in range(100)], "instrument": ["flute", "tuba"] * 50})
    pd.concat([table, others.assign(part="train")]).to_parquet(SPLITS)
    centres = np.array([[[0.0], [1.0]], [[0.0], [1.0]]], dtype=np.float32)
    share = np.array([[0.5, 0.5], [1.0, 0.0]])
    tracks = [f"train{i}" for i in range(100)]
    counts = np.tile(10 * share[:, None], (1, 100, 1)).astype(np.int64)  # [repeats, tracks, cells]
    cells.Cells(np.array([[0], [1]]), centres, np.array(tracks), counts).save()
    batch = np.tile(np.array([[[0.0, 1.0]], [[1.0, 1.0]]], dtype=np.float32), (50, 1, 1))  # [windows, frames, bins]
    places = [("a", i) for i in range(50)] + [("b", i) for i in range(50)]
    once = cells.fill_cells("row", iter([([0, 1], places, [batch])]), SETTINGS)
    # Repeat 0 sees the first bin, half of it 0 as in training; repeat 1 the second, which is 1 where training has 0.
    assert ndb.compare(share[0], 1000, np.array([0.5, 0.5]), 100, 0.05).ndb == 0
    assert once["ndb"] == 1.0
    assert once["ndb_spread"] == np.std([0, 2])  # both tracks are alike, so other tracks change nothing
    assert once["ndb_calibrated"] == 1.0  # both cells of repeat 1: one deal in 2601 gives the two tracks back
    assert "instrument_accuracy" not in once  # there is no classifier
    table = pd.read_csv("evaluations/row/ndb.csv")
    assert table.groupby("repeat").different.sum().tolist() == [0, 2]
    windows = pd.read_csv("evaluations/row/windows.csv")
    assert windows.instrument.tolist() == ["flute"] * 50 + ["tuba"] * 50


def test_training_tracks_are_not_compared_with_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Track a fills cell 0 alone. Against all of the training tracks it has something in common, against the others nothing."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    pd.DataFrame({"track": ["a", "b", "c"], "instrument": "flute", "part": "train"}).to_parquet(SPLITS)
    centres = np.array([[[0.0], [1.0]]], dtype=np.float32)
    counts = np.array([[[100, 0], [0, 100], [0, 0]]])  # no training window of c was drawn
    cells.Cells(np.array([[0]]), centres, np.array(["a", "b", "c"]), counts).save()
    places = [("a", i) for i in range(10)]
    metrics = cells.fill_cells("row", iter([([0], places, [np.zeros((10, 1, 1), np.float32)])]), SETTINGS)
    assert metrics["jsd"] == pytest.approx(np.log(2))
    assert pd.read_csv("evaluations/row/ndb.csv").training_share.tolist() == [0, 1]
    assert metrics["ndb_calibrated"] == 0  # of two tracks, every deal differs as much


def test_cells_count_each_training_track_where_its_windows_lie(tmp_path: Path) -> None:
    """Two tracks of unlike sound, one three times as long: they fill cells of their own, in proportion to their length."""
    with ShardWriter(tmp_path) as writer:
        for track, level, length in (("loud", 0.5, 362), ("mute", -1.0, 162)):
            writer.add(track, {"spectrogram": np.full((length, 4), level, np.float16)})
    evaluate = SETTINGS.evaluate.model_copy(
        update={"ndb_cells": 2, "ndb_repeats": 2, "training_windows": 300, "ndb_dimensions": 9}
    )
    audio = SETTINGS.audio.model_copy(update={"n_fft": 8})
    sources = {"spectrogram": Source(Shards(tmp_path), "spectrogram", 62.5)}
    windows = Windows(sources, ["loud", "mute"], 1)  # 300 and 100 places
    made = cells.make_cells(windows, SETTINGS.model_copy(update={"evaluate": evaluate, "audio": audio}))
    assert made.tracks.tolist() == ["loud", "mute"]
    assert made.counts.shape == (2, 2, 2)
    assert (made.counts.sum((1, 2)) == 300).all()
    for repeat in range(2):
        assert (np.sort(made.counts[repeat]) == [[0, own] for own in made.counts[repeat].sum(1)]).all()
        assert made.counts[repeat][0].sum() == pytest.approx(225, abs=40)
        levels = made.centres[repeat].mean(1)
        assert levels[made.counts[repeat].argmax(1)] == pytest.approx([0.5, -1.0])


@pytest.mark.parametrize(
    ("train", "test", "held"),
    [
        ({"oboe": 6, "tuba": 4}, {"oboe": 2, "tuba": 1}, {"oboe": 2, "tuba": 1}),
        ({"oboe": 6, "tuba": 3}, {"oboe": 9, "tuba": 1}, {"oboe": 3, "tuba": 1}),
        ({"oboe": 1, "tuba": 1, "horn": 4}, {"oboe": 1, "tuba": 1, "horn": 1}, {"horn": 1, "": 1}),
        ({"oboe": 1}, {"oboe": 1}, {}),
    ],
    ids=["as many as test", "at most half", "single tracks together", "nothing to compare with"],
)
def test_the_floor_holds_out_as_many_training_tracks_of_each_instrument(
    train: dict[str, int], test: dict[str, int], held: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        part: [(f"{part}_{name}{i}", name) for name, number in numbers.items() for i in range(number)]
        for part, numbers in (("train", train), ("test", test))
    }
    Path("data").mkdir()
    pd.DataFrame(names["train"] + names["test"], columns=["track", "instrument"]).to_parquet(SPLITS)
    frames = round(SETTINGS.windows.duration_s * 62.5)
    with ShardWriter("data/spectrograms") as writer:
        for name, _ in names["train"]:
            writer.add(name, {"spectrogram": np.zeros((frames + 9, 4), np.float16)})
    sources = {"spectrogram": Source(Shards(SPECTROGRAMS), "spectrogram", 62.5)}
    windows = Windows(sources, [name for name, _ in names["train"]], SETTINGS.windows.duration_s)
    like = {name for name, _ in names["test"]}
    drawn = [reference.held_out(windows, like, 20, repeat, SETTINGS) for repeat in range(9)]
    instruments = dict(names["train"])
    for places, batches in drawn:
        assert len(places) == sum(map(len, batches)) == (20 if held else 0)
        counts = Counter(instruments[track] for track in {track for track, _ in places})
        single = Counter({"": sum(counts.pop(name, 0) for name, number in train.items() if number == 1)})
        assert counts + single == Counter(held)
    assert len({tuple(places) for places, _ in drawn}) > 1 or not held, "other tracks in other repeats"
    assert reference.held_out(windows, like, 20, 0, SETTINGS)[0] == drawn[0][0]


def test_the_error_through_the_codes_is_over_the_variance_about_each_bins_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bins with means of their own over tracks of unequal length: a decoder that gives these means has 1, whatever they are."""
    rng = np.random.default_rng(0)
    level = np.linspace(-0.9, 0.9, 32)
    tracks = {
        name: (level + rng.normal(0, 0.1, (rows, 32))).astype(np.float16) for name, rows in (("a", 90), ("b", 20))
    }
    with ShardWriter(tmp_path) as writer:
        for name, rows in tracks.items():
            writer.add(name, {"spectrogram": rows})
    torch.manual_seed(0)
    sizes = {"channels": 8, "code_dim": 4, "codes": 16, "bands": [2], "commitment": 0.25, "ema_decay": 0.9}
    model = VQVAE(bins=32, revive_below=0.1, **sizes).eval()
    codes, table = reference.through_codes(model, Shards(tmp_path), list(tracks))
    every = np.concatenate(list(tracks.values())).astype(np.float64)
    assert table["values"].tolist() == [90 * 32, 20 * 32]
    assert table.variance.sum() == pytest.approx(np.square(every - every.mean(0)).sum(), rel=1e-5)
    for name, rows in tracks.items():
        np.testing.assert_array_equal(codes[name], codec.encode(model, rows))
        made = codec.decode(model, codes[name][None])[0]
        squared_error = table.squared_error[table.track == name].item()
        assert squared_error == pytest.approx(np.square(made - rows).sum(dtype=np.float64), rel=1e-4)
        made = codec.unquantised(model, rows)
        squared_error = table.squared_error_unquantised[table.track == name].item()
        assert squared_error == pytest.approx(np.square(made - rows).sum(dtype=np.float64), rel=1e-4)
    for name in ("decode_long", "unquantised"):
        monkeypatch.setattr(codec, name, lambda _, rows: np.tile(every.mean(0), (len(rows), 1)))
    _, table = reference.through_codes(model, Shards(tmp_path), list(tracks))
    assert reference.mse(table) == reference.mse(table, "squared_error_unquantised") == pytest.approx(1)


@pytest.mark.parametrize("tracks", [1, 3])
def test_the_gain_from_multi_band_blocks_is_given_before_and_after_quantising(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracks: int
) -> None:
    """The same error added to both models by quantisation makes the relative gain smaller."""
    monkeypatch.chdir(tmp_path)
    Path("evaluations").mkdir()
    table = pd.DataFrame({"squared_error_unquantised": [2.0] * tracks, "variance": [10.0] * tracks})
    better = table.assign(squared_error_unquantised=1.0)
    errors = {"vqvae": better, "vqvae_plain": table}
    errors = {name: here.assign(squared_error=here.squared_error_unquantised + 2) for name, here in errors.items()}
    reference.compare(errors, {"vqvae": 7, "vqvae_plain": 8}, SETTINGS)
    written = json.loads(COMPARISONS.read_text())
    assert list(written) == ["parameters", "mse", "reduction", "mse_unquantised", "reduction_unquantised"]

    def estimate(value: float) -> dict[str, float | None]:
        return {"value": value} | dict.fromkeys(("low", "high"), value if tracks > 1 else None)

    assert written["mse"] == {name: pytest.approx(estimate(v)) for name, v in (("vqvae", 0.3), ("vqvae_plain", 0.4))}
    assert written["mse_unquantised"]["vqvae"] == pytest.approx(estimate(0.1))
    assert written["mse_unquantised"]["vqvae_plain"] == pytest.approx(estimate(0.2))
    assert written["reduction"] == pytest.approx(estimate(0.25))
    assert written["reduction_unquantised"] == pytest.approx(estimate(0.5))


def test_a_baselines_error_is_over_the_variance_about_each_bins_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that expects each bin's mean over the test windows has 1."""
    monkeypatch.chdir(tmp_path)
    bins, rng = SETTINGS.audio.n_fft // 2, np.random.default_rng(0)
    with ShardWriter(SPECTROGRAMS) as sounds, ShardWriter(MOTION) as movements:
        for track in "ab":
            sound = np.linspace(-0.5, 0.5, bins) + rng.normal(0, 0.1, (250, bins))
            sounds.add(track, {"spectrogram": sound.astype(np.float16)})
            movements.add(track, {"motion": np.zeros((100, 47, 2), np.float32)})
    pd.DataFrame({"track": ["a", "b"], "instrument": ["flute", "tuba"], "part": "test"}).to_parquet(SPLITS)
    every = torch.from_numpy(np.stack([Shards(SPECTROGRAMS).rows("spectrogram", track) for track in "ab"])).float()

    class MeanFrame(torch.nn.Module):
        def error(self, spectrogram: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
            return (spectrogram - every.mean((0, 1))).square().mean(-1)

        def body_state(self, motion: torch.Tensor) -> torch.Tensor:
            return motion.mean(1).flatten(1)

    monkeypatch.setattr(evaluate.baselines, "load", lambda folder: MeanFrame())
    monkeypatch.setattr(evaluate.body_states, "states", lambda body_state, row, settings: {})
    metrics = evaluate.of_baseline("rnn_seq2seq", [("a", 0), ("b", 0)], SETTINGS)
    assert metrics == pytest.approx({"mse": 1, "mse_shuffled": 1}, rel=1e-4)


def test_the_middle_of_each_interval_is_the_figure_of_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracks with unequal numbers of windows, two repeats, an instrument that the classifier does not know, missing pitch."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    instruments = {"01": "flute", "b": "tuba", "c": "oboe", "d": "NA", "e": "flute", "f": "tuba"}
    parts = ["test"] * 4 + ["train"] * 2
    audio, bins = SETTINGS.audio, SETTINGS.audio.n_fft // 2
    with (
        ShardWriter(SPECTROGRAMS) as sounds,
        ShardWriter(MOTION) as movements,
        ShardWriter(CODES) as codes,
        ShardWriter(NOTES) as notes,
    ):
        for track in instruments:
            sounds.add(track, {"spectrogram": rng.normal(size=(400, bins)).astype(np.float16)})
            movements.add(track, {"motion": rng.normal(size=(160, 47, 2)).astype(np.float32)})
            codes.add(track, {"codes": rng.integers(9, size=400).astype(np.int16)})
            notes.add(track, {"notes": np.full(400, track != "c", np.int16), "onsets": np.arange(400) % 20 == 0})
    pd.DataFrame({"track": list(instruments), "instrument": list(instruments.values()), "part": parts}).to_parquet(
        SPLITS
    )
    places = [(track, start) for track, count in (("01", 5), ("b", 1), ("c", 3), ("d", 2)) for start in range(count)]

    # NaN where there are no notes to hear, as in track c.
    def listened(function: object, calls: list[object], backend: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        frames = -(-round(SETTINGS.windows.duration_s * audio.fps) // content.heard.PITCH_EVERY)
        lowest = content.note_hz(np.array([1]), SETTINGS.notes)
        for _ in calls:
            yield lowest * rng.integers(2, size=frames), np.sort(rng.uniform(0, SETTINGS.windows.duration_s, 5))

    monkeypatch.setattr(content.parallel, "each", listened)
    classifier = SimpleNamespace(instruments=["flute", "tuba", "oboe"])
    monkeypatch.setattr(cells, "load_classifier", lambda: classifier)
    monkeypatch.setattr(cells, "hear", lambda _, batch: list(rng.choice(classifier.instruments, len(batch))))
    training = np.array([track for track, part in zip(instruments, parts, strict=True) if part == "train"])
    counts = np.full((2, len(training), 2), 50)
    cells.Cells(np.array([[0], [1]]), np.zeros((2, 2, 1), np.float32), training, counts).save()

    class Model(torch.nn.Module):
        def nll(self, codes: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
            return codes + motion.mean((1, 2, 3))[:, None]

        def error(self, spectrogram: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
            return (spectrogram - motion.mean((1, 2, 3))[:, None, None]).square().mean(-1)

        def body_state(self, motion: torch.Tensor) -> torch.Tensor:
            return motion.mean(1).flatten(1)

    for module in (evaluate.priors, evaluate.baselines):
        monkeypatch.setattr(module, "load", lambda folder: Model())
    batch = rng.normal(size=(len(places), round(SETTINGS.windows.duration_s * audio.fps), bins)).astype(np.float32)
    of_model = {"mi_net": evaluate.of_prior, "rnn_seq2seq": evaluate.of_baseline}
    for row, of_the_model in of_model.items():
        metrics = cells.fill_cells(row, iter([([repeat], places, [batch]) for repeat in (0, 1)]), SETTINGS)
        metrics |= content.measure_content(row, batch, places, SETTINGS)
        rows.write(row, metrics | of_the_model(row, places, SETTINGS))
        written = json.loads(Path(f"metrics/{row}.json").read_text())
        found = intervals.estimates(row, 0.95, seed=1)
        loss = "nll" if row == "mi_net" else "mse"
        assert set(found) == {"instrument_accuracy", "pitch", "onset_f1", "knn", loss}
        assert {figure: written[figure] for figure in found} == pytest.approx(
            {figure: estimate["value"] for figure, estimate in found.items()}, abs=0.51e-4
        )
        tracks = {figure: estimate["tracks"] for figure, estimate in found.items()}
        assert tracks == {"instrument_accuracy": 3, "pitch": 3, "onset_f1": 4, "knn": 4, loss: 4}
        for figure in set(found) - {"knn"}:
            assert found[figure]["low"] < found[figure]["value"] < found[figure]["high"], figure
        windows = pd.read_csv(f"evaluations/{row}/windows.csv", dtype=str, keep_default_na=False)
        assert list(windows.columns)[-3:] == ["heard", "right", "heard_shuffled"]
        expected = np.where(
            windows.instrument == "NA", "", (windows.heard == windows.instrument).map({True: "1", False: "0"})
        )
        assert windows.right.tolist() == expected.tolist()


def test_an_interval_is_over_tracks_and_not_over_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tracks, one right in all its windows and one in none: half of the draws take one track twice, whatever their windows."""
    monkeypatch.chdir(tmp_path)
    folder = rows.folder("row")
    windows = pd.DataFrame({"source": ["01"] * 300 + ["b"] * 100, "right": [1] * 300 + [0] * 100})
    windows.to_csv(folder / "windows.csv", index=False)
    content_of = pd.DataFrame({"source": ["01", "b"], "pitch": [0.5, None], "onset_f1": [None, None]})
    content_of.to_csv(folder / "content.csv", index=False)
    found = intervals.estimates("row", 0.95, seed=1)
    assert found == {
        "instrument_accuracy": {"value": 0.75, "low": 0, "high": 1, "tracks": 2},
        "pitch": {"value": 0.5, "low": None, "high": None, "tracks": 1},
    }
    rows.folder("skipped")
    assert intervals.estimates("skipped", 0.95, seed=1) == {}


def test_listening_needs_no_pytorch() -> None:
    """Each evaluation starts a process per core that listens. PyTorch would take them longer to import than they have to listen."""
    code = "import sys, pipeline.audio.heard; assert not {'torch', 'pandas'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
