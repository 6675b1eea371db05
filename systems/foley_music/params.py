"""Typed parameters of Foley Music, read from the params.yaml beside this file and checked before any work is done."""

from pathlib import Path
from typing import Annotated, Literal

from pipeline.errors import ParamsError
from pipeline.notes.events import Code
from pipeline.params import SOME, Amount, Count, Natural, Positive, Section, Share, Training
from systems.params_file import read

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
    found = read(path, Params)
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
