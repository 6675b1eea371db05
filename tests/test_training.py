"""The training loop: it learns, it resumes to the same bits, and it knows nothing of instruments."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState
from ruamel.yaml import YAML
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.windows import Batch, to_tensors
from pipeline.errors import FileError
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.mi_net import MINet
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.movement_reader import MovementReader
from pipeline.params import Training, Variation
from pipeline.training import loop, priors, weights
from stages import train_prior, train_reader, train_vqvae

SETTINGS = Training(
    steps=23, batch=8, learning_rate=5e-2, warmup_steps=3, weight_decay=0.1, gradient_clip=1.0, validate_every=5
)


class Noisy(nn.Module):
    """A regression with dropout and a buffer that follows the data: everything that a resume could lose."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        if self.training:
            self.mean.lerp_(x.mean(0), 0.1)
        return {"loss": (self.layers(x - self.mean)[:, 0] - y).square().mean()}


def batch(generator: np.random.Generator) -> Batch:
    x = generator.normal(size=(SETTINGS.batch, 4)).astype(np.float32)
    return to_tensors({"x": x, "y": 3 * x[:, 0]})


def run(
    folder: Path, die_at: int | None = None, seed: int = 1, precision: str = "fp32"
) -> tuple[nn.Module, pd.DataFrame]:
    def before_step(model: nn.Module, step: int) -> None:
        if step == die_at:
            raise KeyboardInterrupt

    held_out = batch(np.random.default_rng(99))
    determinism.prepare(seed)
    model = Noisy()
    history = loop.train(
        model,
        batch,
        lambda model: {"test_loss": model(**held_out)["loss"].item()},
        SETTINGS,
        seed=seed,
        precision=precision,
        folder=folder,
        before_step=before_step,
    )
    return model, history


def test_it_learns(tmp_path: Path) -> None:
    _, history = run(tmp_path)
    assert list(history.step) == [5, 10, 15, 20, 23]
    assert history.test_loss.iloc[-1] < 0.7 * history.test_loss.iloc[0]


@pytest.mark.parametrize("die_at", [3, 13, 20])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, die_at: int) -> None:
    """Weights, optimiser, schedule, data order, dropout: whatever were lost would show in the last bit."""
    model, history = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", die_at)
    resumed, resumed_history = run(tmp_path / "killed")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    pd.testing.assert_frame_equal(history, resumed_history, check_exact=True)


def test_a_resumed_run_does_not_start_over(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 13)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 10)  # the first step after the checkpoint
    run(tmp_path, 9)  # never reached again


def test_the_seed_decides(tmp_path: Path) -> None:
    same = [run(tmp_path / name)[0].state_dict() for name in ("a", "b")]
    assert all(torch.equal(tensor, same[1][name]) for name, tensor in same[0].items())
    other = run(tmp_path / "c", seed=2)[0].state_dict()
    assert not torch.equal(other["layers.0.weight"], same[0]["layers.0.weight"])


def test_the_precision_decides_and_weights_stay_in_float32(tmp_path: Path) -> None:
    single, _ = run(tmp_path / "fp32")
    AcceleratorState._reset_state()  # accelerate allows one precision in a process, and a stage trains one model
    half, history = run(tmp_path / "bf16", precision="bf16")
    AcceleratorState._reset_state()
    for name, tensor in half.state_dict().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, single.state_dict()[name], rtol=0, atol=0.2)
    assert not torch.equal(half.state_dict()["layers.0.weight"], single.state_dict()["layers.0.weight"])
    assert history.test_loss.iloc[-1] < 0.7 * history.test_loss.iloc[0]


def test_schedule_warms_up_and_ends_at_a_tenth() -> None:
    rates = [loop._schedule(step, SETTINGS) for step in range(SETTINGS.steps + 1)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[-1] == pytest.approx(0.1)
    assert rates[3:] == sorted(rates[3:], reverse=True)


TRACKS = ((1, "soft"), (5, "loud"), (7, "silent"), (9, "test"))  # a shape of onset strength; `silent` has no codes
PROFILE = Path(__file__).parent.parent / "profiles" / "smoke.yaml"
READER = {
    "codes": 9,
    "joints": 3,
    "width": 8,
    "layers": 1,
    "posture": 2,
    "dropout": 0.5,
    "code_loss_weight": 2.0,
    "onset_companding": 16.0,
    "onset_scale": 0.3,
}
SIZES: dict[str, Any] = {
    "codes": 9,
    "notes": 0,
    "reader": READER,
    "body_hidden": 4,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "dropout": 0.5,
    "posture_noise": 0.3,
    "token_dropout": 0.5,
    "condition_dropout": 0.1,
}


def test_weights_come_back(tmp_path: Path) -> None:
    model = MINetSync(**SIZES)
    weights.save(tmp_path, model, weights.Config("mi_net_sync", "bf16", SIZES))
    loaded = priors.load(tmp_path)
    assert isinstance(loaded, MINetSync)
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    assert loaded.reader.onset_scale == 0.3


def test_config_json_has_the_network_the_precision_and_the_sizes(tmp_path: Path) -> None:
    weights.save(tmp_path, MINetSync(**SIZES), weights.Config("mi_net_sync", "bf16", SIZES))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"network": "mi_net_sync", "precision": "bf16", "sizes": SIZES}
    assert weights.config(tmp_path) == weights.Config("mi_net_sync", "bf16", SIZES)


@pytest.mark.parametrize("network", [{"network": "transformer"}, {"network": "rnn_seq2seq"}, {}])
def test_a_network_that_is_not_known_is_a_fault_of_the_file(network: dict[str, str], tmp_path: Path) -> None:
    """As in a folder of an older version, or of another kind of model."""
    (tmp_path / "config.json").write_text(json.dumps(network | {"precision": "fp32", "sizes": {}}))
    known = "its network is .* not one of mi_net, mi_net_sync, gru_seq2seq"
    with pytest.raises(FileError, match=f"{re.escape(str(tmp_path / 'config.json'))}: {known}"):
        priors.load(tmp_path)


def trained_reader(sizes: dict[str, Any]) -> MovementReader:
    """A reader in models/reader/ that is unlike a new one in all that training changes."""
    reader = MovementReader(**sizes)
    with torch.no_grad():
        for tensor in reader.state_dict().values():
            tensor.copy_(2 + torch.randint(100, tensor.shape))
    weights.save(Path("models/reader"), reader, weights.Config("reader", "fp32", sizes))
    return reader


def test_a_new_mi_net_sync_holds_the_trained_reader_and_no_other_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it is made of is enough to load it again: the folder of a prior stands alone."""
    monkeypatch.chdir(tmp_path)
    settings = params.load(PROFILE)
    sizes = settings.reader.model_dump(exclude={"training", "variation"}) | {
        "codes": settings.vqvae.codes,
        "joints": JOINTS,
    }
    variants = settings.variants.prior
    mi_net, _ = priors.untrained(settings, variants["mi_net"])  # needs no reader
    assert isinstance(mi_net, MINet)
    reader = trained_reader(sizes | {"onset_scale": 0.4})
    for name, notes in (("mi_net_sync", False), ("mi_net_sync_content", True)):
        model, sizes = priors.untrained(settings, variants[name])
        priors.hold_reader(model)
        assert isinstance(model, MINetSync)
        assert (model.reads_notes, model.reader.onset_scale) == (notes, 0.4)
        for key, tensor in reader.state_dict().items():
            assert torch.equal(model.reader.state_dict()[key], tensor), key
        weights.save(tmp_path / "prior", model, weights.Config("mi_net_sync", "fp32", sizes))
        loaded = priors.load(tmp_path / "prior").state_dict()
        assert all(torch.equal(tensor, loaded[key]) for key, tensor in model.state_dict().items())


def test_a_training_of_mi_net_sync_leaves_its_reader_as_it_is(tmp_path: Path) -> None:
    """To the last bit, through weight decay, validations and a checkpoint; all else is trained."""
    determinism.prepare(1)
    model = MINetSync(**SIZES)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def batch(generator: np.random.Generator) -> Batch:
        motion = generator.normal(3, 1, (8, 10, 3, 2)).astype(np.float32)
        return to_tensors({"codes": generator.integers(9, size=(8, 20)), "motion": motion})

    def run(model: MINetSync, steps: int) -> None:
        settings = SETTINGS.model_copy(update={"steps": steps})
        loop.train(model, batch, lambda model: {}, settings, seed=1, precision="fp32", folder=tmp_path)

    run(model, 5)
    resumed = MINetSync(**SIZES)
    run(resumed, 10)
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, before[name]) is name.startswith("reader."), name


def movements(tracks: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> None:
    """Movement at 25 rows a second and sound at 62.5. The movement is 1 everywhere, and 2 that of more players."""
    with ShardWriter("data/codes") as sound:
        for folder, strengths, value in (("data/motion", tracks, 1), ("data/more_players/motion", more, 2)):
            with ShardWriter(folder) as motion:
                for name, strength in strengths.items():
                    sound.add(name, {"codes": np.zeros(len(strength), np.int16), "onset_strength": strength})
                    motion.add(name, {"motion": np.full((len(strength) * 2 // 5, JOINTS, 2), value, np.float32)})


def four_tracks(more: int = 0) -> dict[str, np.ndarray]:
    """Data of four tracks, here, and parameters with two steps of training: track → onset strength."""
    tree = YAML(typ="safe").load(PROFILE)
    for section in (tree["reader"], tree["variants"]["prior"]["mi_net_sync"]):
        section["training"]["steps"] = 2
    YAML().dump(tree, Path("params.yaml"))
    random = np.random.default_rng(0)
    tracks = {name: random.gamma(k, size=500).astype(np.float16) for k, name in TRACKS}
    others = {f"{n}_vn": 99 * np.ones(500, np.float16) for n in range(more)}
    movements({name: strength for name, strength in tracks.items() if name != "silent"}, others)
    table = {"track": list(tracks), "instrument": "violin", "part": ["train", "train", "train", "test"]}
    pd.DataFrame(table).to_parquet("data/splits.parquet")
    return tracks


class Vary:
    """In the place of a stage's `vary`: adds a little noise. It keeps what it was given, and what the model is given."""

    def __init__(self, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chosen = (
            params.load().reader.variation
            if stage is train_reader
            else params.load().variants.prior["mi_net_sync"].variation
        )
        self.seen: list[list[float]] = []
        self.made: list[np.ndarray] = []
        self.told: list[np.ndarray] = []
        monkeypatch.setattr(stage, "vary", self)
        monkeypatch.setattr(stage, "to_tensors", self.to_tensors)

    def __call__(self, motion: np.ndarray, chosen: Variation, fps: float, generator: np.random.Generator) -> np.ndarray:
        assert (chosen, fps) == (self.chosen, 25)
        self.seen.append(motion[:, 0, 0, 0].tolist())
        self.made.append(motion + generator.normal(0, 0.1, motion.shape).astype(np.float32))
        return self.made[-1]

    def to_tensors(self, arrays: dict[str, np.ndarray]) -> Batch:
        self.told.append(arrays["motion"])
        return to_tensors(arrays)

    def check(self) -> None:
        """The test windows come first, and are not varied; every other batch is."""
        held_out, *drawn = self.told
        assert (held_out == 1).all()
        assert all(np.array_equal(each, made) for each, made in zip(drawn, self.made, strict=True))


def sounds(folder: str, names: Sequence[str], value: float | None = None) -> None:
    """Spectrograms that are `value` everywhere, or random."""
    with ShardWriter(folder) as writer:
        for name in names:
            random = np.random.default_rng(len(name)).uniform(-1, 1, (500, 1024))
            sound = random if value is None else np.full_like(random, value)
            writer.add(name, {"spectrogram": sound.astype(np.float16)})


@pytest.mark.parametrize(("more", "others"), [(0, 0), (2, 3)])
def test_a_vqvae_hears_more_players_where_there_are_any(
    more: int, others: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their share of every batch is `music_share`; it is watched on tracks alone, and another share makes the training anew."""
    monkeypatch.chdir(tmp_path)
    four_tracks()
    sounds("data/spectrograms", ("soft", "loud", "test"), 0.25)
    sounds("data/more_players/spectrograms", [f"{n}_vn" for n in range(more)], 0.75)
    tree = YAML(typ="safe").load(Path("params.yaml"))
    tree["vqvae"] |= {"codebook_after": 1, "training": tree["vqvae"]["training"] | {"steps": 2}}
    told: list[Tensor] = []
    monkeypatch.setattr(
        train_vqvae, "to_tensors", lambda arrays: told.append(arrays["spectrogram"]) or to_tensors(arrays)
    )
    keys = []
    monkeypatch.setattr(loop, "finish", lambda *of, **more: keys.append(more["folder"].name))
    for share in (0.8, 0.5):
        told.clear()
        tree["more_players"]["music_share"] = share
        YAML().dump(tree, Path("params.yaml"))
        train_vqvae.main("vqvae")
        held_out, start, *drawn = told
        assert (held_out == 0.25).all()
        assert len(start) == train_vqvae.START_WINDOWS
        assert len(drawn) == 2
        for batch in drawn:
            assert len(batch) == tree["vqvae"]["training"]["batch"] == 4
            count = others if share == 0.8 else more
            assert sorted(batch[:, 0, 0].tolist()) == [0.25] * (4 - count) + [0.75] * count
    assert len(set(keys)) == 2


@pytest.mark.parametrize("more", [0, 2])
def test_the_reader_is_trained_on_both_kinds_of_players_and_scaled_by_the_tracks(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a batch are more players, where there are any; their onsets do not count for the scale. All are varied, but not
    the test tracks."""
    monkeypatch.chdir(tmp_path)
    tracks = four_tracks(more)
    vary = Vary(train_reader, monkeypatch)
    train_reader.main()
    vary.check()
    assert vary.seen == [[1, 1, 2, 2] if more else [1, 1, 1, 1]] * 2
    found = weights.config("models/reader")
    both = np.concatenate([tracks["soft"], tracks["loud"]]).astype(np.float64)
    assert found.network == "reader"
    assert found.sizes["onset_scale"] == pytest.approx(both.std())
    history = pd.read_csv("metrics/history_reader.csv")
    assert list(history.columns) == ["step", "loss", "onset_error", "code_nll", "choose_onset_error", "choose_code_nll"]
    assert history.notna().all(axis=None)
    weights.load("models/reader", {"reader": MovementReader})


def test_a_trained_mi_net_sync_holds_the_trained_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage as it is: every batch is varied, the test windows are not, and another reader makes the training anew."""
    monkeypatch.chdir(tmp_path)
    four_tracks()
    settings, finish, keys = params.load(), loop.finish, []
    monkeypatch.setattr(loop, "finish", lambda *of, **more: (keys.append(more["folder"].name), finish(*of, **more)))
    sizes = settings.reader.model_dump(exclude={"training", "variation"}) | {
        "codes": settings.vqvae.codes,
        "joints": JOINTS,
    }
    for onset_scale in (0.4, 0.5):
        reader = trained_reader(sizes | {"onset_scale": onset_scale})
        vary = Vary(train_prior, monkeypatch)
        train_prior.main("mi_net_sync")
        vary.check()
        assert vary.seen == [[1] * settings.prior.training.batch] * 2
        model = priors.load("models/mi_net_sync")
        assert isinstance(model, MINetSync)
        assert model.reader.onset_scale == onset_scale
        assert all(torch.equal(tensor, model.reader.state_dict()[key]) for key, tensor in reader.state_dict().items())
    assert len(set(keys)) == 2


def test_a_model_starts_from_the_weights_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what cannot be used is not passed over: another network, other sizes, a folder that is not there."""
    old, other = MINetSync(**SIZES), MINetSync(**SIZES)
    weights.save(tmp_path / "in_time", old, weights.Config("mi_net_sync", "fp32", SIZES))
    assert weights.start_from("", "in_time", other, "mi_net_sync") == []
    assert weights.start_from(str(tmp_path), "in_notes", other, "mi_net_sync") == []
    assert "in_notes starts anew" in capsys.readouterr().out
    assert not all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in old.state_dict().items())
    file = tmp_path / "in_time" / "weights.safetensors"
    assert weights.start_from(str(tmp_path), "in_time", other, "mi_net_sync") == [file]
    assert all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in old.state_dict().items())
    assert f"in_time starts from {tmp_path / 'in_time'}" in capsys.readouterr().out
    with pytest.raises(FileError, match=f"{re.escape(str(file))}: its network is 'mi_net_sync', not 'mi_net'"):
        weights.start_from(str(tmp_path), "in_time", other, "mi_net")
    for sizes in (SIZES | {"width": 24}, SIZES | {"layers": 2}):
        with pytest.raises(FileError, match=f"{re.escape(str(file))}: its sizes are not those of params.yaml"):
            weights.start_from(str(tmp_path), "in_time", MINetSync(**sizes), "mi_net_sync")
    with pytest.raises(FileError, match="nowhere: no such folder"):
        weights.start_from(str(tmp_path / "nowhere"), "in_time", other, "mi_net_sync")


def test_stages_go_on_from_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another seed, two steps of almost no length leave them where they began. The codebook is not placed anew, and the
    prior has the new reader."""
    monkeypatch.chdir(tmp_path)
    four_tracks()
    sounds("data/spectrograms", ("soft", "loud", "test"))
    sounds("data/more_players/spectrograms", ())
    tree = YAML(typ="safe").load(Path("params.yaml"))
    for section in (tree["reader"], tree["variants"]["prior"]["mi_net_sync"], tree["vqvae"]):
        section["training"] |= {"steps": 2, "learning_rate": 1e-12}
    tree["vqvae"] |= {"codebook_after": 1, "ema_decay": 0.999999, "revive_below": 0.0}
    for seed, start in ((1, ""), (2, "before")):
        tree |= {"seed": seed, "training": {"start_from": start}}
        YAML().dump(tree, Path("params.yaml"))
        for stage, names in ((train_vqvae, ["vqvae"]), (train_reader, []), (train_prior, ["mi_net_sync"])):
            stage.main(*names)
        if not start:
            shutil.copytree("models", "before")
    for name, own in (("vqvae", ""), ("reader", ""), ("mi_net_sync", "reader.")):
        here, before = (load_file(f"{folder}/{name}/weights.safetensors") for folder in ("models", "before"))
        assert here.keys() == before.keys()
        for key, tensor in here.items():
            if "norm." in key or (own and key.startswith(own)):
                continue  # the first follow the data
            assert torch.allclose(tensor.float(), before[key].float(), atol=1e-3), f"{name}: {key}"
    reader, prior = (load_file(f"models/{name}/weights.safetensors") for name in ("reader", "mi_net_sync"))
    assert all(torch.equal(tensor, prior[f"reader.{key}"]) for key, tensor in reader.items())


def test_halves_and_codes_become_what_models_take() -> None:
    tensors = to_tensors({"s": np.ones(2, np.float16), "c": np.ones(2, np.int16)})
    assert (tensors["s"].dtype, tensors["c"].dtype) == (torch.float32, torch.int64)
