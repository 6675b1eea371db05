"""The training loop: it learns, it resumes to the same bits, and it knows nothing of instruments."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from pipeline import params
from pipeline.compute import determinism
from pipeline.dataset.shards import ShardWriter
from pipeline.dataset.windows import Batch, to_tensors
from pipeline.errors import FileError
from pipeline.models.mi_net import MINet
from pipeline.models.mi_net_sync import MINetSync
from pipeline.params import Training
from pipeline.training import loop, priors, weights

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


TRACKS = ((1, "soft"), (5, "loud"), (9, "test"))
SIZES = {
    "codes": 9,
    "notes": 0,
    "joints": 3,
    "body_hidden": 4,
    "body_layers": 1,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "dropout": 0.5,
    "token_dropout": 0.5,
    "condition_dropout": 0.1,
    "auxiliary_loss_weight": 2.0,
    "onset_companding": 16.0,
    "onset_scale": 0.3,
}


def test_weights_come_back(tmp_path: Path) -> None:
    model = MINetSync(**SIZES)
    weights.save(tmp_path, model, weights.Config("mi_net_sync", "bf16", SIZES))
    loaded = priors.load(tmp_path)
    assert isinstance(loaded, MINetSync)
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    assert loaded.onset_scale == 0.3


def test_config_json_has_the_network_the_precision_and_the_sizes(tmp_path: Path) -> None:
    weights.save(tmp_path, MINetSync(**SIZES), weights.Config("mi_net_sync", "bf16", SIZES))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"network": "mi_net_sync", "precision": "bf16", "sizes": SIZES}


@pytest.mark.parametrize("network", [{"network": "transformer"}, {"network": "rnn_seq2seq"}, {}])
def test_a_network_that_is_not_known_is_a_fault_of_the_file(network: dict[str, str], tmp_path: Path) -> None:
    """As in a folder of an older version, or of another kind of model."""
    (tmp_path / "config.json").write_text(json.dumps(network | {"precision": "fp32", "sizes": {}}))
    known = "its network is .* not one of mi_net, mi_net_sync, gru_seq2seq"
    with pytest.raises(FileError, match=f"{re.escape(str(tmp_path / 'config.json'))}: {known}"):
        priors.load(tmp_path)


def test_onsets_are_scaled_by_the_training_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deviation over all their frames; a track without codes has none. The paper's model is not told of onsets."""
    monkeypatch.chdir(tmp_path)
    made = {name: np.random.default_rng(0).gamma(scale, size=100 * scale).astype(np.float16) for scale, name in TRACKS}
    with ShardWriter("data/codes") as writer:
        for name, strength in made.items():
            writer.add(name, {"codes": np.zeros(len(strength), np.int16), "onset_strength": strength})
    settings = params.load(Path(__file__).parent.parent / "profiles" / "smoke.yaml")
    variants = settings.variants.prior
    sizes = priors.sizes(settings, variants["mi_net_sync"], ["soft", "loud", "silent"])
    both = np.concatenate([made["soft"], made["loud"]]).astype(np.float64)
    assert sizes["onset_scale"] == pytest.approx(both.std())
    MINetSync(**sizes)
    MINet(**priors.sizes(settings, variants["mi_net"], ["soft", "loud"]))


def test_halves_and_codes_become_what_models_take() -> None:
    tensors = to_tensors({"s": np.ones(2, np.float16), "c": np.ones(2, np.int16)})
    assert (tensors["s"].dtype, tensors["c"].dtype) == (torch.float32, torch.int64)
