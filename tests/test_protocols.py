"""Every network keeps its protocol: mypy checks the assignments, and the tests call every method."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.keypoints.skeleton import BONES
from pipeline.models.graph_transformer import GraphTransformer
from pipeline.models.gru_seq2seq import GRUSeq2Seq
from pipeline.models.mi_net import MINet
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.protocols import CodeModel, SpectrogramModel
from pipeline.models.rnn_seq2seq import RNNSeq2Seq
from pipeline.training import baselines, priors

WINDOWS, FRAMES, STEPS, JOINTS, CODES, NOTES, BINS = 3, 8, 20, 47, 50, 30, 6
STATE, POSTURE = 8, 6  # 2 * body_hidden; of mi_net_sync, what its reader says
SIZES: dict[str, Any] = {"joints": JOINTS, "body_hidden": 4, "body_layers": 2, "layers": 2, "width": 32, "dropout": 0.1}
OF_CODES: dict[str, Any] = {"codes": CODES, **SIZES}
OF_TRANSFORMERS: dict[str, Any] = {"heads": 4, **OF_CODES}
READER: dict[str, Any] = {
    "codes": CODES,
    "joints": JOINTS,
    "width": 16,
    "layers": 2,
    "posture": POSTURE,
    "dropout": 0.1,
}
READER |= {"code_loss_weight": 0.5, "onset_companding": 4.0, "onset_scale": 1.0}
IN_TIME: dict[str, Any] = {"codes": CODES, "body_hidden": 4, "layers": 2, "width": 32, "heads": 4, "dropout": 0.1}
IN_TIME |= {"reader": READER, "posture_noise": 0.3, "token_dropout": 0.5, "condition_dropout": 0.1}

mi_net: CodeModel = MINet(notes=0, **OF_TRANSFORMERS).eval()
mi_net_content: CodeModel = MINet(notes=NOTES, **OF_TRANSFORMERS).eval()
mi_net_sync: CodeModel = MINetSync(notes=0, **IN_TIME).eval()
mi_net_sync_content: CodeModel = MINetSync(notes=NOTES, **IN_TIME).eval()
gru_content: CodeModel = GRUSeq2Seq(notes=NOTES, **OF_CODES).eval()
rnn_seq2seq: SpectrogramModel = RNNSeq2Seq(bins=BINS, own_past=0.0, **SIZES).eval()
graph_transformer: SpectrogramModel = GraphTransformer(bins=BINS, heads=4, edges=BONES, own_past=0.0, **SIZES).eval()

CODE_MODELS = {  # the model, and whether it reads notes and tells onsets
    "mi_net": (mi_net, False, False),
    "mi_net_content": (mi_net_content, True, False),
    "mi_net_sync": (mi_net_sync, False, True),
    "mi_net_sync_content": (mi_net_sync_content, True, True),
    "gru_content": (gru_content, True, False),
}
SPECTROGRAM_MODELS = {"rnn_seq2seq": rnn_seq2seq, "graph_transformer": graph_transformer}


def shape(tensor: Tensor) -> tuple[int, ...]:
    assert tensor.dtype == torch.float32
    assert torch.isfinite(tensor).all()
    assert tensor.std() > 0, "all values are the same"
    return tuple(tensor.shape)


def test_every_network_is_here() -> None:
    assert {type(model) for model, _, _ in CODE_MODELS.values()} == set(priors.NETWORKS.values())
    assert {type(model) for model in SPECTROGRAM_MODELS.values()} == set(baselines.NETWORKS.values())


@pytest.mark.parametrize("name", CODE_MODELS)
@torch.inference_mode()
def test_models_over_codes(name: str) -> None:
    model, reads_notes, tells_onsets = CODE_MODELS[name]
    motion, codes = torch.randn(WINDOWS, FRAMES, JOINTS, 2), torch.randint(CODES, (WINDOWS, STEPS))
    notes = torch.randint(NOTES, (WINDOWS, STEPS)) if reads_notes else None
    assert (model.start, model.reads_notes) == (CODES, reads_notes)
    assert shape(model.body_state(motion)) == (WINDOWS, POSTURE if tells_onsets else STATE)
    strength = model.onset_strength(motion, STEPS)
    assert (None if strength is None else shape(strength)) == ((WINDOWS, STEPS) if tells_onsets else None)
    assert shape(model.nll(codes, motion, notes)) == (WINDOWS, STEPS)
    for guidance in (1, 2):
        following = model.begin(motion, notes, STEPS, STEPS, guidance)
        assert shape(following(codes[:, :5])) == (WINDOWS, CODES)
        assert shape(following(codes[:, 5:6])) == (WINDOWS, CODES)


@pytest.mark.parametrize("name", SPECTROGRAM_MODELS)
@torch.inference_mode()
def test_models_that_write_spectrograms(name: str) -> None:
    model = SPECTROGRAM_MODELS[name]
    motion, spectrogram = torch.randn(WINDOWS, FRAMES, JOINTS, 2), torch.randn(WINDOWS, STEPS, BINS)
    assert shape(model.body_state(motion)) == (WINDOWS, STATE)
    assert shape(model.error(spectrogram, motion)) == (WINDOWS, STEPS)
    assert shape(model.generate(motion, STEPS)) == (WINDOWS, STEPS, BINS)
