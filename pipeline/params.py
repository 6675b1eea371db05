"""Typed parameters, read from params.yaml and checked before any work is done.

Every value is in params.yaml. There are no defaults here, so one file says what a run did.
"""

import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ParamsError


def _must_be(allowed: str, test: Callable[[Any], object]) -> AfterValidator:
    def check(value: Any) -> Any:
        if not test(value):
            raise ValueError(f"must be {allowed}")
        return value

    return AfterValidator(check)


def _at_least(low: float) -> AfterValidator:
    return _must_be(f"{low} or more", lambda value: value >= low)


def _between(low: float, high: float) -> AfterValidator:
    return _must_be(f"from {low} to {high}", lambda value: low <= value <= high)


Natural = Annotated[int, _at_least(0)]
Count = Annotated[int, _at_least(1)]
Amount = Annotated[float, _at_least(0)]
Positive = Annotated[float, _must_be("more than 0", lambda value: value > 0)]
Probability = Annotated[float, _between(0, 1)]
Share = Annotated[float, _must_be("from 0 to below 1", lambda value: 0 <= value < 1)]
Level = Annotated[float, _must_be("between 0 and 1, both excluded", lambda value: 0 < value < 1)]
SampleRate = Annotated[int, _at_least(8000)]
Side = Annotated[int, _at_least(160)]
Midi = Annotated[int, _between(0, 127)]


def _is_resolution(value: str) -> bool:
    sides = [int(side) for side in value.split("x") if re.fullmatch("-1|[1-9][0-9]*", side)]
    return value.count("x") == 1 and len(sides) == 2 and max(sides) > 0 and all(s == -1 or s % 16 == 0 for s in sides)


RESOLUTION = "width x height in multiples of 16, one of them -1 for the picture's shape, like -1x368"
Resolution = Annotated[str, _must_be(RESOLUTION, _is_resolution)]


class Section(BaseModel):
    """A part of params.yaml. It cannot be changed; `model_copy(update=...)` copies it with other values, unchecked."""

    # Strict: true is no number, and 1 is no text. A whole number is still accepted where a float is asked for.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Compute(Section):
    """Stages depend on `precision`, which changes results, and not on `backend`, which does not."""

    backend: Literal["loky", "ray", "dask"]
    precision: Literal["fp32", "bf16"]


def _lists_by_name(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a section with a list by each name")
    if len({type(name) for name in value}) > 1:
        raise ValueError("must be named by numbers alone or by text alone, since DVC sorts it")
    return {str(name): item for name, item in value.items()}


class Corpus(Section):
    name: Literal["studio", "urmp", "solos", "folder"]
    root: str
    player_order: Annotated[dict[str, list[int]], BeforeValidator(_lists_by_name)]  # by piece, from left to right
    people: Literal["one", "each"]
    shortest_shot_s: Positive


# The short names of the studio's instruments.
# fmt: off
Instrument = Literal[
    "vn", "va", "vc", "db", "fl", "ob", "cl", "bn", "sax", "tpt", "hn", "tbn", "tba",
    "gt", "uk", "bg", "pno", "dr", "hd", "xyl", "acc", "hp",
]
# fmt: on
SEVERAL = _must_be("two instruments or more, none of them twice", lambda codes: 2 <= len(codes) == len(set(codes)))


class Studio(Section):
    seed: Natural
    instruments: Annotated[list[Instrument], SEVERAL]
    tracks_per_instrument: Annotated[int, _at_least(2)]
    ensembles: Natural
    duration_s: Annotated[float, _at_least(1)]
    fps: Annotated[float, _at_least(1)]
    player_width_px: Side
    player_height_px: Side
    sample_rate_hz: SampleRate
    turned_degrees: Annotated[float, _between(0, 60)]
    left_handed: Probability
    sound_after_s: Annotated[float, _between(0, 0.5)]


class MorePlayers(Section):
    per_instrument: Natural
    turned_degrees: Amount
    share: Share
    music_share: Share


class OpenPose(Section):
    binary: str
    model_folder: str
    json_folder: str
    body: Literal["BODY_25", "COCO"]
    hands: bool
    net_resolution: Resolution
    hand_net_resolution: Resolution
    number_people_max: Annotated[int, _must_be("-1 or 1 or more", lambda value: value == -1 or value >= 1)]


class Keypoints(Section):
    detector: Literal["mediapipe", "pyopenpose", "openpose", "openpose_json"]
    detected_share: Probability
    min_detection_confidence: Probability
    min_tracking_confidence: Probability
    openpose: OpenPose


class Motion(Section):
    fps: Positive
    min_confidence: Probability


class Variation(Section):
    """How movement is varied in training; see `pipeline.keypoints.variation`."""

    size: Annotated[float, _at_least(1)]
    narrowest: Annotated[float, _must_be("above 0, at most 1", lambda value: 0 < value <= 1)]
    shear: Amount
    tilt_degrees: Amount
    mirrored: Probability
    slow_camera: Probability
    lowest_fps: Positive
    noisy: Probability
    noise: Positive
    noise_correlation: Share
    bias: Amount
    lost_hand: Probability
    lost_s: Positive


class Audio(Section):
    sample_rate_hz: SampleRate
    n_fft: Annotated[int, _must_be("a power of two, 64 or more", lambda value: value >= 64 and value.bit_count() == 1)]
    hop_length: Count
    floor_db: Annotated[float, _must_be("below 0", lambda value: value < 0)]
    griffin_lim_iterations: Count

    @property
    def fps(self) -> float:
        """Spectrogram frames per second."""
        return self.sample_rate_hz / self.hop_length


class Notes(Section):
    lowest_midi: Midi
    highest_midi: Midi

    @property
    def indices(self) -> int:
        """Number of note indices, including the rest (0)."""
        return self.highest_midi - self.lowest_midi + 2


class Windows(Section):
    duration_s: Positive


class Split(Section):
    test_share: Share
    choose_share: Share


class Start(Section):
    start_from: str


class Training(Section):
    """Budget and optimiser of a trained model."""

    steps: Count
    batch: Count
    learning_rate: Positive
    warmup_steps: Natural
    weight_decay: Amount
    gradient_clip: Positive
    validate_every: Count


class VQVAE(Section):
    channels: Count
    code_dim: Count
    codes: Annotated[int, _between(2, 32767)]  # codes are stored as int16
    bands: Annotated[list[Count], _must_be("a list of one number or more", len)]
    commitment: Amount
    ema_decay: Share
    revive_below: Amount
    codebook_after: Natural
    training: Training


class Reader(Section):
    width: Count
    layers: Count
    posture: Count
    dropout: Share
    code_loss_weight: Amount
    onset_companding: Positive
    variation: Variation
    training: Training


class Sizes(Section):
    """What every model that makes music has: a body encoder, a decoder and a training budget."""

    body_hidden: Count
    body_layers: Count
    layers: Count
    width: Count
    heads: Count
    dropout: Share
    training: Training


class Prior(Sizes):
    network: Literal["mi_net", "mi_net_sync", "gru_seq2seq"]
    content: bool
    posture_noise: Amount
    token_dropout: Annotated[float, _between(0, 0.5)]
    condition_dropout: Share
    variation: Variation


class Baseline(Sizes):
    network: Literal["rnn_seq2seq", "graph_transformer"]
    own_past: Probability


SOME = _must_be("a section with a section for each variant", len)


class Variants(Section):
    """Every trained system by the name of its files: the base section of its kind, with the values that it changes."""

    vqvae: Annotated[dict[str, VQVAE], SOME]
    prior: Annotated[dict[str, Prior], SOME]
    baseline: Annotated[dict[str, Baseline], SOME]


class Classifier(Section):
    channels: Count
    dropout: Share
    training: Training


class Generate(Section):
    samples: Count
    repeats: Count
    batch: Count
    candidates: Count
    temperature: Positive
    guidance: Amount
    wavs: Natural


class Evaluate(Section):
    ndb_cells: Annotated[int, _at_least(2)]
    ndb_repeats: Count
    ndb_significance: Level
    ndb_dimensions: Count
    training_windows: Annotated[int, _at_least(2)]
    knn_windows_per_track: Count
    content_windows: Count
    pitch_tolerance_cents: Positive
    onset_tolerance_s: Positive
    largest_lag_s: Positive
    confidence: Level


class Degrade(Section):
    """The ways in which the movement is changed. A way with an empty list is not tried."""

    model: str
    beside: str
    windows: Count
    size: list[Positive]
    turned_degrees: list[float]
    tilted_degrees: list[float]
    noise: list[Amount]
    dropped: list[Share]
    fps: list[Positive]
    late_s: list[Amount]


class Params(Section):
    seed: Natural
    compute: Compute
    corpus: Corpus
    studio: Studio
    more_players: MorePlayers
    keypoints: Keypoints
    motion: Motion
    variation: Variation
    audio: Audio
    notes: Notes
    windows: Windows
    split: Split
    training: Start
    vqvae: VQVAE
    reader: Reader
    prior: Prior
    baseline: Baseline
    variants: Variants
    classifier: Classifier
    generate: Generate
    evaluate: Evaluate
    degrade: Degrade


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check a parameter file.

    Raises:
        ParamsError: the first unusable parameter, in one line that names file, key, value and what is allowed.
    """
    try:
        # YAML 1.2, as DVC reads it: PyYAML's 1.1 takes 1e-4 for a string.
        tree = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; put a profile in place with: make profile name=demo") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        _complete(tree)
        params = Params.model_validate(tree)
    except ValidationError as error:
        raise ParamsError(f"{path}: {_first_line(error.errors())}") from None
    for conflict in _conflicts(params):
        raise ParamsError(f"{path}: {conflict}")
    return params


Variant = TypeVar("Variant", VQVAE, Prior, Baseline)


def variant(variants: dict[str, Variant], name: str) -> Variant:
    """The parameters of a variant.

    Raises:
        ParamsError: there is no variant of that name.
    """
    if name not in variants:
        raise ParamsError(f"params.yaml has no variant {name!r} of this kind; there are: {', '.join(variants)}")
    return variants[name]


def _complete(tree: Any) -> None:
    """Give every variant what it does not change of its base, the section of the same kind; and so the variation of movement."""
    for name in ("reader", "prior") if isinstance(tree, dict) else ():
        if isinstance(section := tree.get(name), dict):
            section["variation"] = _merged(tree.get("variation"), section.get("variation", {}))
    variants = tree.get("variants") if isinstance(tree, dict) else None
    for kind, named in variants.items() if isinstance(variants, dict) else ():
        for name, changes in named.items() if isinstance(named, dict) else ():
            named[name] = _merged(tree.get(kind), changes)


def _merged(base: Any, changes: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return base | {name: _merged(base.get(name), value) for name, value in changes.items()}


TYPES = {
    "bool": "true or false",
    "dict": "a section with keys",
    "finite": "a number",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": "a section with keys",
    "string": "text",
}


def _first_line(errors: list[ErrorDetails]) -> str:
    """The first error, in one line. Unknown keys come first: a misspelt key is also a missing one."""
    unknown = ("extra_forbidden", "invalid_key")
    error = next((error for error in errors if error["type"] in unknown), errors[0])
    at, kind = error["loc"], error["type"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at if part != "[key]").lstrip(".")
    if kind == "missing":
        return f"{key}: missing"
    if kind in unknown:
        said = f"unknown key; allowed here: {', '.join(_section(at[:-1]).model_fields)}"
    elif kind == "literal_error":
        said = "must be one of " + error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    elif kind == "value_error":
        said = str(error["ctx"]["error"])
    else:
        said = f"must be {TYPES[kind.split('_')[0]]}"
    return f"{key or 'the file'} = {error['input']!r}: {said}"


def _section(at: tuple[int | str, ...]) -> type[Section]:
    kind: Any = Params
    for name in at:
        kind = get_args(kind)[1] if get_args(kind) else kind.model_fields[name].annotation
    return kind


def _conflicts(params: Params) -> Iterator[str]:
    """Values that are allowed one by one and not together."""
    variants = params.variants
    vqvaes = {"vqvae": params.vqvae, **_by_key("vqvae", variants.vqvae)}
    priors, baselines = _by_key("prior", variants.prior), _by_key("baseline", variants.baseline)
    sizes: dict[str, Sizes] = {"prior": params.prior, "baseline": params.baseline, **priors, **baselines}
    for key, each in sizes.items():
        if each.width % each.heads:
            yield f"{key}.heads = {each.heads}: must divide {key}.width = {each.width}"
        if each.width // each.heads % 2:
            yield f"{key}.heads = {each.heads}: {key}.width / {key}.heads must be even, for rotary positions"
        if each.width <= 2 * each.body_hidden:
            limit = f"2 * {key}.body_hidden = {2 * each.body_hidden}"
            yield f"{key}.width = {each.width}: must be more than {limit}, since it includes the body state"
    for key, vqvae in vqvaes.items():
        if vqvae.codebook_after >= (steps := vqvae.training.steps):
            yield f"{key}.codebook_after = {vqvae.codebook_after}: must be less than {key}.training.steps = {steps}"
        if any(vqvae.channels % bands for bands in vqvae.bands):
            yield f"{key}.bands = {vqvae.bands}: each must divide {key}.channels = {vqvae.channels}"
    for key, prior in priors.items():
        if prior.network == "gru_seq2seq" and not prior.content:
            yield f"{key}.content = false: must be true, since gru_seq2seq reads notes"
        for name in ("posture_noise", "token_dropout", "condition_dropout"):
            if prior.network != "mi_net_sync" and getattr(prior, name):
                yield f"{key}.{name} = {getattr(prior, name)}: must be 0, since only mi_net_sync has it"
    for key, variation in (("variation", params.variation), ("reader.variation", params.reader.variation)):
        if variation.lowest_fps > params.motion.fps:
            limit = f"motion.fps = {params.motion.fps}"
            yield f"{key}.lowest_fps = {variation.lowest_fps}: must not exceed {limit}"
    corpus, duration_s = params.corpus, params.windows.duration_s
    for key, model in (("model", params.degrade.model), ("beside", params.degrade.beside)):
        if model not in variants.prior or variants.prior[model].content:
            yield f"degrade.{key} = {model!r}: must be a variant of prior without content"
    if corpus.player_order and corpus.name not in ("studio", "urmp"):
        why = f"since corpus.name = {corpus.name} has no numbered players"
        yield f"corpus.player_order = {corpus.player_order}: must be {{}}, {why}"
    if duration_s * min(params.motion.fps, params.audio.fps) < 2:
        yield f"windows.duration_s = {duration_s}: a window must hold two frames of movement or more"
    for key, limit in (
        ("notes.lowest_midi", "notes.highest_midi"),
        ("evaluate.ndb_cells", "evaluate.training_windows"),
        ("audio.hop_length", "audio.n_fft"),
    ):
        value, highest = attrgetter(key, limit)(params)
        if value > highest:
            yield f"{key} = {value}: must not exceed {limit} = {highest}"


def _by_key(kind: str, variants: dict[str, Variant]) -> dict[str, Variant]:
    return {f"variants.{kind}.{name}": each for name, each in variants.items()}
