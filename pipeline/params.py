"""Typed parameters, read from params.yaml and checked before any work is done.

Every value lives in params.yaml; there are no defaults here, so what a run did is written in one file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ParamsError


def _check(allowed: str, test: Callable[[Any], bool]) -> Any:
    return field(metadata={"allowed": allowed, "test": test})


def _at_least(low: float) -> Any:
    return _check(f"{low} or more", lambda value: value >= low)


def _above(low: float) -> Any:
    return _check(f"more than {low}", lambda value: value > low)


def _between(low: float, high: float) -> Any:
    return _check(f"from {low} to {high}", lambda value: low <= value <= high)


def _one_of(*names: str) -> Any:
    return _check("one of " + ", ".join(names), lambda value: value in names)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    name: str = _one_of("studio", "urmp", "solos", "folder")
    root: str
    player_order: dict[str, list[int]]  # piece → its players' numbers, from the left of the picture
    people: str = _one_of("one", "each")
    shortest_shot_s: float = _above(0)


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Where the work is done. No stage depends on it: the results are the same."""

    backend: str = _one_of("loky", "ray", "dask")


@dataclass(frozen=True, kw_only=True)
class Studio:
    seed: int = _at_least(0)
    tracks_per_instrument: int = _at_least(2)
    ensembles: int = _at_least(0)
    duration_s: float = _at_least(1)
    fps: float = _at_least(1)
    player_width_px: int = _at_least(160)
    player_height_px: int = _at_least(160)
    sample_rate_hz: int = _at_least(8000)


def _is_resolution(value: str) -> bool:
    sides = value.split("x")
    return len(sides) == 2 and sides != ["-1", "-1"] and all(side == "-1" or _is_16s(side) for side in sides)


def _is_16s(side: str) -> bool:
    return side.isascii() and side.isdigit() and int(side) > 0 and int(side) % 16 == 0


def _resolution() -> Any:
    allowed = "width x height in multiples of 16, one of them -1 for the picture's shape, like -1x368"
    return _check(allowed, _is_resolution)


@dataclass(frozen=True, kw_only=True)
class OpenPose:
    binary: str
    model_folder: str
    json_folder: str
    body: str = _one_of("BODY_25", "COCO")
    hands: bool
    net_resolution: str = _resolution()
    hand_net_resolution: str = _resolution()
    number_people_max: int = _check("-1 or 1 or more", lambda value: value == -1 or value >= 1)


@dataclass(frozen=True, kw_only=True)
class Keypoints:
    detector: str = _one_of("mediapipe", "pyopenpose", "openpose", "openpose_json")
    min_detection_confidence: float = _between(0, 1)
    min_tracking_confidence: float = _between(0, 1)
    openpose: OpenPose


@dataclass(frozen=True, kw_only=True)
class Motion:
    fps: float = _above(0)
    min_confidence: float = _between(0, 1)


@dataclass(frozen=True, kw_only=True)
class Audio:
    sample_rate_hz: int = _at_least(8000)
    n_fft: int = _check("a power of two, 64 or more", lambda value: value >= 64 and value & (value - 1) == 0)
    hop_length: int = _at_least(1)
    floor_db: float = _check("below 0", lambda value: value < 0)
    griffin_lim_iterations: int = _at_least(1)

    @property
    def fps(self) -> float:
        """Spectrogram frames a second."""
        return self.sample_rate_hz / self.hop_length


@dataclass(frozen=True, kw_only=True)
class Notes:
    lowest_midi: int = _between(0, 127)
    highest_midi: int = _between(0, 127)

    @property
    def indices(self) -> int:
        """How many note indices there are, the rest (0) included."""
        return self.highest_midi - self.lowest_midi + 2


@dataclass(frozen=True, kw_only=True)
class Windows:
    duration_s: float = _above(0)


@dataclass(frozen=True, kw_only=True)
class Split:
    test_share: float = _check("from 0 to below 1", lambda value: 0 <= value < 1)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What every trained model has: the budget and the optimiser."""

    steps: int = _at_least(1)
    batch: int = _at_least(1)
    learning_rate: float = _above(0)
    warmup_steps: int = _at_least(0)
    weight_decay: float = _at_least(0)
    gradient_clip: float = _above(0)
    validate_every: int = _at_least(1)


@dataclass(frozen=True, kw_only=True)
class VQVAE:
    channels: int = _at_least(1)
    code_dim: int = _at_least(1)
    codes: int = _between(2, 32767)  # codes are stored as int16
    bands: list[int] = _check("whole numbers of 1 or more", lambda value: value and all(bands >= 1 for bands in value))
    commitment: float = _at_least(0)
    ema_decay: float = _check("from 0 to below 1", lambda value: 0 <= value < 1)
    revive_below: float = _at_least(0)
    codebook_after: int = _at_least(0)
    training: Training


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What every model that makes music has: a body encoder, a decoder, and the budget."""

    body_hidden: int = _at_least(1)
    body_layers: int = _at_least(1)
    layers: int = _at_least(1)
    width: int = _at_least(1)
    heads: int = _at_least(1)
    dropout: float = _check("from 0 to below 1", lambda value: 0 <= value < 1)
    training: Training


@dataclass(frozen=True, kw_only=True)
class Prior(Sizes):
    network: str = _one_of("transformer", "gru")
    content: bool
    body: str = _one_of("last_state", "gru", "convolutions")
    velocities: bool
    body_at_head: bool
    body_reach_s: float = _at_least(0)
    codes_hidden: float = _between(0, 0.5)
    onset_weight: float = _at_least(0)
    onset_companding: float = _above(0)
    movement_hidden: float = _check("from 0 to below 1", lambda value: 0 <= value < 1)


@dataclass(frozen=True, kw_only=True)
class Baseline(Sizes):
    network: str = _one_of("rnn", "graph_transformer")


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Every trained system: its base section with what it changes, under the name that its files bear."""

    vqvae: dict[str, VQVAE]
    prior: dict[str, Prior]
    baseline: dict[str, Baseline]


@dataclass(frozen=True, kw_only=True)
class Classifier:
    channels: int = _at_least(1)
    dropout: float = _check("from 0 to below 1", lambda value: 0 <= value < 1)
    training: Training


@dataclass(frozen=True, kw_only=True)
class Generate:
    samples: int = _at_least(1)
    repeats: int = _at_least(1)
    batch: int = _at_least(1)
    candidates: int = _at_least(1)
    temperature: float = _above(0)
    guidance: float = _at_least(0)
    wavs: int = _at_least(0)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    ndb_cells: int = _at_least(2)
    ndb_significance: float = _check("between 0 and 1, both excluded", lambda value: 0 < value < 1)
    ndb_dimensions: int = _at_least(1)
    training_windows: int = _at_least(2)
    knn_windows_per_track: int = _at_least(1)
    content_windows: int = _at_least(1)
    pitch_tolerance_cents: float = _above(0)
    onset_tolerance_s: float = _above(0)
    largest_lag_s: float = _above(0)
    confidence: float = _check("between 0 and 1, both excluded", lambda value: 0 < value < 1)


def _each(what: str, test: Callable[[float], bool]) -> Any:
    return _check(f"{what} each", lambda values: all(test(value) for value in values))


@dataclass(frozen=True, kw_only=True)
class Degrade:
    """How the movement is seen worse; an empty list: not in this way."""

    model: str
    windows: int = _at_least(1)
    noise: list[float] = _each("0 or more", lambda value: value >= 0)
    dropped: list[float] = _each("from 0 to below 1", lambda value: 0 <= value < 1)
    fps: list[float] = _each("more than 0", lambda value: value > 0)
    late_s: list[float] = _each("0 or more", lambda value: value >= 0)


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int = _at_least(0)
    compute: Compute
    corpus: Corpus
    studio: Studio
    keypoints: Keypoints
    motion: Motion
    audio: Audio
    notes: Notes
    windows: Windows
    split: Split
    vqvae: VQVAE
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
        ParamsError: the first unusable parameter, as one line that names the file, the key, the value and what is allowed.
    """
    try:
        # YAML 1.2, as DVC reads it: PyYAML's 1.1 takes 1e-4 for a string.
        tree = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; put a profile in place with: make profile name=demo") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        _fill_variants(tree)
        params = _build(Params, tree, "")
        _check_together(params)
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from None
    return params


Variant = TypeVar("Variant", VQVAE, Prior, Baseline)


def variant(variants: dict[str, Variant], name: str) -> Variant:
    """The parameters of a variant.

    Raises:
        ParamsError: there is none of that name.
    """
    if name not in variants:
        raise ParamsError(f"params.yaml has no variant {name!r} of this kind; there are: {', '.join(variants)}")
    return variants[name]


def _fill_variants(tree: Any) -> None:
    """Give every variant what it does not change of its base, the section of the same name."""
    variants = tree.get("variants") if isinstance(tree, dict) else None
    for kind, named in variants.items() if isinstance(variants, dict) else ():
        for name, changes in named.items() if isinstance(named, dict) else ():
            if isinstance(changes, dict) and isinstance(tree.get(kind), dict):
                base = tree[kind]
                named[name] = base | changes
                if isinstance(changes.get("training"), dict) and isinstance(base.get("training"), dict):
                    named[name]["training"] = base["training"] | changes["training"]


def _build(kind: Any, value: Any, key: str) -> Any:
    """Turn the YAML value at `key` into `kind`: a section's dataclass, a dict of them, a list, or a scalar."""
    if isinstance(kind, GenericAlias) and get_origin(kind) is dict:
        _, item_kind = get_args(kind)
        lists = get_origin(item_kind) is list  # of these there need not be any
        if not isinstance(value, dict) or not (value or lists):
            raise ParamsError(
                f"{key} = {value!r}: must be a section with a {'list by each name' if lists else 'section for each variant'}"
            )
        if len({type(name) for name in value}) > 1:
            raise ParamsError(f"{key} = {value!r}: must be named by numbers alone or by text alone, since DVC sorts it")
        return {str(name): _build(item_kind, item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(kind, GenericAlias):
        (item_kind,) = get_args(kind)
        if not isinstance(value, list):
            raise ParamsError(f"{key} = {value!r}: must be a list of {item_kind.__name__}")
        return [_build(item_kind, item, f"{key}[{i}]") for i, item in enumerate(value)]
    if not hasattr(kind, "__dataclass_fields__"):
        return _scalar(kind, value, key)
    if not isinstance(value, dict):
        raise ParamsError(f"{key or 'the file'} = {value!r}: must be a section with keys")
    prefix = f"{key}." if key else ""
    known = {f.name: f for f in fields(kind)}
    for name in value:
        if name not in known:
            raise ParamsError(f"{prefix}{name} = {value[name]!r}: unknown key; allowed here: {', '.join(known)}")
    types = get_type_hints(kind)
    built = {}
    for name, spec in known.items():
        if name not in value:
            raise ParamsError(f"{prefix}{name}: missing")
        built[name] = _build(types[name], value[name], prefix + name)
        if "test" in spec.metadata and not spec.metadata["test"](built[name]):
            raise ParamsError(f"{prefix}{name} = {value[name]!r}: must be {spec.metadata['allowed']}")
    return kind(**built)


def _scalar(kind: type, value: Any, key: str) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    # bool is an int to Python, never to the user; NaN and infinity pass every comparison one way or the other.
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        name = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}[kind.__name__]
        raise ParamsError(f"{key} = {value!r}: must be {name}")
    return value


def _check_together(params: Params) -> None:
    """Values that are fine alone and impossible together."""
    audio, variants = params.audio, params.variants
    sizes: dict[str, Sizes] = {"prior": params.prior, "baseline": params.baseline}
    for name, each in {**sizes, **_named("prior", variants.prior), **_named("baseline", variants.baseline)}.items():
        _check_sizes(name, each)
    for name, vqvae in {"vqvae": params.vqvae, **_named("vqvae", variants.vqvae)}.items():
        _check_vqvae(name, vqvae)
    for name, prior in _named("prior", variants.prior).items():
        if prior.network == "gru" and not prior.content:
            raise ParamsError(f"{name}.content = false: must be true, since the GRU reads the notes")
        if prior.network == "gru" and (
            prior.body != "last_state" or prior.body_at_head or prior.movement_hidden or prior.onset_weight
        ):
            raise ParamsError(f"{name}.network = 'gru': takes the body's last state alone, as the paper's does")
        if prior.content and prior.body_reach_s:
            raise ParamsError(
                f"{name}.body_reach_s = {prior.body_reach_s}: must be 0, since its layers attend to the notes"
            )
    if variants.prior.get(params.degrade.model) is None or variants.prior[params.degrade.model].content:
        raise ParamsError(f"degrade.model = {params.degrade.model!r}: must be a variant of prior without content")
    if params.corpus.player_order and params.corpus.name not in ("studio", "urmp"):
        raise ParamsError(
            f"corpus.player_order = {params.corpus.player_order}: must be {{}}, since corpus.name = {params.corpus.name} "
            "has no numbered players"
        )
    if params.notes.lowest_midi > params.notes.highest_midi:
        raise ParamsError(
            f"notes.lowest_midi = {params.notes.lowest_midi}: must not exceed notes.highest_midi = {params.notes.highest_midi}"
        )
    if params.evaluate.ndb_cells > params.evaluate.training_windows:
        raise ParamsError(
            f"evaluate.ndb_cells = {params.evaluate.ndb_cells}: must not exceed "
            f"evaluate.training_windows = {params.evaluate.training_windows}"
        )
    if params.windows.duration_s * min(params.motion.fps, audio.fps) < 2:
        raise ParamsError(
            f"windows.duration_s = {params.windows.duration_s}: a window must hold two frames of movement or more"
        )
    if audio.hop_length > audio.n_fft:
        raise ParamsError(f"audio.hop_length = {audio.hop_length}: must not exceed audio.n_fft = {audio.n_fft}")


def _named(kind: str, variants: dict[str, Variant]) -> dict[str, Variant]:
    return {f"variants.{kind}.{name}": variant for name, variant in variants.items()}


def _check_sizes(name: str, sizes: Sizes) -> None:
    if sizes.width % sizes.heads:
        raise ParamsError(f"{name}.heads = {sizes.heads}: must divide {name}.width = {sizes.width}")
    if sizes.width // sizes.heads % 2:
        raise ParamsError(
            f"{name}.heads = {sizes.heads}: {name}.width / {name}.heads must be even, since positions turn pairs"
        )
    if sizes.width <= 2 * sizes.body_hidden:
        raise ParamsError(
            f"{name}.width = {sizes.width}: must be more than 2 * {name}.body_hidden = {2 * sizes.body_hidden}, "
            "since the body's state is part of every step's vector"
        )


def _check_vqvae(name: str, vqvae: VQVAE) -> None:
    if vqvae.codebook_after >= vqvae.training.steps:
        raise ParamsError(
            f"{name}.codebook_after = {vqvae.codebook_after}: must be less than {name}.training.steps = {vqvae.training.steps}"
        )
    for bands in vqvae.bands:
        if vqvae.channels % bands:
            raise ParamsError(f"{name}.bands = {vqvae.bands}: each must divide {name}.channels = {vqvae.channels}")
