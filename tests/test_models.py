"""The models: what the paper's equations promise, as properties."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from pipeline.models.gru_seq2seq import GRUSeq2Seq
from pipeline.models.mi_net import BodyEncoder, MINet
from pipeline.models.mi_net_sync import KERNEL, MINetSync
from pipeline.models.standard import FLOOR, Standard
from pipeline.models.transformer import Block
from pipeline.models.vqvae import VQVAE, Codebook, MultiBandBlock
from pipeline.sampling import codec, sampler
from pipeline.sampling.sampler import Rerank, Sampling, draw, sample
from pipeline.training.priors import Model

Lively = TypeVar("Lively", bound=torch.nn.Module)


@pytest.fixture
def vqvae() -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(
        bins=32, channels=16, code_dim=8, codes=24, bands=[4, 2], commitment=0.25, ema_decay=0.9, revive_below=0.1
    )


def lively(model: Lively) -> Lively:
    """An untrained head says the same at every step; larger weights let a wrong step show."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def without_dropout(model: Lively) -> Lively:
    """In training mode, but nothing is dropped by chance."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


SIZES = {"codes": 50, "joints": 5, "body_hidden": 4, "body_layers": 3, "layers": 2, "width": 32, "dropout": 0.1}
READER = {"codes": 50, "joints": 5, "width": 16, "layers": 2, "posture": 4, "dropout": 0.1}
READER |= {"code_loss_weight": 0.5, "onset_companding": 4.0, "onset_scale": 1.0}
IN_TIME = {"codes": 50, "body_hidden": 4, "layers": 2, "width": 32, "heads": 4, "dropout": 0.1, "reader": READER}


def mi_net(notes: int = 0) -> MINet:
    torch.manual_seed(0)
    return lively(MINet(notes=notes, heads=4, **SIZES))


def mi_net_sync(notes: int = 0, **changes: float) -> MINetSync:
    torch.manual_seed(0)
    training: dict[str, Any] = {"posture_noise": 0.0, "token_dropout": 0.0, "condition_dropout": 0.0}
    return lively(MINetSync(notes=notes, **IN_TIME, **(training | changes)))


def gru_seq2seq(notes: int = 30) -> GRUSeq2Seq:
    torch.manual_seed(0)
    return lively(GRUSeq2Seq(notes=notes, **SIZES))


KINDS: dict[str, Callable[[], Model]] = {
    "mi_net": mi_net,
    "mi_net with content": partial(mi_net, 30),
    "mi_net_sync": mi_net_sync,
    "mi_net_sync with content": partial(mi_net_sync, 30),
    "gru_seq2seq with content": gru_seq2seq,
}


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> Model:
    """Every kind of model over codes."""
    return KINDS[request.param]()


def conditions(model: Model, batch: int, steps: int) -> tuple[Tensor, Tensor | None]:
    """Random movement, and random notes for a model that reads them."""
    return torch.randn(batch, 8, 5, 2), torch.randint(30, (batch, steps)) if model.reads_notes else None


def all_logits(model: Model, before: Tensor, motion: Tensor, notes: Tensor | None, steps: int = 0) -> Tensor:
    """Scores (B, T, K) of every step at once, without a cache, for a movement that lasts `steps`, or T if it is 0."""
    if isinstance(model, GRUSeq2Seq):
        assert notes is not None
        h = model.body_state(motion)
        return model.decode(before, h, *model.encode(notes, h))[0]
    if isinstance(model, MINet):
        h = model.body_state(motion)
        return model.logits(before, h, model.memories(notes, h))
    body = model.body(motion, steps or before.shape[1])
    return model.logits(before, body[:, : before.shape[1]], model.memories(notes, body))


@torch.inference_mode()
def sample_slowly(model: Model, motion: Tensor, notes: Tensor | None, steps: int, seed: int) -> Tensor:
    """The oracle of sampling: each code is drawn from the scores of a new pass over all the codes before it."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.full((len(motion), 1), model.start)
    for _ in range(steps):
        share = torch.softmax(all_logits(model, codes, motion, notes, steps)[:, -1], -1).cumsum(-1)
        chosen = torch.rand(len(motion), 1, generator=generator) * share[:, -1:]
        codes = torch.cat([codes, (share <= chosen).sum(1, keepdim=True)], dim=1)
    return codes[:, 1:]


def test_nothing_lies_below_the_floor_and_what_does_is_no_error() -> None:
    """The error is that of the restored spectrogram, but a bin that is too low where the recording is not must learn."""
    torch.manual_seed(0)
    spectrogram = torch.randn(4, 50, 6).clamp(min=FLOOR)
    standard = Standard(6)
    standard.fit(spectrogram)
    x, made = standard(spectrogram), torch.randn(4, 50, 6, requires_grad=True)
    torch.testing.assert_close(standard.restore(x), spectrogram)
    restored = standard.restore(made)
    assert restored.min() == FLOOR
    torch.testing.assert_close(standard.restore(standard.cut(made)), restored)
    error = standard.squared_error(made, x)
    silent, low = spectrogram == FLOOR, made < standard.cut(made)
    assert all(case.any() for case in (silent & low, silent & ~low, ~silent & low, ~silent & ~low))
    after = ((restored - spectrogram) / standard.std).square()
    torch.testing.assert_close(error[silent | ~low], after[silent | ~low])
    error.sum().backward()
    assert (made.grad[~silent & low] < 0).all()


def test_bands_do_not_mix() -> None:
    """A multi-band block treats each band of channels by itself; a plain one does not."""
    for bands, others_reached in ((4, False), (1, True)):
        block = MultiBandBlock(16, bands)
        x = torch.randn(1, 16, 20, requires_grad=True)
        block(x)[:, :4].sum().backward()
        assert x.grad is not None
        assert bool(x.grad[:, 4:].any()) is others_reached


@pytest.mark.parametrize("bands", [1, 4])
def test_a_multi_band_block_is_the_formula(bands: int) -> None:
    """x + Conv1d(ReLU(Conv1d(x))) of each band by itself (paper, section 3.1)."""
    torch.manual_seed(0)
    block, x = MultiBandBlock(16, bands), torch.randn(2, 16, 20)

    def convolved(x: Tensor, convolution: torch.nn.Conv1d, band: slice) -> Tensor:
        assert convolution.bias is not None
        return F.conv1d(x, convolution.weight[band], convolution.bias[band], padding=1)

    made = block(x)
    for first in range(0, 16, 16 // bands):
        band = slice(first, first + 16 // bands)
        expected = x[:, band] + convolved(convolved(x[:, band], block.first, band).clamp(min=0), block.second, band)
        torch.testing.assert_close(made[:, band], expected)


def test_the_feed_forward_is_the_formula() -> None:
    """max(0, x W1 + b1) W2 + b2 (paper, section 3.2)."""
    torch.manual_seed(0)
    block, x = Block(16, 2, 0.0, cross=False), torch.randn(2, 20, 16)
    first, _, second = block.feed
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(block.feed(x), hidden @ second.weight.T + second.bias)


def test_one_code_a_frame(vqvae: VQVAE) -> None:
    spectrogram = torch.randn(3, 40, 32)
    vqvae.init_codebook(spectrogram)
    codes = vqvae.encode(spectrogram)
    assert codes.shape == (3, 40)
    assert vqvae.decode(codes).shape == spectrogram.shape


def test_the_receptive_field_is_what_a_code_depends_on(vqvae: VQVAE) -> None:
    """Encoding and decoding in chunks rely on it."""
    x = torch.randn(1, 60, 32, requires_grad=True)
    vqvae.embed(x)[0, 30].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(1).nonzero()[:, 0]
    assert (touched.min(), touched.max()) == (30 - vqvae.receptive_field, 30 + vqvae.receptive_field)


@pytest.mark.parametrize("frames", [1, 63, 64, 65, 200])
def test_a_track_in_chunks_has_the_codes_of_the_whole(
    vqvae: VQVAE, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    monkeypatch.setattr(codec, "CHUNK", 64)
    spectrogram = np.random.default_rng(0).normal(size=(frames, 32)).astype(np.float32)
    vqvae.init_codebook(torch.from_numpy(spectrogram)[None])
    whole = vqvae.encode(torch.from_numpy(spectrogram)[None])[0].numpy()
    np.testing.assert_array_equal(codec.encode(vqvae, spectrogram), whole)


@pytest.mark.parametrize("frames", [1, 63, 64, 65, 200])
def test_a_track_decoded_in_chunks_is_the_whole(vqvae: VQVAE, monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    """Chunks without overlap would differ from it at their edges."""
    monkeypatch.setattr(codec, "CHUNK", 64)
    vqvae.init_codebook(torch.randn(4, 60, 32))
    codes = np.random.default_rng(0).integers(24, size=frames)
    made = codec.decode_long(vqvae, codes)
    assert made.shape == (frames, 32)
    np.testing.assert_allclose(made, codec.decode(vqvae, codes[None])[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 63, 64, 65, 200])
def test_a_track_without_codes_in_chunks_is_the_whole(
    vqvae: VQVAE, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    """Encoder and decoder follow each other, so chunks must overlap by both their receptive fields."""
    monkeypatch.setattr(codec, "CHUNK", 64)
    spectrogram = np.random.default_rng(0).normal(size=(frames, 32)).astype(np.float32)
    made = codec.unquantised(lively(vqvae), spectrogram)
    assert made.shape == (frames, 32) and made.dtype == np.float32
    with torch.inference_mode():
        x = vqvae.standard(torch.from_numpy(spectrogram)[None])
        whole = vqvae.standard.restore(vqvae.reconstruct(vqvae.embed(x)))[0].numpy()
    np.testing.assert_allclose(made, whole, rtol=0, atol=1e-5 * np.abs(whole).max())


def test_with_a_code_for_every_frame_quantising_changes_nothing() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"bins": 32, "channels": 16, "code_dim": 8, "codes": 200, "bands": [4, 2]}
    model = VQVAE(**sizes, commitment=0.25, ema_decay=0.9, revive_below=0.1).eval()
    spectrogram = np.random.default_rng(0).normal(size=(200, 32)).astype(np.float32)
    with torch.inference_mode():
        model.codebook.codes.copy_(model.embed(model.standard(torch.from_numpy(spectrogram)[None]))[0])
    codes = codec.encode(model, spectrogram)
    made = codec.unquantised(model, spectrogram)
    np.testing.assert_allclose(codec.decode_long(model, codes), made, rtol=0, atol=1e-5)
    one = codec.decode_long(model, np.zeros_like(codes))
    assert np.abs(one - made).max() > 0.01, "codes make no difference to this model"


def test_nearest_is_the_nearest() -> None:
    codebook = Codebook(30, 8, 0.9, 0.1)
    codebook.codes.normal_()
    e = torch.randn(100, 8)
    assert torch.equal(codebook.nearest(e), torch.cdist(e, codebook.codes).argmin(1))


def test_moving_averages_are_the_formula() -> None:
    """N <- d N + (1 - d) n, m <- d m + (1 - d) sum e, c = m / N (van den Oord et al. 2017, appendix A.1)."""
    codebook = Codebook(2, 1, ema_decay=0.9, revive_below=0.0)
    codebook.uses.copy_(torch.tensor([10.0, 5.0]))
    codebook.sums.copy_(torch.tensor([[10.0], [-5.0]]))
    codebook.ema_update(torch.tensor([[2.0], [4.0], [-3.0]]), torch.tensor([0, 0, 1]))
    torch.testing.assert_close(codebook.uses, torch.tensor([9.2, 4.6]))
    torch.testing.assert_close(codebook.codes, torch.tensor([[9.6 / 9.2], [-4.8 / 4.6]]))


def test_a_revived_code_stays_revived() -> None:
    """A known mistake: a code that is moved without its averages jumps back at the next step."""
    torch.manual_seed(0)
    codebook = Codebook(4, 2, ema_decay=0.5, revive_below=0.1)
    codebook.init_kmeans(torch.randn(100, 2))
    codebook.codes[3] = 1000.0
    codebook.sums[3], codebook.uses[3] = 0.0, 0.0
    e = torch.randn(100, 2)
    codebook.ema_update(e, codebook.nearest(e))
    revived = codebook.codes[3].clone()
    assert any(torch.equal(revived, row) for row in e)
    codebook.ema_update(e, codebook.nearest(e))
    assert (codebook.codes[3] - revived).norm() < 3
    assert torch.equal(codebook.codes, codebook.sums / codebook.uses[:, None])


def test_k_means_start_finds_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 9.0], [9.0, 0.0], [-9.0, -9.0]])
    codebook = Codebook(60, 2, 0.9, 0.1)
    codebook.init_kmeans(centres.repeat(100, 1) + 0.1 * torch.randn(300, 2))
    assert torch.cdist(codebook.codes, centres).min(1).values.max() < 1


def test_vqvae_learns_and_uses_its_codes(vqvae: VQVAE) -> None:
    """Thirty steps on twelve repeating frames: the error falls below the variance, and the decoder needs the codes."""
    data = torch.randn(12, 32)
    spectrogram = data[torch.randint(12, (8, 40))]
    vqvae.standard.fit(spectrogram)
    vqvae.init_codebook(spectrogram)
    optimizer = torch.optim.AdamW(vqvae.parameters(), 1e-2)
    errors = []
    for _ in range(60):
        scalars = vqvae(spectrogram)
        optimizer.zero_grad()
        scalars["loss"].backward()
        optimizer.step()
        errors.append(scalars["mse"].item())
    assert errors[-1] < 0.3 * errors[0]
    assert scalars["perplexity"] > 6


def test_what_is_watched_has_the_same_names_before_the_codebook_and_after(vqvae: VQVAE) -> None:
    """Or a column of the history would be empty."""
    spectrogram = torch.randn(2, 30, 32)
    before = list(vqvae(spectrogram))
    vqvae.init_codebook(spectrogram)
    assert list(vqvae(spectrogram)) == before


def test_straight_through_reaches_the_encoder(vqvae: VQVAE) -> None:
    spectrogram = torch.randn(2, 30, 32)
    vqvae.init_codebook(spectrogram)
    vqvae(spectrogram)["mse"].backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in vqvae.encoder.parameters())


def test_models_over_codes_are_causal(model: Model) -> None:
    """No gradient reaches a later step, and every earlier one is reached."""
    motion, notes = conditions(model, 1, 12)
    embedded = torch.randn(1, 12, model.embedding.embedding_dim, requires_grad=True)
    model.embedding = torch.nn.Identity()  # type: ignore[assignment]
    for step in (0, 5, 11):
        (gradient,) = torch.autograd.grad(all_logits(model, embedded, motion, notes)[0, step].sum(), embedded)
        reached = gradient[0].abs().sum(1) > 0
        assert reached.tolist() == [position <= step for position in range(12)]


def test_code_t_is_predicted_from_the_codes_before_it(model: Model) -> None:
    """An input shifted the wrong way would let a step see its own answer."""
    codes, (motion, notes) = torch.randint(50, (1, 20)), conditions(model, 1, 20)
    before = model.nll(codes, motion, notes)
    codes[0, 10] = (codes[0, 10] + 1) % 50
    after = model.nll(codes, motion, notes)
    changed = (before != after)[0].nonzero()[:, 0].tolist()
    assert changed[0] == 10
    assert 11 in changed


@pytest.mark.parametrize("kind", ["mi_net", "gru_seq2seq with content"])
def test_the_papers_models_see_the_whole_movement_at_every_step(kind: str) -> None:
    model = KINDS[kind]()
    codes, (motion, notes) = torch.randint(50, (1, 20)), conditions(model, 1, 20)
    motion.requires_grad_()
    model.nll(codes, motion, notes)[0, 3].backward()
    assert motion.grad is not None
    assert motion.grad.abs().sum((0, 2, 3)).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "content" in kind])
def test_every_step_sees_all_the_notes(kind: str) -> None:
    """The notes are known beforehand: a player reads ahead."""
    model = KINDS[kind]()
    codes, (motion, notes) = torch.randint(50, (1, 20)), conditions(model, 1, 20)
    before = model.nll(codes, motion, notes)[0, 3]
    for place in (0, 10, 19):
        other = notes.clone()
        other[0, place] = (other[0, place] + 1) % 30
        assert model.nll(codes, motion, other)[0, 3] != before, place


def test_attention_knows_where_notes_stand() -> None:
    """Without positions the same notes in another order would give the same music."""
    model = mi_net(30)
    codes, (motion, notes) = torch.randint(50, (1, 20)), conditions(model, 1, 20)
    assert notes is not None
    assert not torch.allclose(model.nll(codes, motion, notes), model.nll(codes, motion, notes.flip(1)), atol=1e-3)


def test_step_by_step_equals_all_at_once(model: Model) -> None:
    """Caches, hidden states and positions: sampling sees what training saw."""
    codes, (motion, notes) = torch.randint(50, (3, 20)), conditions(model, 3, 20)
    following = model.begin(motion, notes, steps=20, context=20, guidance=1)
    steps = [following(codes[:, t : t + 1]) for t in range(20)]
    # The scores reach 100 here, where a float32 has seven digits.
    everything = all_logits(model, codes, motion, notes)
    torch.testing.assert_close(torch.stack(steps, 1), everything, rtol=1e-6, atol=1e-5)
    following = model.begin(motion, notes, steps=20, context=20, guidance=1)
    after = [following(codes[:, first:last]) for first, last in ((0, 7), (7, 8), (8, 9))]
    torch.testing.assert_close(torch.stack(after, 1), everything[:, 6:9], rtol=1e-6, atol=1e-5)


def test_the_sampler_gives_the_same_codes_as_the_oracle(model: Model) -> None:
    model.head.weight.data *= 0.1  # the scores are close enough for many codes to be drawn
    motion, notes = conditions(model, 8, 40)
    drawn = sample(model, motion, notes, 40, Sampling(40), torch.Generator().manual_seed(3))
    assert torch.equal(drawn, sample_slowly(model, motion, notes, 40, seed=3))
    assert len(drawn.unique()) > 25
    other = sample(model, motion, notes, 40, Sampling(40), torch.Generator().manual_seed(4))
    assert not torch.equal(drawn, other)


def test_sampling_goes_on_past_its_context() -> None:
    """Any length, in the memory of one context; and the steps within the context are those of a longer one."""
    prior = mi_net()
    motion = torch.randn(2, 8, 5, 2)
    short = sample(prior, motion, None, 40, Sampling(10), torch.Generator().manual_seed(3))
    long = sample(prior, motion, None, 40, Sampling(40), torch.Generator().manual_seed(3))
    assert short.shape == (2, 40)
    assert torch.equal(short[:, :10], long[:, :10])
    assert not torch.equal(short, long)


def test_codes_are_drawn_as_often_as_their_probability_says() -> None:
    """A chi-squared test against the softmax, at a temperature; the impossible is never drawn."""
    logits = torch.tensor([[2.0, 0.0, -1.0, 1.0, -float("inf")]]).expand(20000, -1)
    drawn = draw(logits, 0.7, torch.Generator().manual_seed(0))
    expected = torch.softmax(logits[0] / 0.7, -1) * len(logits)
    counts = torch.bincount(drawn, minlength=5)
    assert counts[4] == 0
    assert ((counts - expected)[:4].square() / expected[:4]).sum() < 16.3  # of 3 degrees of freedom, one time in 1000


def test_sampling_follows_the_temperature() -> None:
    prior = mi_net()
    motion = torch.randn(4, 8, 5, 2)
    cold = [
        sample(prior, motion, None, 20, Sampling(20, temperature=1e-3), torch.Generator().manual_seed(seed))
        for seed in (1, 2)
    ]
    assert torch.equal(*cold)  # nearly greedy: the seed no longer matters


@pytest.mark.parametrize("notes", [0, 30])
def test_of_several_samples_the_one_that_follows_the_movement_best_is_kept(
    vqvae: VQVAE, notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The onsets of each of the others agree less with what the movement tells. Here every fourth code is heard as an onset."""
    monkeypatch.setattr(sampler, "decode", lambda _, codes: codes[..., None].astype(np.float32))
    monkeypatch.setattr(
        sampler.onset_detector, "detect", lambda window, fps: np.flatnonzero(window[:, 0] % 4 == 0) / fps
    )
    model = mi_net_sync(notes)
    motion, told_notes = conditions(model, 5, 30)
    given = torch.randint(50, (5, 8))

    def drawn(motion: Tensor, notes: Tensor | None, given: Tensor, rerank: Rerank | None) -> Tensor:
        generator = torch.Generator().manual_seed(3)
        return sample(model, motion, notes, 30, Sampling(30, rerank=rerank), generator, given)

    kept = drawn(motion, told_notes, given, Rerank(4, vqvae, 62.5))
    several = (None if each is None else each.repeat_interleave(4, 0) for each in (motion, told_notes, given))
    every = drawn(*several, None).view(5, 4, 30)  # type: ignore[arg-type]
    with torch.inference_mode():
        told, _ = model.reader.read(motion, 30)
    heard = gaussian_filter1d((every % 4 == 0).float().numpy(), 0.024 * 62.5, axis=-1)
    for i in range(5):
        agreement = [np.corrcoef(told[i], heard[i, j])[0, 1] for j in range(4)]
        assert torch.equal(kept[i], every[i, int(np.argmax(agreement))])
    assert torch.equal(kept[:, :8], given)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "sync" not in kind])
def test_models_that_tell_no_onsets_are_sampled_once(kind: str, vqvae: VQVAE) -> None:
    model = KINDS[kind]()
    motion, notes = conditions(model, 4, 20)
    once, best = (
        sample(model, motion, notes, 20, Sampling(20, rerank=rerank), torch.Generator().manual_seed(1))
        for rerank in (None, Rerank(4, vqvae, 62.5))
    )
    assert torch.equal(once, best)


def test_a_batch_equals_its_samples(model: Model) -> None:
    codes, (motion, notes) = torch.randint(50, (6, 20)), conditions(model, 6, 20)
    alone = [
        model.nll(codes[i : i + 1], motion[i : i + 1], None if notes is None else notes[i : i + 1]) for i in range(6)
    ]
    torch.testing.assert_close(model.nll(codes, motion, notes), torch.cat(alone), rtol=1e-6, atol=1e-5)


@pytest.mark.slow
def test_content_is_learnt() -> None:
    """Codes that repeat the notes: a model that attends to them at the right place is soon sure, one without is not."""
    errors = {}
    for notes_count in (0, 12):
        torch.manual_seed(0)
        model = MINet(notes=notes_count, heads=4, **(SIZES | {"codes": 12, "body_layers": 1, "dropout": 0.0}))
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(150):
            notes, motion = torch.randint(12, (16, 20)), torch.randn(16, 8, 5, 2)
            loss = model(notes, motion, notes if notes_count else None)["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        errors[notes_count] = loss.item()
    assert errors[0] > 2.3  # ln 12 = 2.48
    assert errors[12] < 1.2


def test_tokens_and_condition_are_dropped_in_training_alone() -> None:
    model = mi_net_sync(token_dropout=0.4, condition_dropout=0.5)
    codes, (motion, _) = torch.randint(50, (8, 20)), conditions(model, 8, 20)
    torch.testing.assert_close(model.nll(codes, motion), model.nll(codes, motion))
    without_dropout(model)
    assert not torch.allclose(model.nll(codes, motion), model.nll(codes, motion))
    # Where all codes before are dropped, none of them matters, and where the movement is dropped, it does not matter.
    model.token_dropout, model.condition_dropout = 1e9, 0.0
    other = (codes + 1) % 50
    last = torch.cat([other[:, :-1], codes[:, -1:]], 1)
    torch.testing.assert_close(model.nll(codes, motion)[:, -1], model.nll(last, motion)[:, -1])
    model.token_dropout, model.condition_dropout = 0.0, 1.0
    torch.testing.assert_close(model.nll(codes, motion), model.nll(codes, motion + 1))


def test_the_training_objective_is_the_formula() -> None:
    """The mean of the negative log-likelihood, and nothing beside it."""
    model = mi_net_sync()
    codes, motion = torch.randint(50, (2, 20)), torch.randn(2, 8, 5, 2)
    nll = F.cross_entropy(all_logits(model, F.pad(codes[:, :-1], (1, 0), value=50), motion, None).mT, codes)
    torch.testing.assert_close(model(codes, motion), {"loss": nll, "nll": nll})


def test_the_posture_gets_noise_in_training_alone() -> None:
    """As much as is said, new in every window; the onset strength gets none."""
    model = mi_net_sync(posture_noise=0.5)
    model.posture = torch.nn.Identity()  # type: ignore[assignment]  # 4 dimensions, as many as `body_hidden`
    motion = torch.randn(1, 8, 5, 2).expand(2000, -1, -1, -1)
    clear = model.body(motion, 20)
    torch.testing.assert_close(clear, clear[:1].expand_as(clear))
    noise = without_dropout(model).body(motion, 20) - clear
    torch.testing.assert_close(noise[..., :4], torch.zeros(2000, 20, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(noise[..., 4:].std(0), torch.full((20, 4), 0.5), rtol=0, atol=0.05)
    torch.testing.assert_close(noise[:, :1].expand_as(noise), noise, rtol=0, atol=1e-5)


def test_training_leaves_the_reader_as_it_is() -> None:
    """No gradient reaches it, no weight decays, its standardising does not follow the batches, and it drops nothing."""
    model = mi_net_sync(posture_noise=0.3, token_dropout=0.5, condition_dropout=0.1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    codes, motion = torch.randint(50, (8, 20)), 5 + torch.randn(8, 8, 5, 2)
    told = model.reader.read(motion, 20)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.5)
    for _ in range(2):
        model.train()
        model(codes, motion)["loss"].backward()
        assert all(parameter.grad is None for parameter in model.reader.parameters())
        optimizer.step()
        torch.testing.assert_close(model.reader.read(motion, 20), told, rtol=0, atol=0)
        model.eval()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) is name.startswith("reader."), name


def test_each_step_is_told_of_the_onsets_around_it_and_of_the_posture() -> None:
    """So the music cannot be in time by chance: what is told of a step's onsets comes from that part of the movement."""
    model = mi_net_sync()
    motion = torch.randn(1, 80, 5, 2, requires_grad=True)
    onsets, posture = model.body(motion, 80)[0, 40].split(4)  # a step a frame

    def touched(told: Tensor) -> list[int]:
        (gradient,) = torch.autograd.grad(told.sum(), motion, retain_graph=True)
        return gradient.abs().sum((0, 2, 3)).nonzero()[:, 0].tolist()

    # Two convolutions at frames and one at steps look 2 to each side, a velocity one frame farther back.
    reach = 3 * 2 + KERNEL // 2
    assert touched(onsets) == list(range(40 - reach - 1, 40 + reach + 1))
    assert touched(posture) == list(range(80))


def test_guidance_is_the_formula() -> None:
    """u + g (c - u), Ho and Salimans (2022), of scores with movement and without; 1 and 0 are these two."""
    model = mi_net_sync(condition_dropout=0.1)
    codes, (motion, _) = torch.randint(50, (3, 20)), conditions(model, 3, 20)

    def scores(guidance: float) -> Tensor:
        following = model.begin(motion, None, steps=20, context=20, guidance=guidance)
        return torch.stack([following(codes[:, t : t + 1]) for t in range(20)], 1)

    told, untold = all_logits(model, codes, motion, None), model.logits(codes, torch.zeros(3, 20, 8), None)
    torch.testing.assert_close(scores(1), told, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(scores(0), untold, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(scores(3), untold + 3 * (told - untold), rtol=1e-5, atol=1e-4)
    model.condition_dropout = 0.0  # never trained without movement: there is nothing to guide by
    torch.testing.assert_close(scores(3), told, rtol=1e-6, atol=1e-5)


def test_a_long_movement_is_followed_to_its_end() -> None:
    """Of a movement longer than the context, each step is told of its own place, wherever the piece began."""
    model = mi_net_sync()
    torch.nn.init.zeros_(model.posture[-1].weight)  # the posture is that of the whole movement
    motion = torch.randn(1, 40, 5, 2)
    codes = torch.randint(50, (1, 100))

    def last_score(motion: Tensor, codes: Tensor) -> Tensor:
        following = model.begin(motion, None, steps=codes.shape[1], context=10, guidance=1)
        return [following(codes[:, t : t + 1]) for t in range(codes.shape[1])][-1]

    # Two layers of context 10 look back 20 steps. The convolution of the onset strength sees 7 steps farther; of the reader's, the
    # last one 2 steps and the two others 4 frames, 10 steps; and the velocity one frame, 2.5 steps.
    torch.testing.assert_close(last_score(motion, codes), last_score(motion[:, 20:], codes[:, 50:]), rtol=0, atol=1e-4)
    other = motion.clone()
    other[:, -1] += 1
    assert not torch.allclose(last_score(motion, codes), last_score(other, codes), atol=1e-3)


def test_body_encoder_gives_both_directions() -> None:
    """h holds what the forward pass knows at the end and what the backward pass knows at the beginning."""
    torch.manual_seed(0)
    body = BodyEncoder(joints=3, hidden=4, layers=1).eval()
    motion = torch.randn(1, 10, 3, 2)
    outputs, _ = body.gru(motion.flatten(2))
    h = torch.cat([outputs[:, -1, :4], outputs[:, 0, 4:]], dim=-1)
    torch.testing.assert_close(
        body(motion), h, rtol=0, atol=1e-4
    )  # nothing is learned yet: standardising changes nothing


def test_body_encoder_takes_each_coordinate_as_far_as_it_moves() -> None:
    """A finger that moves a hundredth of an elbow says as much; in evaluation mode by what training saw."""
    torch.manual_seed(0)
    body, motion = BodyEncoder(joints=3, hidden=4, layers=1), torch.randn(8, 10, 3, 2)
    moved = motion * 10 ** torch.linspace(-1, 2, 6).view(3, 2) + torch.linspace(-3, 3, 6).view(3, 2)
    h = body(motion)
    torch.testing.assert_close(body(moved), h, rtol=0, atol=1e-3)
    for _ in range(100):
        body(moved)
    torch.testing.assert_close(body.eval()(moved), h, rtol=0, atol=0.05)
