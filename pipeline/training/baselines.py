"""The models that write spectrograms by the name of their network: what they read, how they are built, and how they are loaded."""

from pathlib import Path
from typing import Any

from pipeline import params
from pipeline.dataset.artifacts import MOTION, SPECTROGRAMS
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source
from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.models.graph_transformer import GraphTransformer
from pipeline.models.rnn_seq2seq import RNNSeq2Seq
from pipeline.training import weights

Model = RNNSeq2Seq | GraphTransformer
NETWORKS: dict[str, type[Model]] = {"rnn_seq2seq": RNNSeq2Seq, "graph_transformer": GraphTransformer}


def sources(settings: params.Params) -> dict[str, Source]:
    """What a baseline's windows hold, under the names of its `forward`; the first says where windows may start."""
    return {
        "spectrogram": Source(Shards(SPECTROGRAMS), "spectrogram", settings.audio.fps),
        "motion": Source(Shards(MOTION), "motion", settings.motion.fps),
    }


def sizes(settings: params.Params, chosen: params.Baseline) -> dict[str, Any]:
    """The keyword arguments of the baseline's class."""
    found: dict[str, Any] = {"bins": settings.audio.n_fft // 2, "joints": JOINTS}
    names = ("body_hidden", "body_layers", "layers", "width", "dropout", "own_past")
    found |= {name: getattr(chosen, name) for name in names}
    if chosen.network == "graph_transformer":
        found |= {"heads": chosen.heads, "edges": BONES}
    return found


def load(folder: str | Path) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    return weights.load(folder, NETWORKS)
