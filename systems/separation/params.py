"""Typed parameters of the separation, read from the params.yaml beside this file and checked before any work is done."""

from pathlib import Path
from typing import Annotated, Literal

from pipeline.errors import ParamsError
from pipeline.params import SOME, Amount, Count, Natural, Positive, Probability, Section, Share, Training
from systems.params_file import read

FILE = Path(__file__).with_name("params.yaml")


class Pictures(Section):
    fps: Positive
    size_px: Count


class Scale(Section):
    bins: Count
    lowest_hz: Positive
    every: Count


class Mixing(Section):
    most_players: Count
    likely_confused: Probability
    nearest: Count
    quietest: Positive
    loudest: Positive
    recoloured: Probability
    lighter: Positive
    mirrored: Probability
    moved_px: Natural


class Variant(Section):
    sees: Literal["nothing", "movement", "pixels", "both"]
    multiples: Annotated[list[Positive], SOME]
    channels: Count
    depth: Count
    maps: Count
    bands: Count
    width: Count
    layers: Count
    picture_channels: Count
    dropout: Share
    loudness_weight: Amount
    sharpness: Positive
    hidden: Probability
    more_share: Probability
    training: Training


class Evaluation(Section):
    pairs: Count
    louder_db: Positive


class Report(Section):
    variant: str
    pieces: Count


class Params(Section):
    pictures: Pictures
    scale: Scale
    mixing: Mixing
    variants: Annotated[dict[str, Variant], SOME]
    evaluation: Evaluation
    report: Report


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    found = read(path, Params)
    if found.pictures.size_px % 8:
        raise ParamsError(f"{path}: pictures.size_px = {found.pictures.size_px}: must be a multiple of 8")
    mixing = found.mixing
    if not 2 <= mixing.most_players <= 6:
        raise ParamsError(f"{path}: mixing.most_players = {mixing.most_players}: must be from 2 to 6")
    if mixing.loudest < mixing.quietest:
        raise ParamsError(f"{path}: mixing.loudest = {mixing.loudest}: must be mixing.quietest or more")
    if found.report.variant not in found.variants:
        raise ParamsError(
            f"{path}: report.variant = {found.report.variant}: must be one of {', '.join(found.variants)}"
        )
    for name, each in found.variants.items():
        if each.more_share and each.sees == "pixels":
            what = "must be 0 for a variant that sees pixels alone, since more players have no pictures"
            raise ParamsError(f"{path}: variants.{name}.more_share = {each.more_share}: {what}")
    return found


def variant(name: str) -> Variant:
    """The parameters of a variant.

    Raises:
        ParamsError: there is no variant of that name, or the file cannot be used.
    """
    found = load().variants
    if name not in found:
        raise ParamsError(f"{FILE.name} of the separation has no variant {name!r}; there are: {', '.join(found)}")
    return found[name]
