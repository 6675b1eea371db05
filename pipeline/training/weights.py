"""Trained models on disk: the weights as safetensors, what the model was made with as JSON. No code comes from either."""

import json
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_model, save_model
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def save(folder: str | Path, model: nn.Module, made_with: dict[str, Any]) -> None:
    """Write `weights.safetensors` and `config.json`, the keyword arguments that the model was made with."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    save_model(model, str(Path(folder) / "weights.safetensors"))
    (Path(folder) / "config.json").write_text(json.dumps(made_with, indent=2) + "\n", encoding="utf-8")


def config(folder: str | Path) -> dict[str, Any]:
    """The keyword arguments that a model was made with."""
    return json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))


def load(folder: str | Path, kind: type[Model]) -> Model:
    """The model that `save` wrote, in evaluation mode, on the CPU."""
    model = kind(**config(folder))
    load_model(model, str(Path(folder) / "weights.safetensors"))
    return model.eval()


def exist(folder: str | Path) -> bool:
    """Whether a model lies there; a variant that the corpus has no data for leaves its folder empty."""
    return (Path(folder) / "config.json").exists()
