"""systems/imu: its stages on a toy corpus, its parameters, and its music for a recording."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pretty_midi
import pytest
import torch
from make_media import blank, write_video
from ruamel.yaml import YAML
from test_foley_music import corpus

from pipeline import params
from pipeline.commands import imu as command
from pipeline.commands import minet, sonify_sensors
from pipeline.compute.closure import ROOT
from pipeline.dataset.artifacts import CODES, MODELS, MORE_PLAYERS, NOTES
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import NothingLeft, ParamsError
from pipeline.media import sound_files
from pipeline.models.classifier import Classifier
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.movement_reader import MovementReader
from pipeline.models.vqvae import VQVAE
from pipeline.notes import note_table
from pipeline.sampling import playing
from pipeline.sensors import csv_file, virtual
from pipeline.training import weights
from systems.foley_music import paths as notes_at
from systems.imu import evaluate, evaluate_sync, examples, generate, paths, sensors, train, train_reader
from systems.imu import params as own

SYSTEM = ROOT / "systems" / "imu"


def test_the_stages_of_dvc_yaml_are_the_modules() -> None:
    """Each runs a module of its own that it depends on, for all variants; and reads the parameters that it declares."""
    stages = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    for name, spec in stages.items():
        each = spec.get("do", spec)
        assert each["cmd"] == f"python -m systems.imu.{name}{' ${item}' if 'do' in spec else ''}"
        assert each["wdir"] == "../.."
        assert f"systems/imu/{name}.py" in each["deps"]
        assert set(spec.get("foreach", own.load().variants)) == set(own.load().variants)


def test_every_parameter_is_commented() -> None:
    for line in (SYSTEM / "params.yaml").read_text().splitlines():
        bare = line.strip()
        if bare and not bare.startswith("- ") and bare not in ("sensors:", "channels:"):
            assert " # " in line, line


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (("variants", "imu_dense", "worn"), ["hat"], "variants.imu_dense.worn = hat: must be one of both, right, left"),
        (("wearing", "one_axis"), 1.5, "wearing.one_axis = 1.5: must be from 0 to 1"),
        (("decoder", "beams"), 5, "decoder.beams = 5: extra inputs are not permitted"),
    ],
)
def test_an_unusable_parameter_is_one_line(tmp_path: Path, key: tuple[str, ...], value: object, said: str) -> None:
    yaml, path = YAML(), tmp_path / "params.yaml"
    tree = yaml.load(SYSTEM / "params.yaml")
    place = tree
    for part in key[:-1]:
        place = place[part]
    place[key[-1]] = value
    yaml.dump(tree, path)
    with pytest.raises(ParamsError) as error:
        own.load(path)
    assert str(error.value).startswith(f"{path}: {said}")


# How sensors are worn


def test_a_sensor_that_is_not_worn_reads_nothing() -> None:
    readings = np.random.default_rng(0).normal(size=(5, 100, 3, 2)).astype(np.float32)
    for worn in own.load().worn.values():
        kept = examples.as_worn(readings, worn).any(axis=(0, 1))
        assert kept.tolist() == [[c in worn.channels and s in worn.sensors for s in (0, 1)] for c in (0, 1, 2)]


def test_one_axis_is_as_strong_as_that_of_a_recording_with_one() -> None:
    """A file of one axis is standardised by it alone."""
    generator = np.random.default_rng(1)
    readings = generator.normal(size=(3, 400, 3, 2)) * np.array([0.5, 1.3, 1])[:, None]
    (one,) = [worn for name, worn in own.load().worn.items() if name == "right_one_axis"]
    assert examples.as_worn(readings, one)[:, :, 0, 0].std(axis=1) == pytest.approx(1, abs=1e-6)
    both = own.load().worn["both"]
    assert examples.as_worn(readings, both) == pytest.approx(readings)


def test_sensors_are_worn_in_all_ways_in_training() -> None:
    """The shares are those of the parameters; what is not worn has no noise; and the given windows stay as they are."""
    chosen = own.load().wearing
    readings = np.random.default_rng(2).normal(size=(4000, 8, 3, 2)).astype(np.float32)
    before = readings.copy()
    worn = examples.wear(readings, chosen, np.random.default_rng(3))
    assert (readings == before).all() and worn.dtype == np.float32
    there = worn.any(axis=1)  # (windows, 3, 2)
    alone = there.any(axis=1).sum(axis=1) == 1
    one_axis = there.sum(axis=1).max(axis=1) == 1
    assert alone.mean() == pytest.approx(chosen.one_sensor, abs=0.03)
    assert one_axis.mean() == pytest.approx(chosen.one_axis, abs=0.03)
    assert ((worn != 0).all(axis=1) | ~there).all()


def test_a_turned_sensor_reads_the_same_strength() -> None:
    """Turned on the forearm, it mixes its axes and loses nothing."""
    chosen = own.load().wearing.model_copy(
        update={"anyhow": 1.0, "gain": 1.0, "noise": 0.0, "one_sensor": 0.0, "one_axis": 0.0, "no_turn_rate": 0.0}
    )
    readings = np.random.default_rng(4).normal(size=(20, 50, 3, 2)).astype(np.float32)
    worn = examples.wear(readings, chosen, np.random.default_rng(5))
    assert (worn[:, :, :2] ** 2).sum(2) == pytest.approx((readings[:, :, :2] ** 2).sum(2), abs=1e-4)
    assert np.abs(worn[:, :, 2]) == pytest.approx(np.abs(readings[:, :, 2]), abs=1e-6)
    assert not np.allclose(worn, readings)
    known = chosen.model_copy(update={"anyhow": 0.0, "mounting_degrees": 0.0})
    assert examples.wear(readings, known, np.random.default_rng(5)) == pytest.approx(readings, abs=1e-6)


# The stages

READER = {
    "codes": 16,
    "width": 8,
    "layers": 1,
    "posture": 4,
    "dropout": 0.1,
    "code_loss_weight": 0.2,
    "onset_companding": 16.0,
    "onset_scale": 1.0,
}
PRIOR = {
    "codes": 16,
    "notes": 0,
    "body_hidden": 4,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "dropout": 0.1,
    "posture_noise": 0.1,
    "token_dropout": 0.1,
    "condition_dropout": 0.1,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a toy corpus, its notes, and untrained models of the paper's pipeline; ours are of toy size."""
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = params.load()
    found = corpus(settings)
    notes_at.NOTES.parent.mkdir(parents=True)
    for path, names in ((notes_at.NOTES, "abcdef"), (notes_at.MORE_NOTES, ["10000_vn", "10001_va"])):
        tables = [note_table.rows(name, found[name], "annotated") for name in names]
        pd.concat(tables, ignore_index=True).to_parquet(path, index=False)
    generator, index = np.random.default_rng(0), Shards(NOTES)
    with ShardWriter(CODES) as codes:
        for name in found:
            steps = index.length("a")
            arrays = {"codes": generator.integers(16, size=steps).astype(np.int16)}
            codes.add(name, arrays | {"onset_strength": generator.random(steps).astype(np.float32)})
    bins = settings.audio.n_fft // 2
    torch.manual_seed(0)
    prior = PRIOR | {"reader": READER | {"joints": 47}}
    weights.save(MODELS / "mi_net_sync", MINetSync(**prior), weights.Config("mi_net_sync", "fp32", prior))
    sizes = {"bins": bins, "channels": 8, "code_dim": 4, "codes": 16, "bands": [1]}
    sizes |= {"commitment": 0.25, "ema_decay": 0.9, "revive_below": 0.1}
    weights.save(MODELS / "vqvae", VQVAE(**sizes), weights.Config("vqvae", "fp32", sizes))
    sizes = {"bins": bins, "instruments": ["cello", "flute"], "channels": 4, "dropout": 0.0}
    weights.save(MODELS / "classifier", Classifier(**sizes), weights.Config("classifier", "fp32", sizes))
    chosen = own.load()
    small = {
        name: each.model_copy(update={"channels": 8, "encoder_layers": 1, "steps": 4})
        for name, each in chosen.variants.items()
    }
    toy = chosen.model_copy(
        update={
            "variants": small,
            "decoder": chosen.decoder.model_copy(update={"layers": 1, "width": 16, "heads": 2, "longest": 40}),
            "training": chosen.training.model_copy(update={"batch": 4, "validate_every": 2}),
            "reader": chosen.reader.model_copy(update={"steps": 4, "windows": 4}),
        }
    )
    for module in (own, sensors, train, train_reader, generate, evaluate, evaluate_sync):
        monkeypatch.setattr(module, "load", lambda: toy)
    with joblib.parallel_config(backend="threading"):
        monkeypatch.setattr("pipeline.compute.determinism.backend", lambda _: "sequential")
        yield


@pytest.mark.parametrize("name", ["imu_spectra", "imu_timed"])
def test_the_stages_make_what_they_promise(here: None, name: str) -> None:
    """Sensors, a model, samples, and the same keys for each way of wearing; and again, with other labels, the same bytes."""
    sensors.main()
    train.main(name)
    generate.main(name)
    evaluate.main(name)
    metrics = json.loads((paths.FIGURES / f"{name}.json").read_text())
    assert list(metrics) == own.load().variants[name].worn
    for way, each in metrics.items():
        assert tuple(each) == evaluate.KEYS
        assert all(value is not None for value in each.values()), way
    kept = {path: path.read_bytes() for folder in (MODELS / name, Path("samples")) for path in folder.rglob("*.*")}
    table = pd.read_parquet("data/splits.parquet")
    table.assign(instrument="kazoo").to_parquet("data/splits.parquet", index=False)
    train.main(name)
    generate.main(name)
    assert {path: path.read_bytes() for path in kept} == kept


def test_mi_net_in_time_plays_for_sensors(here: None) -> None:
    """With its own weights and another reader; its rows are those of joints and of each way of wearing."""
    sensors.main()
    train_reader.main()
    played, music = (
        weights.load(folder, {"mi_net_sync": MINetSync}).state_dict() for folder in (paths.SYNC, MODELS / "mi_net_sync")
    )
    for name, value in music.items():
        assert name.startswith("reader.") or torch.equal(played[name], value), name
    assert played["reader.norm.running_mean"].shape == (12,)
    evaluate_sync.main()
    metrics = json.loads((paths.FIGURES / "imu_sync.json").read_text())
    assert list(metrics) == ["joints", *own.load().worn]
    assert all(tuple(row) == evaluate_sync.KEYS for row in metrics.values())


def test_the_reader_of_sensors_learns_onsets_and_posture() -> None:
    """From readings in which both can be seen, in a minute of a tiny reader's life."""
    torch.manual_seed(0)
    reader = train_reader.SensorReader(posture_loss_weight=1.0, joints=3, **READER)
    optimizer = torch.optim.Adam(reader.parameters(), lr=1e-2)
    first = last = 0.0
    for _ in range(80):
        strength = (torch.rand(8, 60) < 0.1).float()
        posture = torch.randn(8, 4)
        motion = torch.zeros(8, 60, 3, 2)
        motion[:, :, 0, 0], motion[:, :, 1:, :] = strength, posture.view(8, 1, 2, 2)
        found = reader(motion, strength, posture)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        first, last = first or found["loss"].item(), found["loss"].item()
    assert last < 0.6 * first


# Music for a recording


def recording(folder: Path, seconds: float = 6.0) -> Path:
    times_s = np.arange(0, seconds, 0.0533)
    values = np.sin(9 * times_s) + 0.1 * np.random.default_rng(0).normal(size=len(times_s))
    path = folder / "strumming.csv"
    path.write_text("".join(f"{t:.4f},{v:.4f}\n" for t, v in zip(times_s, values, strict=True)))
    return path


def run(*arguments: str) -> None:
    parsed = minet.parser().parse_args(["sonify", *arguments])
    parsed.run(parsed)


def test_a_recording_is_played(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """By a model that writes notes, and as MIDI; and by MI Net in time. As long as the recording, and again the same."""
    sensors.main()
    train.main("imu_timed")
    train_reader.main()
    path = recording(Path())
    rate_hz = params.load().audio.sample_rate_hz
    for arguments in (["--midi-out", "out.mid", "--instrument", "guitar"], ["--model", "imu_sync"]):
        sounds = []
        for out in ("one.wav", "two.wav"):
            run("--imu", str(path), "-o", out, *arguments)
            sounds.append(Path(out).read_bytes())
        assert sounds[0] == sounds[1]
        sound = sound_files.read_audio(Path("one.wav"), rate_hz)
        assert len(sound) / rate_hz == pytest.approx(6.0, abs=0.1)
        assert sound.any()
    (track,) = pretty_midi.PrettyMIDI("out.mid").instruments
    assert track.program == playing.BY_NAME["guitar"].program
    assert "played by: guitar" in capsys.readouterr().out
    run("--imu", str(path), "-o", "out.wav", "--model", "imu_sync", "--midi-out", "heard.mid")
    assert pretty_midi.PrettyMIDI("heard.mid").instruments
    assert "notes, heard in the generated sound" in capsys.readouterr().out


def test_what_plays_is_told_by_training_windows_that_are_worn_alike(tmp_path: Path) -> None:
    worn = np.zeros((3, 2), bool)
    worn[0, 0] = True
    np.savez(tmp_path / "states_a.npz", worn=~worn)
    np.savez(tmp_path / "states_b.npz", worn=worn)
    assert sonify_sensors.states_of(worn, tmp_path) == tmp_path / "states_b.npz"
    assert not sonify_sensors.states_of(np.ones((3, 2), bool), tmp_path).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--imu", "strumming.csv", "-o", "out.mp4"], "-o out.mp4: sensors have no picture; write to a .wav file"),
        (["--imu", "strumming.csv", "-o", "out.wav", "--player", "2"], "--player: only for a video"),
        (["--imu", "strumming.csv", "-o", "out.wav", "--rate", "0"], "--rate 0: must be more than 0"),
        (
            ["--imu", "strumming.csv", "-o", "out.wav", "--model", "mi_net_sync"],
            "models/mi_net_sync: this model does not read sensors; choose --model imu_timed or imu_sync",
        ),
        (
            ["--imu", "strumming.csv", "-o", "out.wav"],
            "models/imu_timed: no trained model there; fetch it with: dvc pull models/imu_timed; or make it with: dvc repro "
            "systems/imu/dvc.yaml",
        ),
        (
            ["--imu", "strumming.csv", "-o", "out.wav", "--model", "imu_sync", "--instrument", "guitar"],
            "--instrument: imu_sync makes sound, which no instrument plays; add --midi-out, or choose a model that writes notes: "
            "--model imu_timed",
        ),
        (["strumming.csv", "-o", "out.mp4", "--rate", "18.7"], "--rate: only for a recording of sensors, --imu"),
        (
            ["v.mp4", "-o", "out.mp4", "--model", "imu_sync"],
            "models/imu_sync: this model reads worn sensors; give it a recording of them with --imu, or make one of the video "
            "with: minet imu",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(here: None, arguments: list[str], said: str) -> None:
    recording(Path())
    write_video(Path("v.mp4"), blank(1))
    sizes = PRIOR | {"reader": READER | {"joints": 3}}
    weights.save(paths.SYNC, MINetSync(**sizes), weights.Config("mi_net_sync", "fp32", sizes))
    with pytest.raises(ParamsError) as error:
        run(*arguments)
    assert str(error.value) == said


def test_a_video_becomes_a_recording_that_is_read_again(
    here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both sensors with all their channels, without a remark: what `minet imu` writes, `minet sonify --imu` plays."""
    motion = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (100, 47, 2)), axis=0).astype(np.float32)
    monkeypatch.setattr(command, "movement", lambda *_: (None, motion))
    out = tmp_path / "imu.csv"
    assert command.write(Path("v.mp4"), out, params.load(), player=0, shoulders_m=0.4) == 100
    found = csv_file.read(out, 25.0)
    assert found.remarks == [] and found.worn.all() and len(found.readings) == 100
    monkeypatch.setattr(command, "movement", lambda *_: (None, motion[:2]))
    with pytest.raises(NothingLeft, match="too short"):
        command.write(Path("v.mp4"), out, params.load(), player=0, shoulders_m=0.4)


def test_the_readings_are_those_of_the_movement(here: None) -> None:
    """Of each track, a frame of readings for each of movement, standardised."""
    sensors.main()
    for folder, movement in ((paths.TRACKS, "data/motion"), (paths.MORE_PLAYERS, MORE_PLAYERS / "motion")):
        read, moved = Shards(folder), Shards(movement)
        assert list(read.index.index) == list(moved.index.index)
        for track in read.index.index:
            expected = virtual.readings(moved.rows("motion", track), 25.0, **own.load().sensors.model_dump())
            found = read.rows("sensors", track)
            assert found == pytest.approx(virtual.standardise(expected)) and found.any()


class Knowing:
    """A model that is sure of the true tokens, if it sees the sensors of window `w` in window `w`; else of the padding."""

    code, start, padding, tokens = {"longest": 10}, 0, 4, np.array([[1, 2, 3], [2, 3, 4]])

    def movement(self, motion: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return motion[:, 0, 0, 0] * seen

    def logits(self, before: torch.Tensor, clock_s: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        true = torch.from_numpy(self.tokens)[(before[:, 1] == 2).long()]  # the second token tells which window it is
        right = shown == 1 + (before[:, 1] == 2)
        sure = torch.where(right[:, None], true, self.padding)
        return 20.0 * torch.nn.functional.one_hot(sure, 5)


def test_accuracy_counts_no_padding() -> None:
    """Five tokens of two windows, all told right of the right sensors and none of others; of ten places each, with padding."""
    readings = np.zeros((2, 4, 3, 2), np.float32)
    readings[:, 0, 0, 0] = 1, 2
    model: Any = Knowing()
    clock_s = np.zeros((2, 3), np.float32)
    found = evaluate.likelihoods(model, Knowing.tokens, clock_s, readings, [("a", 0), ("b", 0)], 4.0)
    assert (found["accuracy"], found["accuracy_shuffled"], found["accuracy_zeroed"]) == (1.0, 0.0, 0.0)
    assert found["accuracy_padded"] == pytest.approx(5 / 20)
    assert found["nll_token"] == pytest.approx(0, abs=1e-6)
    assert found["nll_token_shuffled"] == pytest.approx(20, abs=1e-3)
    assert found["nll_second_shuffled"] == pytest.approx(20 * 5 / 2 / 4, abs=1e-3)


def test_distinct_samples_equal_no_other() -> None:
    assert evaluate.distinct([np.array([1, 2]), np.array([1, 2]), np.array([1, 3]), np.array([2, 2])]) == 0.5


def test_a_video_is_read_as_the_tracks_are() -> None:
    """`minet imu` cannot see the system's parameters, so its own must be the same."""
    chosen = own.load().sensors
    asked = minet.parser().parse_args(["imu", "v.mp4", "-o", "imu.csv"])
    assert (command.SMOOTHING_S, asked.shoulders) == (chosen.smoothing_s, chosen.shoulders_m)


def test_the_reader_class_is_read_as_a_movement_reader() -> None:
    """models/imu_sync is loaded as MI Net in time, whose reader must have the same weights."""
    ours = train_reader.SensorReader(posture_loss_weight=1.0, joints=3, **READER)
    theirs = MovementReader(joints=3, **READER)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
