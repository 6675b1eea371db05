"""The models that write spectrograms by the name of their network: what they read, how they are made, and how they are loaded."""

from dataclasses import asdict
from typing import Any

from pipeline import params
from pipeline.dataset.shards import Shards
from pipeline.dataset.windows import Source
from pipeline.keypoints.skeleton import BONES, JOINTS
from pipeline.models.graph_transformer import GraphTransformer
from pipeline.models.rnn_seq2seq import RNNSeq2Seq
from pipeline.training import weights

Model = RNNSeq2Seq | GraphTransformer


def sources(settings: params.Params) -> dict[str, Source]:
    """What a baseline's windows hold, under the names of its `forward`; the first says where windows may start."""
    return {
        "spectrogram": Source(Shards("data/spectrograms"), "spectrogram", settings.audio.fps),
        "motion": Source(Shards("data/motion"), "motion", settings.motion.fps),
    }


def make(chosen: params.Baseline, settings: params.Params) -> tuple[Model, dict[str, Any]]:
    """An untrained model, and the keyword arguments that it was made with."""
    config = {name: value for name, value in asdict(chosen).items() if name not in ("network", "training")}
    config |= {"bins": settings.audio.n_fft // 2, "joints": JOINTS}
    if chosen.network == "rnn":
        del config["heads"]  # it has no attention
        return RNNSeq2Seq(**config), config
    config["edges"] = BONES
    return GraphTransformer(**config), config


def load(name: str, chosen: params.Baseline) -> Model:
    """A trained model, in evaluation mode, on the CPU."""
    folder = f"models/{name}"
    return weights.load(folder, RNNSeq2Seq) if chosen.network == "rnn" else weights.load(folder, GraphTransformer)
