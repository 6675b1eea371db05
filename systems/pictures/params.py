"""Typed parameters of music to pictures, read from the params.yaml beside this file and checked before any work is done."""

from pathlib import Path
from typing import Annotated

from pipeline.errors import ParamsError
from pipeline.params import SOME, Amount, Count, Natural, Positive, Probability, Section, Share, Side, Training
from systems.params_file import read

FILE = Path(__file__).with_name("params.yaml")


class MoreFrames(Section):
    players: Natural
    unheard: Natural
    unheard_pictures: Count
    player_px: Side


class Hearing(Section):
    bands: Count
    lowest_hz: Positive
    context_s: Positive


class Varied(Section):
    gain_db: Amount
    tilt_db: Amount
    noise_db: Positive
    quieter_db: Amount
    smeared_db: Positive
    silent: Share


class Variant(Section):
    latent: Count
    channels: Annotated[list[Count], SOME]
    beta: Amount
    moving_weight: Amount
    principal: bool
    training: Training


class Listener(Section):
    vae: str
    channels: Count
    layers: Count
    dropout: Share
    contrast_weight: Amount
    fps: Positive
    memory: Share
    lingers_s: Positive
    travels_s: Positive
    pulse: Amount
    training: Training


class Body(Section):
    channels: Count
    hidden: Count
    dropout: Share
    velocity_weight: Amount
    begun: Probability
    duration_s: Positive
    repertoire_s: Positive
    liveliest: Positive
    chosen_by_s: Positive
    more_share: Share
    training: Training


class Judge(Section):
    channels: Count
    dropout: Share
    recoloured: Probability
    lighter: Positive
    moved_px: Natural
    blurred_px: Amount
    training: Training


class Evaluation(Section):
    wander: Amount
    pca_every: Count
    retrieved: Count
    shifts: Count
    onset_height: Positive
    smoothed_s: Positive
    alike: Positive
    walk_s: Positive


class Report(Section):
    tracks: Count
    pictures: Count
    film_s: Positive
    film_px: Count


class Params(Section):
    more_frames: MoreFrames
    hearing: Hearing
    varied: Varied
    variants: Annotated[dict[str, Variant], SOME]
    listener: Listener
    body: Body
    judge: Judge
    evaluation: Evaluation
    report: Report


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    found = read(path, Params)
    if found.listener.vae not in found.variants:
        raise ParamsError(f"{path}: listener.vae = {found.listener.vae}: must be one of {', '.join(found.variants)}")
    if found.report.film_px % 2:
        raise ParamsError(f"{path}: report.film_px = {found.report.film_px}: must be even")
    return found


def variant(name: str) -> Variant:
    """The parameters of a variant of the frame VAE.

    Raises:
        ParamsError: there is no variant of that name, or the file cannot be used.
    """
    found = load().variants
    if name not in found:
        raise ParamsError(f"{FILE.name} of pictures has no variant {name!r}; there are: {', '.join(found)}")
    return found[name]
