"""The models over codes by the name of their network: what they read, how they are built, and how they are loaded."""

from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.dataset.artifacts import CODES, MODELS, MOTION, NOTES
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.gru_seq2seq import GRUSeq2Seq
from pipeline.models.mi_net import MINet
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.movement_reader import MovementReader
from pipeline.training import weights

Model = MINet | MINetSync | GRUSeq2Seq
NETWORKS: dict[str, type[Model]] = {"mi_net": MINet, "mi_net_sync": MINetSync, "gru_seq2seq": GRUSeq2Seq}
SIZES = ("body_hidden", "body_layers", "layers", "width", "dropout")
OF_TRANSFORMERS = (*SIZES, "heads")
IN_TIME = ("body_hidden", "layers", "width", "dropout", "heads", "posture_noise", "token_dropout", "condition_dropout")
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


def untrained(settings: params.Params, chosen: params.Prior) -> tuple[Model, dict[str, Any]]:
    """A new model, and the keyword arguments of its class. One of `mi_net_sync` reads the movement by `hold_reader`."""
    sizes: dict[str, Any] = {
        "codes": settings.vqvae.codes,
        "notes": settings.notes.indices if chosen.content else 0,
    }
    sizes |= {name: getattr(chosen, name) for name in TAKES[chosen.network]}
    if chosen.network == "mi_net_sync":
        sizes["reader"] = weights.config(MODELS / "reader").sizes
    else:
        sizes["joints"] = JOINTS
    return NETWORKS[chosen.network](**sizes), sizes


def hold_reader(model: Model) -> None:
    """Put the trained movement reader into a model of `mi_net_sync`. No other model has one."""
    if isinstance(model, MINetSync):
        reader = weights.load(MODELS / "reader", {"reader": MovementReader})
        model.reader.load_state_dict(reader.state_dict())


def load(folder: str | Path) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    return weights.load(folder, NETWORKS)
