"""The baselines: what they promise, as properties."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.keypoints.skeleton import BONES, JOINTS, NECK, PARENTS
from pipeline.models.graph_transformer import STGCN, GraphTransformer, STGCNBlock, adjacency
from pipeline.models.rnn_seq2seq import RNNSeq2Seq
from pipeline.models.transformer import rotary_angles
from pipeline.training import baselines, weights

BINS, MOVEMENT = 6, 11  # an odd number of movement frames, which a stride does not divide
SIZES = {
    "bins": BINS,
    "joints": JOINTS,
    "body_hidden": 4,
    "body_layers": 3,
    "layers": 2,
    "width": 16,
    "dropout": 0.1,
} | {"own_past": 0.5}
GRAPH = {"heads": 2, "edges": BONES}

Baseline = RNNSeq2Seq | GraphTransformer


def make(kind: type) -> Baseline:
    torch.manual_seed(0)
    return kind(**SIZES, **(GRAPH if kind is GraphTransformer else {}))


@pytest.fixture(params=[RNNSeq2Seq, GraphTransformer])
def baseline(request: pytest.FixtureRequest) -> Baseline:
    model = make(request.param)
    # Larger weights let a wrong step show, and statistics other than 0 and 1 a missing standardisation.
    for name, parameter in model.named_parameters():
        if not name.startswith("body"):
            torch.nn.init.normal_(parameter, std=0.3)
    model.standard.fit(3 + 2 * torch.randn(4, 20, BINS))
    return model.eval()


def decode(model: Baseline, before: Tensor, motion: Tensor, frames: int) -> Tensor:
    """Teacher forced, for a movement that lasts `frames`."""
    if isinstance(model, RNNSeq2Seq):
        return model.decode(before, model.body_state(motion))[0]
    return model.decode(before, model.memories(motion, frames))


def test_adjacency_is_that_of_the_skeleton() -> None:
    """Each joint hears itself, its parent and its children, in three partitions, and nobody else."""
    linked = adjacency(JOINTS, BONES)
    expected = np.eye(JOINTS)
    for parent, child in BONES:
        expected[parent, child] = expected[child, parent] = 1
    np.testing.assert_array_equal((linked > 0).sum(0), expected)  # A + I, no edge in two partitions
    itself, centripetal, centrifugal = linked
    assert torch.equal(itself, torch.eye(JOINTS))
    assert torch.equal(centripetal > 0, (centrifugal > 0).T)
    for joint, parent in enumerate(PARENTS):
        heard = centripetal[joint].nonzero()[:, 0].tolist()
        assert heard == ([] if joint == NECK else [parent])


def test_adjacency_is_normalised() -> None:
    """A row is an even mean over a joint's neighbours of a kind; the neck has none inwards, a fingertip none outwards."""
    linked = adjacency(JOINTS, BONES)
    leaves = set(range(JOINTS)) - set(PARENTS)
    sums = torch.ones(3, JOINTS)
    sums[1, NECK] = 0
    sums[2, list(leaves)] = 0
    torch.testing.assert_close(linked.sum(2), sums)
    assert linked[2, NECK][linked[2, NECK] > 0].tolist() == [0.5, 0.5]  # the shoulders


def test_every_joint_is_reached_from_the_neck() -> None:
    outwards = adjacency(JOINTS, BONES)[2] > 0
    reached = {NECK}
    while new := {int(joint) for near in reached for joint in outwards[near].nonzero()[:, 0]} - reached:
        reached |= new
    assert reached == set(range(JOINTS))


def test_graph_convolution_is_the_formula() -> None:
    """Sum over the partitions of W_k X (A_k * M_k), the kernel trick against the einsum (Yan et al. 2018, equation 10)."""
    torch.manual_seed(0)
    block = STGCNBlock(3, 5, adjacency(JOINTS, BONES), first=True).eval()
    torch.nn.init.normal_(block.importance)
    block.temporal, block.temporal_norm = torch.nn.Identity(), torch.nn.Identity()
    x = torch.randn(2, 3, 4, JOINTS)
    kernel = block.spatial.weight[:, :, 0]  # (C, inputs, 3)
    summed = torch.einsum("oik,kwv,bimv->bomw", kernel, block.adjacency * block.importance, x)
    torch.testing.assert_close(block(x), block.spatial_norm(summed).relu(), rtol=0, atol=1e-5)


def test_st_gcn_halves_the_frame_rate_once() -> None:
    body = STGCN(joints=JOINTS, edges=BONES, channels=8, layers=3)
    assert body(torch.randn(2, 100, JOINTS, 2)).shape == (2, 8, 50, JOINTS)
    assert body(torch.randn(2, 11, JOINTS, 2)).shape == (2, 8, 6, JOINTS)


def test_st_gcn_keeps_its_time_axis() -> None:
    """What happens at a movement frame is heard around the memory frame of the same time: kernels reach so far and no further."""
    torch.manual_seed(0)
    body = STGCN(joints=JOINTS, edges=BONES, channels=8, layers=2).eval()
    motion = torch.randn(1, 100, JOINTS, 2, requires_grad=True)
    body(motion)[0, :, 25].sum().backward()
    assert motion.grad is not None
    touched = motion.grad[0].abs().sum((1, 2)).nonzero()[:, 0].tolist()
    assert (min(touched), max(touched)) == (50 - 4 - 2 * 4, 50 + 4 + 2 * 4)


def test_a_joint_hears_its_neighbours_alone() -> None:
    """After one block; joints and coordinates that were mixed up on the way in would be heard from elsewhere."""
    torch.manual_seed(0)
    body = STGCN(joints=JOINTS, edges=BONES, channels=8, layers=1).eval()
    motion = torch.randn(1, MOVEMENT, JOINTS, 2, requires_grad=True)
    linked = adjacency(JOINTS, BONES).sum(0) > 0
    for joint in range(JOINTS):
        (gradient,) = torch.autograd.grad(body(motion)[..., joint].sum(), motion)
        assert torch.equal(gradient[0].abs().sum((0, 2)) > 0, linked[joint])


def test_decoder_is_causal(baseline: Baseline) -> None:
    """No gradient reaches a later frame, and every earlier one is reached."""
    before, motion = torch.randn(1, 12, BINS, requires_grad=True), torch.randn(1, MOVEMENT, JOINTS, 2)
    for step in (0, 5, 11):
        (gradient,) = torch.autograd.grad(decode(baseline, before, motion, 12)[0, step].sum(), before)
        reached = gradient[0].abs().sum(1) > 0
        assert reached.tolist() == [position <= step for position in range(12)]


def test_frame_t_is_expected_from_the_frames_before_it(baseline: Baseline) -> None:
    """An input shifted the wrong way would let a step see its own answer: then the loss would not be a distance to each frame."""
    spectrogram, motion = torch.rand(1, 20, BINS, requires_grad=True), torch.randn(1, MOVEMENT, JOINTS, 2)
    before = torch.nn.functional.pad(baseline.standard(spectrogram)[:, :-1], (0, 0, 1, 0))
    expected = decode(baseline, before, motion, 20) * baseline.standard.std + baseline.standard.mean
    (gradient,) = torch.autograd.grad(expected[0, 10].sum(), spectrogram)
    assert gradient[0].abs().sum(1).nonzero()[:, 0].tolist() == list(range(10))
    error = (expected - spectrogram).square().mean(-1)
    torch.testing.assert_close(baseline.error(spectrogram, motion), error)
    torch.testing.assert_close(baseline(spectrogram, motion)["loss"], error.mean() / baseline.standard.std**2)


def test_a_longer_window_begins_as_a_shorter_one(baseline: Baseline) -> None:
    before, motion = torch.randn(2, 20, BINS), torch.randn(2, MOVEMENT, JOINTS, 2)
    whole, first = decode(baseline, before, motion, 20), decode(baseline, before[:, :9], motion, 20)
    torch.testing.assert_close(whole[:, :9], first, rtol=0, atol=1e-5)


def test_generate_equals_the_loop_without_cache(baseline: Baseline) -> None:
    """Each frame from all that were generated before it, computed anew."""
    motion = torch.randn(3, MOVEMENT, JOINTS, 2)
    before = torch.zeros(3, 1, BINS)
    with torch.no_grad():
        for _ in range(20):
            before = torch.cat([before, baseline.standard.cut(decode(baseline, before, motion, 20)[:, -1:])], dim=1)
        made = baseline.generate(motion, 20)
    assert made.shape == (3, 20, BINS)
    torch.testing.assert_close(made, baseline.standard.restore(before[:, 1:]), rtol=0, atol=1e-5)


def test_generating_needs_evaluation_mode(baseline: Baseline) -> None:
    motion = torch.randn(1, MOVEMENT, JOINTS, 2)
    assert torch.equal(baseline.generate(motion, 5), baseline.generate(motion, 5))
    with pytest.raises(AssertionError, match="dropout"):
        baseline.train().generate(motion, 5)


def test_its_own_past_is_what_it_would_generate(baseline: Baseline) -> None:
    """A step of the training on its own frames sees what generation sees: the recorded frames are the target alone."""
    spectrogram, motion = torch.rand(2, 20, BINS, requires_grad=True), torch.randn(2, MOVEMENT, JOINTS, 2)
    made = baseline.standard(baseline.generate(motion, 20))
    before = torch.nn.functional.pad(made[:, :-1], (0, 0, 1, 0))
    error = baseline.standard.restore(decode(baseline, before, motion, 20)) - spectrogram
    found = baseline.error(spectrogram, motion, own_past=True)
    torch.testing.assert_close(found, error.square().mean(-1))
    (gradient,) = torch.autograd.grad(found[0, 10], spectrogram)
    assert gradient[0].abs().sum(1).nonzero()[:, 0].tolist() == [10]


def test_its_own_past_belongs_to_training(baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    """In so many steps, never in validation; and the model is in training mode after it."""
    asked: list[bool] = []

    def error(spectrogram: Tensor, motion: Tensor, own_past: bool) -> Tensor:
        asked.append(own_past)
        return type(baseline).error(baseline, spectrogram, motion, own_past)

    monkeypatch.setattr(baseline, "error", error)
    spectrogram, motion = torch.rand(2, 4, BINS), torch.randn(2, MOVEMENT, JOINTS, 2)
    for share, expected in ((0.0, {False}), (1.0, {True}), (0.5, {False, True})):
        baseline.own_past = share
        asked.clear()
        for _ in range(30):
            baseline.train()(spectrogram, motion)
            assert all(module.training for module in baseline.modules())
        assert set(asked) == expected
    asked.clear()
    baseline.eval()(spectrogram, motion)
    assert asked == [False]


def test_a_batch_equals_its_samples(baseline: Baseline) -> None:
    """Batch normalisation must not let windows hear each other, once it is trained."""
    spectrogram, motion = torch.randn(5, 20, BINS), torch.randn(5, MOVEMENT, JOINTS, 2)
    baseline.train()(spectrogram, motion)  # running means that are not zero
    baseline.eval()
    alone = [baseline(spectrogram[i : i + 1], motion[i : i + 1])["loss"] for i in range(5)]
    torch.testing.assert_close(baseline(spectrogram, motion)["loss"], torch.stack(alone).mean(), rtol=0, atol=1e-5)
    made = torch.cat([baseline.generate(motion[i : i + 1], 10) for i in range(5)])
    torch.testing.assert_close(baseline.generate(motion, 10), made, rtol=0, atol=1e-5)
    states = torch.cat([baseline.body_state(motion[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(baseline.body_state(motion), states, rtol=0, atol=1e-5)


def test_the_whole_movement_reaches_the_body_state_and_the_sound(baseline: Baseline) -> None:
    """Every frame and every joint, though a stride steps over every other frame."""
    motion = torch.randn(1, 51, JOINTS, 2, requires_grad=True)  # longer than what one frame of the memory sees
    state = baseline.body_state(motion)
    assert state.shape == (1, 2 * SIZES["body_hidden"])
    for reads in (state.sum(), baseline(torch.randn(1, 20, BINS), motion)["loss"]):
        (gradient,) = torch.autograd.grad(reads, motion)
        assert gradient[0].abs().sum((1, 2)).all()
        assert gradient[0].abs().sum((0, 2)).all()


def test_cross_attention_shares_one_time_axis() -> None:
    """Keys of movement at second s lie where the spectrogram frame of second s lies: rotated by the same angle as its query."""
    model = make(GraphTransformer).eval()
    motion = torch.randn(1, 100, JOINTS, 2)
    (keys, _), *_ = model.memories(motion, 250)
    memory = model.memory(model.body(motion).mean(3).transpose(1, 2))  # (1, 50, W)
    for index in (0, 10, 49):  # the memory has 12.5 frames a second, the spectrogram 62.5
        angles = rotary_angles(torch.full((50,), 5 * index), memory.shape[2] // model.transformer.heads)
        rotated, _ = model.transformer.blocks[0].cross_attention.keys_values(memory, angles)
        torch.testing.assert_close(keys[:, :, index], rotated[:, :, index])


@pytest.mark.parametrize("kind", [RNNSeq2Seq, GraphTransformer])
def test_learns_frames_that_depend_on_the_movement(kind: type) -> None:
    """Two movements, two tones: far below the error of the mean frame, generated frames too."""
    model = make(kind)
    side = torch.tensor([1.0, -1.0] * 4)
    motion = 0.1 * torch.randn(8, MOVEMENT, JOINTS, 2) + side[:, None, None, None]
    tone = torch.randn(BINS)
    spectrogram = (side[:, None, None] * tone).expand(8, 20, BINS) + 0.1 * torch.randn(8, 20, BINS)
    model.standard.fit(spectrogram)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(40):
        loss = model(spectrogram, motion)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert model(spectrogram, motion)["loss"] < 0.2
    assert (model.generate(motion, 20) - spectrogram).square().mean() < 0.2 * model.standard.std**2


def test_survives_its_files(baseline: Baseline, tmp_path: Path) -> None:
    """The edges pass through JSON, and what is made from them is not stored."""
    network, more = ("graph_transformer", GRAPH) if isinstance(baseline, GraphTransformer) else ("rnn_seq2seq", {})
    weights.save(tmp_path, baseline, weights.Config(network, "fp32", SIZES | more))
    loaded = baselines.load(tmp_path)
    motion = torch.randn(2, MOVEMENT, JOINTS, 2)
    assert torch.equal(loaded.generate(motion, 5), baseline.generate(motion, 5))
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["sizes"]["joints"] == JOINTS
