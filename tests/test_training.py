"""The training loop: it learns, it resumes to the same bits, and it knows nothing of instruments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from pipeline.compute import determinism
from pipeline.dataset.tensors import Batch, to_tensors
from pipeline.models.prior import Prior
from pipeline.params import Training
from pipeline.training import loop, weights

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


def run(folder: Path, die_at: int | None = None, seed: int = 1) -> tuple[nn.Module, pd.DataFrame]:
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


def test_schedule_warms_up_and_ends_at_a_tenth() -> None:
    rates = [loop._schedule(step, SETTINGS) for step in range(SETTINGS.steps + 1)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[-1] == pytest.approx(0.1)
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_weights_come_back(tmp_path: Path) -> None:
    config = {
        "codes": 9,
        "notes": 0,
        "joints": 3,
        "body": "convolutions",
        "velocities": True,
        "body_at_head": True,
        "body_reach": 0,
        "codes_hidden": 0.0,
        "movement_hidden": 0.0,
        "onset_weight": 0.0,
        "onset_companding": 4.0,
        "body_hidden": 4,
        "body_layers": 1,
        "layers": 1,
        "width": 16,
        "heads": 2,
        "dropout": 0.5,
    }
    model = Prior(**config)
    weights.save(tmp_path, model, config)
    loaded = weights.load(tmp_path, Prior)
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_halves_and_codes_become_what_models_take() -> None:
    tensors = to_tensors({"s": np.ones(2, np.float16), "c": np.ones(2, np.int16)})
    assert (tensors["s"].dtype, tensors["c"].dtype) == (torch.float32, torch.int64)
