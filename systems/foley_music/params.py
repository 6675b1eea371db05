"""Typed parameters of Foley Music, read from the params.yaml beside this file and checked before any work is done."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ParamsError
from pipeline.notes.events import Code
from pipeline.params import SOME, Amount, Count, Natural, Positive, Section, Share, Training

FILE = Path(__file__).with_name("params.yaml")


class Variant(Section):
    encoder: Literal["st_gcn", "convolutions"]
    timed: bool
    carry: bool
    velocity_steps: Count
    longest: Count
    channels: Count
    encoder_layers: Count
    layers: Count
    width: Count
    heads: Count
    dropout: Share
    token_dropout: Share
    condition_dropout: Share
    onset_loss_weight: Amount
    more_share: Share
    temperature: Positive
    key: bool
    key_dropout: Share
    training: Training

    @property
    def code(self) -> Code:
        return Code(self.carry, self.velocity_steps, self.longest)


class Drift(Section):
    windows_s: list[Positive]
    hop_s: Positive


class Params(Section):
    heard: Literal["none", "pyin", "basic_pitch"]
    variants: Annotated[dict[str, Variant], SOME]
    midis: Natural
    drift: Drift


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    try:
        found = Params.model_validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); get it back with: git checkout {path}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ParamsError(f"{path}: {_line(error.errors()[0])}") from None
    for name, each in found.variants.items():
        if each.width % (2 * each.heads):
            raise ParamsError(f"{path}: variants.{name}.heads = {each.heads}: twice as many must divide the width")
    return found


def variant(name: str) -> Variant:
    """The parameters of a variant.

    Raises:
        ParamsError: there is no variant of that name, or the file cannot be used.
    """
    found = load().variants
    if name not in found:
        raise ParamsError(f"{FILE.name} of Foley Music has no variant {name!r}; there are: {', '.join(found)}")
    return found[name]


def _line(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key}: missing"
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"].lower()
    return f"{key or 'the file'} = {error['input']!r}: {said}"
