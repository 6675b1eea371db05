"""Trained models on disk: weights.safetensors, and config.json with what builds the model. No code comes from either."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_model, save_model
from torch import nn

from pipeline.errors import FileError

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Config:
    """What a model is.

    Attributes:
        network: the name of the model's class, as in params.yaml.
        precision: fp32 or bf16, in which it was trained.
        sizes: the keyword arguments of the class.
    """

    network: str
    precision: str
    sizes: dict[str, Any]


def save(folder: str | Path, model: nn.Module, config: Config) -> None:
    """Write `weights.safetensors` and `config.json`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    save_model(model, str(Path(folder) / "weights.safetensors"))
    (Path(folder) / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def load(folder: str | Path, networks: Mapping[str, type[Model]]) -> Model:
    """The model that `save` wrote, in evaluation mode, on the CPU.

    Args:
        networks: the classes that may lie there, by the name of their network.

    Raises:
        FileError: config.json names none of these networks.
    """
    found = config(folder)
    if found.network not in networks:
        raise FileError(
            Path(folder) / "config.json",
            f"its network is {found.network!r}, not one of {', '.join(networks)}",
            "train it anew: dvc repro",
        )
    model = networks[found.network](**found.sizes)
    load_model(model, str(Path(folder) / "weights.safetensors"))
    return model.eval()


def start_from(models: str, name: str, model: nn.Module, network: str) -> list[Path]:
    """Give an untrained model the weights in a folder of trained models, and say so. Returns their file, or nothing.

    Args:
        models: the folder, `training.start_from`; empty for none.
        name: of the model. If the folder has none of this name, the model stays as it is.

    Raises:
        FileError: there is no such folder, or the weights are those of another network or of other sizes.
    """
    if not models:
        return []
    folder = Path(models) / name
    if not Path(models).is_dir():
        raise FileError(models, "no such folder", "give training.start_from a folder of models, or empty it")
    if not exist(folder):
        print(f"{name} starts anew: {models} has no model of this name")
        return []
    path, found = folder / "weights.safetensors", config(folder).network
    advice = f"give params.yaml what {folder / 'config.json'} says, or empty training.start_from"
    if found != network:
        raise FileError(path, f"its network is {found!r}, not {network!r}", advice)
    try:
        load_model(model, str(path))
    except RuntimeError:  # an array is missing, is not expected or has another shape
        raise FileError(path, "its sizes are not those of params.yaml", advice) from None
    print(f"{name} starts from {folder}")
    return [path]


def config(folder: str | Path) -> Config:
    """What the model in a folder is."""
    found = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    return Config(found.get("network", ""), found.get("precision", ""), found.get("sizes", {}))


def exist(folder: str | Path) -> bool:
    """Whether the folder holds a trained model. The folder of a skipped model is empty."""
    return (Path(folder) / "config.json").exists()
