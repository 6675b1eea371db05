"""Typed parameters of IMU to music, read from the params.yaml beside this file and checked before any work is done."""

from pathlib import Path
from typing import Annotated, Literal

from pipeline.errors import ParamsError
from pipeline.notes.events import Code
from pipeline.params import SOME, Amount, Count, Natural, Positive, Probability, Section, Share, Training
from systems.params_file import read

FILE = Path(__file__).with_name("params.yaml")


class Sensors(Section):
    shoulders_m: Positive
    smoothing_s: Positive


class Wearing(Section):
    mounting_degrees: Amount
    anyhow: Probability
    gain: Positive
    noise: Amount
    one_sensor: Probability
    one_axis: Probability
    no_turn_rate: Probability


class Variant(Section):
    encoder: Literal["convolutions", "dense", "convolutional", "convolutions_attention", "spectra", "recurrent"]
    channels: Count
    encoder_layers: Count
    steps: Count
    worn: list[str]


class Decoder(Section):
    velocity_steps: Count
    longest: Count
    layers: Count
    width: Count
    heads: Count
    dropout: Share
    token_dropout: Share
    condition_dropout: Share
    onset_loss_weight: Amount
    temperature: Positive

    @property
    def code(self) -> Code:
        return Code(carry=True, velocity_steps=self.velocity_steps, longest=self.longest)


class OneTraining(Section):
    """Training, but for its steps."""

    batch: Count
    learning_rate: Positive
    warmup_steps: Natural
    weight_decay: Amount
    gradient_clip: Positive
    validate_every: Count

    def of(self, steps: int) -> Training:
        return Training(steps=steps, **self.model_dump())


class Reader(Section):
    posture_loss_weight: Amount
    steps: Count
    windows: Count


class Worn(Section):
    sensors: list[Literal[0, 1]]
    channels: list[Literal[0, 1, 2]]


class Params(Section):
    sensors: Sensors
    wearing: Wearing
    variants: Annotated[dict[str, Variant], SOME]
    decoder: Decoder
    more_share: Share
    training: OneTraining
    reader: Reader
    worn: Annotated[dict[str, Worn], SOME]


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    found = read(path, Params)
    for name, each in found.variants.items():
        for way in set(each.worn) - found.worn.keys():
            raise ParamsError(f"{path}: variants.{name}.worn = {way}: must be one of {', '.join(found.worn)}")
    return found


def variant(name: str) -> Variant:
    """The parameters of a variant.

    Raises:
        ParamsError: there is no variant of that name, or the file cannot be used.
    """
    found = load().variants
    if name not in found:
        raise ParamsError(f"{FILE}: no variant {name!r}; there are: {', '.join(found)}")
    return found[name]
