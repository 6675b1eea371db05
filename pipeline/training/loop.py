"""The training loop of every model: AdamW, warm-up and cosine schedule, checkpoints, exact resume, progress, history.

It runs on a CPU, on one GPU, or on several (`accelerate launch -m stages.train_prior`). Step s draws all its random numbers from
(seed, s, process). A resumed run therefore needs no generator state, and ends with the same bits as an uninterrupted one.
"""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator, PartialState
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from pipeline import params
from pipeline.compute import work
from pipeline.dataset.artifacts import METRICS, MODELS
from pipeline.dataset.windows import Batch
from pipeline.training import weights

Model = TypeVar("Model", bound=nn.Module)


def train(
    model: Model,
    batch: Callable[[np.random.Generator], Batch],
    validate: Callable[[Model], dict[str, float]],
    settings: params.Training,
    *,
    seed: int,
    precision: str,
    folder: Path,
    before_step: Callable[[Model, int], None] | None = None,
) -> pd.DataFrame:
    """Train `model` in place.

    Args:
        model: takes a batch as keyword arguments and returns a dict of scalars that contains `loss`.
        batch: draws a batch with the given generator.
        validate: measures the model in evaluation mode. It is called every `validate_every` steps and at the end, each time
            followed by a checkpoint.
        precision: fp32 or bf16 (autocast; weights and optimiser stay in float32).
        folder: of the checkpoint. Training resumes from one that is there.
        before_step: called with the model and the number of the next step, for example to initialise a codebook from data.

    Returns:
        The history: a row for each validation, with `step`, the means of the model's scalars since the last row, and the
        results of `validate`.
    """
    accelerator = Accelerator(mixed_precision="bf16" if precision == "bf16" else "no")
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    wrapped, optimizer = accelerator.prepare(model, torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True))
    plain: Model = accelerator.unwrap_model(wrapped)

    def seeded(step: int) -> Batch:
        generator = np.random.default_rng((seed, step, accelerator.process_index))
        torch.manual_seed(int(generator.integers(2**63)))
        return {name: tensor.to(accelerator.device) for name, tensor in batch(generator).items()}

    path = folder / "checkpoint.safetensors"
    history: list[dict[str, float]] = []
    first = 0
    if path.exists():
        first, history = _load(path, plain, optimizer)

    watched: dict[str, list[Tensor]] = {}
    bar = tqdm(
        range(first, settings.steps),
        initial=first,
        total=settings.steps,
        desc=folder.parent.name,
        unit=" step",
        disable=not accelerator.is_main_process,
        mininterval=1,
    )
    for step in bar:
        wrapped.train()
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step, settings)
        drawn = seeded(step)
        if before_step is not None:
            before_step(plain, step)
        scalars = wrapped(**drawn)
        optimizer.zero_grad()
        accelerator.backward(scalars["loss"])
        accelerator.clip_grad_norm_(wrapped.parameters(), settings.gradient_clip)
        optimizer.step()
        for name, value in scalars.items():
            watched.setdefault(name, []).append(value.detach())
        done = step + 1
        if done % settings.validate_every == 0 or done == settings.steps:
            wrapped.eval()
            with torch.no_grad():
                measured = validate(plain)
            means = {name: float(torch.stack(values).double().mean()) for name, values in watched.items()}
            watched = {}
            history.append({"step": done, **means, **measured})
            bar.set_postfix({name: f"{value:.3f}" for name, value in {**means, **measured}.items()}, refresh=False)
            # A checkpoint comes where a row of the history ends, so that no partial means need be kept.
            if accelerator.is_main_process:
                _save(path, done, history, plain, optimizer)
    return pd.DataFrame(history)


def finish(model: nn.Module, config: weights.Config, history: pd.DataFrame, *, name: str, folder: Path) -> None:
    """Write models/<name>/ and metrics/history_<name>.csv, and delete the checkpoint. Only the main process does so.

    A training that runs ahead of its stage (commands/ahead.py) leaves only its checkpoint.
    """
    if PartialState().is_main_process and "TRAINING_AHEAD" not in os.environ:
        weights.save(MODELS / name, model, config)
        METRICS.mkdir(exist_ok=True)
        history.to_csv(METRICS / f"history_{name}.csv", index=False, float_format="%.6g")
        shutil.rmtree(folder)


def skip(name: str, why: str, columns: tuple[str, ...]) -> None:
    """Leave an empty models/<name>/ and a history without rows, and print why. Later stages skip the model."""
    if "TRAINING_AHEAD" in os.environ:
        return
    print(f"{name} is skipped: {why}")
    shutil.rmtree(MODELS / name, ignore_errors=True)
    (MODELS / name).mkdir(parents=True)
    METRICS.mkdir(exist_ok=True)
    pd.DataFrame(columns=["step", *columns]).to_csv(METRICS / f"history_{name}.csv", index=False)


def _schedule(step: int, settings: params.Training) -> float:
    """Factor of the peak learning rate: linear warm-up, then half a cosine down to a tenth."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done))


def _save(
    path: Path, step: int, history: list[dict[str, float]], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """One safetensors file: the tensors of model and optimiser; step and history as its metadata."""
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor.contiguous() for name, tensor in state.items()}
    metadata = {"step": str(step), "history": json.dumps(history)}
    work.write_whole(path, lambda temporary: save_file(tensors, temporary, metadata))


def _load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, list[dict[str, float]]]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        metadata = file.metadata()
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(metadata["step"]), json.loads(metadata["history"])
