"""The models over codes by the name of their network: what they read, how they are made, and how they are loaded."""

from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.gru_content import GRUSeq2Seq
from pipeline.models.prior import Prior
from pipeline.training import weights

Model = Prior | GRUSeq2Seq


def sources(settings: params.Params, chosen: params.Prior | None = None) -> dict[str, Source]:
    """What a prior's windows hold, under the names of its `forward`; without a prior, what they all hold.

    The first says where windows may start. One that is told of the movement step by step is told when it is, to less than a frame.
    """
    in_time = chosen is not None and chosen.body != "last_state"
    found = {
        "codes": Source(Shards("data/codes"), "codes", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps, between=in_time),
    }
    if chosen is not None and chosen.content:
        found["notes"] = Source(Shards("data/notes"), "notes", settings.audio.fps)
    return found


def onset_strength(settings: params.Params) -> dict[str, Source]:
    """What those with an onset weight are trained on as well."""
    return {"onset_strength": Source(Shards("data/codes"), "onset_strength", settings.audio.fps)}


def make(chosen: params.Prior, settings: params.Params) -> tuple[Model, dict[str, Any]]:
    """An untrained model, and the keyword arguments that it was made with."""
    sizes: dict[str, Any] = {
        "codes": settings.vqvae.codes,
        "joints": JOINTS,
        "notes": settings.notes.indices if chosen.content else 0,
    }
    for name in ("body_hidden", "body_layers", "layers", "width", "dropout"):
        sizes[name] = getattr(chosen, name)
    if chosen.network == "gru":
        return GRUSeq2Seq(**sizes), sizes
    for name in ("heads", "body", "velocities", "body_at_head"):
        sizes[name] = getattr(chosen, name)
    for name in ("codes_hidden", "movement_hidden", "onset_weight", "onset_companding"):
        sizes[name] = getattr(chosen, name)
    sizes["body_reach"] = round(chosen.body_reach_s * settings.audio.fps)
    return Prior(**sizes), sizes


def load(folder: str | Path) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    # Only a transformer has heads.
    transformer = "heads" in weights.config(folder)
    return weights.load(folder, Prior) if transformer else weights.load(folder, GRUSeq2Seq)
