"""The models over codes by the name of their network: what they read, how they are made, and how they are loaded."""

from dataclasses import asdict
from typing import Any

from pipeline import params, weights
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.gru_content import GRUSeq2Seq
from pipeline.models.prior import Prior
from pipeline.shards import Shards
from pipeline.windows import Source

Model = Prior | GRUSeq2Seq


def sources(settings: params.Params, *, content: bool) -> dict[str, Source]:
    """What a prior's windows hold, under the names of its `forward`; the first says where windows may start."""
    found = {
        "codes": Source(Shards("data/codes"), "codes", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }
    if content:
        found["notes"] = Source(Shards("data/notes"), "notes", settings.audio.fps)
    return found


def make(chosen: params.Prior, settings: params.Params) -> tuple[Model, dict[str, Any]]:
    """An untrained model, and the keyword arguments that it was made with."""
    config = {
        name: value for name, value in asdict(chosen).items() if name not in ("network", "content", "training")
    } | {"codes": settings.vqvae.codes, "joints": JOINTS, "notes": settings.notes.indices if chosen.content else 0}
    if chosen.network == "gru":
        del config["heads"]
        return GRUSeq2Seq(**config), config
    return Prior(**config), config


def load(name: str, chosen: params.Prior) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    folder = f"models/{name}"
    return weights.load(folder, GRUSeq2Seq) if chosen.network == "gru" else weights.load(folder, Prior)
