"""The models over codes by the name of their network: what they read, how they are built, and how they are loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import params
from pipeline.dataset.artifacts import CODES, MOTION, NOTES
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.gru_seq2seq import GRUSeq2Seq
from pipeline.models.mi_net import MINet
from pipeline.models.mi_net_sync import MINetSync
from pipeline.training import weights

Model = MINet | MINetSync | GRUSeq2Seq
NETWORKS: dict[str, type[Model]] = {"mi_net": MINet, "mi_net_sync": MINetSync, "gru_seq2seq": GRUSeq2Seq}
SIZES = ("body_hidden", "body_layers", "layers", "width", "dropout")
OF_TRANSFORMERS = (*SIZES, "heads")
IN_TIME = (*OF_TRANSFORMERS, "token_dropout", "condition_dropout", "auxiliary_loss_weight", "onset_companding")
TAKES = {"mi_net": OF_TRANSFORMERS, "mi_net_sync": IN_TIME, "gru_seq2seq": SIZES}  # of the variant's parameters


def sources(settings: params.Params, chosen: params.Prior | None = None) -> dict[str, Source]:
    """What a prior's windows hold, under the names of its `nll`; without a prior, what they all hold.

    The first source says where windows may start. For `mi_net_sync`, movement is interpolated to start exactly there.
    """
    in_time = chosen is not None and chosen.network == "mi_net_sync"
    found = {
        "codes": Source(Shards(CODES), "codes", settings.audio.fps),
        "motion": Source(Shards(MOTION), "motion", settings.motion.fps, between=in_time),
    }
    if chosen is not None and chosen.content:
        found["notes"] = Source(Shards(NOTES), "notes", settings.audio.fps)
    return found


def training_sources(settings: params.Params, chosen: params.Prior) -> dict[str, Source]:
    """What a prior's training windows hold, under the names of its `forward`."""
    found = sources(settings, chosen)
    if chosen.network == "mi_net_sync":
        found["onset_strength"] = Source(Shards(CODES), "onset_strength", settings.audio.fps)
    return found


def sizes(settings: params.Params, chosen: params.Prior, tracks: Sequence[str]) -> dict[str, Any]:
    """The keyword arguments of the prior's class.

    Args:
        tracks: the training tracks, whose onsets give `onset_scale`.
    """
    found: dict[str, Any] = {
        "codes": settings.vqvae.codes,
        "joints": JOINTS,
        "notes": settings.notes.indices if chosen.content else 0,
    }
    found |= {name: getattr(chosen, name) for name in TAKES[chosen.network]}
    if chosen.network == "mi_net_sync":
        codes = Shards(CODES)
        strength = np.concatenate([codes.rows("onset_strength", track) for track in tracks if track in codes])
        found["onset_scale"] = max(float(strength.std(dtype=np.float64)), 1e-6)
    return found


def load(folder: str | Path) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    return weights.load(folder, NETWORKS)
