"""Two codes a frame, a trial of the benchmarks: both codes count, neither knows what comes after it, and the trial runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import residual_codes, residual_models
from benchmarks.residual_models import ResidualMINetSync, ResidualVQVAE
from pipeline import params
from pipeline.audio import pitch_tracker
from pipeline.compute import parallel
from pipeline.dataset.artifacts import CODES, MODELS, MORE_PLAYERS, MOTION, NOTES, SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import ShardWriter
from pipeline.keypoints.skeleton import JOINTS
from pipeline.models.classifier import Classifier
from pipeline.models.movement_reader import MovementReader
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import codec
from pipeline.sampling.sampler import Sampling, sample
from pipeline.training import priors, weights

ROOT = Path(__file__).parent.parent
VQVAE_SIZES: dict[str, Any] = {"bins": 16, "channels": 8, "code_dim": 4, "codes": 8, "bands": [4, 2]}
VQVAE_SIZES |= {"commitment": 0.25, "ema_decay": 0.9, "revive_below": 0.1}
READER = {"codes": 8, "joints": 5, "width": 16, "layers": 2, "posture": 4, "dropout": 0.1}
READER |= {"code_loss_weight": 0.5, "onset_companding": 4.0, "onset_scale": 1.0}
PRIOR_SIZES: dict[str, Any] = {"codes": 8, "notes": 0, "reader": READER, "body_hidden": 4, "layers": 2, "width": 32}
PRIOR_SIZES |= {"heads": 4, "dropout": 0.1, "posture_noise": 0.3, "token_dropout": 0.5, "condition_dropout": 0.1}
STEPS = 7


def vqvae(seed: int = 0) -> tuple[ResidualVQVAE, Tensor]:
    """A VQ-VAE whose codebooks were placed on random windows (2, 40, 16), and these."""
    torch.manual_seed(seed)
    model, spectrogram = ResidualVQVAE(**VQVAE_SIZES), torch.randn(2, 40, 16)
    model.standard.fit(spectrogram)
    model.init_codebook(spectrogram)
    return model.eval(), spectrogram


def prior() -> ResidualMINetSync:
    """Untrained heads say the same at every step; larger weights let a wrong step show."""
    torch.manual_seed(0)
    model = ResidualMINetSync(**PRIOR_SIZES)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@given(st.integers(0, 2**32))
@hypothesis.settings(max_examples=20)
def test_the_second_code_makes_nothing_worse_where_it_was_fitted(seed: int) -> None:
    model, spectrogram = vqvae(seed)
    with torch.inference_mode():
        e = model.embed(model.standard(spectrogram)).flatten(0, 1)
        codes = model.quantise(e)
        first, both = ((model.quantised(read) - e).square().sum() for read in (codes[:, :1], codes))
    assert both < first
    torch.testing.assert_close(model.codebook.nearest(e), codes[:, 0])


@torch.inference_mode()
def test_the_decoder_reads_the_sum_of_both_codes_or_the_first_alone() -> None:
    model, spectrogram = vqvae()
    codes = model.encode(spectrogram)
    assert codes.shape == (2, 40, 2)
    first, second = model.codebook.codes[codes[..., 0]], model.second.codes[codes[..., 1]]
    made = model.decode(codes)
    torch.testing.assert_close(made, model.standard.restore(model.reconstruct(first + second)))
    alone = model.decode(codes[..., :1])
    torch.testing.assert_close(alone, model.standard.restore(model.reconstruct(first)))
    assert not torch.allclose(made, alone)


def test_some_training_windows_have_the_first_code_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of them the decoder never reads the second code; with none it always does. Evaluation always does."""
    model, spectrogram = vqvae()
    x = model.standard(spectrogram)

    def error(codes: Tensor) -> Tensor:
        return model.standard.squared_error(model.reconstruct(model.quantised(codes)), x).mean()

    with torch.no_grad():
        codes = model.encode(spectrogram)
        expected = {1.0: error(codes[..., :1]), 0.0: error(codes)}
        for share, wanted in expected.items():
            monkeypatch.setattr(residual_models, "FIRST_ALONE", share)
            torch.testing.assert_close(model(spectrogram)["mse"], expected[0.0])
            before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            torch.testing.assert_close(model.train()(spectrogram)["mse"], wanted)
            model(spectrogram.flip(-1))  # of other windows
            assert not torch.equal(before["second.codes"], model.second.codes), "the second codebook learns in any case"
            model.load_state_dict(before)
            model.eval()


def test_both_codes_of_a_long_track_are_those_of_it_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec takes codes of two to a frame as it takes those of one."""
    model, spectrogram = vqvae()
    track = spectrogram.flatten(0, 1).numpy()
    whole = codec.encode(model, track)
    made = codec.decode_long(model, whole)
    monkeypatch.setattr(codec, "CHUNK", 13)
    np.testing.assert_array_equal(codec.encode(model, track), whole)
    assert whole.shape == (80, 2)
    np.testing.assert_allclose(codec.decode_long(model, whole), made, rtol=0, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("which", range(2))
def test_a_code_is_known_to_those_after_it_and_to_no_other(which: int) -> None:
    """In the order in which codes are drawn: the second of a step after the first, both before the next step."""
    model, motion = prior(), torch.randn(1, 8, 5, 2)
    codes = torch.randint(8, (1, STEPS, 2))
    changed = codes.clone()
    changed[0, 3, which] = (codes[0, 3, which] + 1) % 8
    moved = (model.nll(changed, motion) - model.nll(codes, motion))[0].abs() > 1e-5  # (T, 2)
    place = 2 * 3 + which
    assert not moved.flatten()[:place].any()
    assert moved.flatten()[place : place + 3].all()


@torch.inference_mode()
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_sampling_is_the_loop_without_a_cache(guidance: float) -> None:
    """The oracle: every code is drawn from the scores of a new pass over all the codes before it."""
    model, motion, generator = prior(), torch.randn(3, 8, 5, 2), torch.Generator().manual_seed(1)
    body = model.body(motion, STEPS)
    pairs = torch.full((3, 1, 2), model.start)

    def drawn(first_code: Tensor | None) -> Tensor:
        step, scores = pairs.shape[1], []
        for told in (body, torch.zeros_like(body)):
            y = model.read(pairs, told[:, :step])
            scored = model.head(y) if first_code is None else model.second_logits(y[:, -1:], first_code)
            scores.append(scored[:, -1])
        share = torch.softmax(scores[1] + guidance * (scores[0] - scores[1]), -1).cumsum(-1)
        chosen = torch.rand(3, 1, generator=generator) * share[:, -1:]
        return (share <= chosen).sum(1, keepdim=True)

    for _ in range(STEPS):
        first_code = drawn(None)
        pair = torch.stack([first_code, drawn(first_code)], dim=-1)
        pairs = torch.cat([pairs, pair], dim=1)
    how = Sampling(STEPS, guidance=guidance)
    sampled = sample(model, motion, None, 2 * STEPS, how, torch.Generator().manual_seed(1))
    assert sampled.unique().numel() > 4
    torch.testing.assert_close(sampled.unflatten(1, (STEPS, 2)), pairs[:, 1:])


def test_the_objective_trains_every_weight_but_the_readers() -> None:
    """A part that the loss does not reach would stay as it was drawn."""
    model = prior().train()
    scalars = model(torch.randint(8, (4, STEPS, 2)), torch.randn(4, 8, 5, 2))
    torch.testing.assert_close(scalars["loss"], scalars["nll_first"] + scalars["nll_second"])
    scalars["loss"].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("reader."), name


def test_the_trial_runs_beside_a_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On noise, with untrained models in place of the run's: both tables are printed, and a second call trains nothing anew."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "profiles" / "smoke.yaml").read_text(encoding="utf-8")
    for value in ("duration_s: 1", "samples: 4", "content_windows: 2", "wavs: 1"):
        text = re.sub(rf"\b{value.split()[0]} \d+(?= #)", value, text)
    Path("params.yaml").write_text(text, encoding="utf-8")
    settings, random = params.load(), np.random.default_rng(0)
    parts = {"a": "train", "b": "choose", "c": "test", "d": "test"}
    table = pd.DataFrame({"track": list(parts), "part": list(parts.values()), "instrument": "fl"})
    SPLITS.parent.mkdir()
    table.to_parquet(SPLITS)
    folders = (SPECTROGRAMS, MOTION, NOTES, CODES, MORE_PLAYERS / "spectrograms")
    rows: dict[Path, Callable[[], dict[str, np.ndarray]]] = {
        SPECTROGRAMS: lambda: {"spectrogram": random.normal(size=(270, 1024)).astype(np.float16)},
        MOTION: lambda: {"motion": random.normal(size=(108, JOINTS, 2)).astype(np.float32)},
        CODES: lambda: {"codes": random.integers(64, size=270, dtype=np.int16)},
    }
    for folder in folders:
        with ShardWriter(folder) as writer:
            for track in parts if folder in rows else ():
                writer.add(track, rows[folder]())
    chosen = settings.reader
    sizes = chosen.model_dump(include={"width", "layers", "posture", "dropout", "code_loss_weight", "onset_companding"})
    sizes |= {"codes": settings.vqvae.codes, "joints": JOINTS, "onset_scale": 1.0}
    weights.save(MODELS / "reader", MovementReader(**sizes), weights.Config("reader", "fp32", sizes))
    sizes = {"bins": 1024, **settings.vqvae.model_dump(exclude={"training", "codebook_after"})}
    weights.save(MODELS / "vqvae", VQVAE(**sizes), weights.Config("vqvae", "fp32", sizes))
    model, sizes = priors.untrained(settings, settings.variants.prior["mi_net_sync"])
    weights.save(MODELS / "mi_net_sync", model, weights.Config("mi_net_sync", "fp32", sizes))

    sizes = {"bins": 1024, "instruments": ["fl", "vn"], "channels": 4, "dropout": 0.0}
    weights.save(MODELS / "classifier", Classifier(**sizes), weights.Config("classifier", "fp32", sizes))

    # In this process, and without the tracker of pitch, which takes seconds to begin.
    monkeypatch.setattr(parallel, "each", lambda each, calls, _: (each(*call) for call in calls))
    monkeypatch.setattr(pitch_tracker, "track", lambda sound, rate_hz, hop, *_: np.zeros(1 + len(sound) // hop))
    residual_codes.main(["test", "--steps", "4", "--out", "sounds"])
    told = capsys.readouterr().out
    systems = ("recorded", "vqvae", "first of two codes", "two codes", "mi_net_sync", "mi_net_sync of two codes")
    recorded = next(line for line in told.splitlines() if line.startswith("| recorded |")).split("|")
    assert 0 <= float(recorded[4]) <= 1, "no instrument was heard"
    firsts = [line.split(" |")[0] for line in told.splitlines() if line.startswith("| ")]
    assert firsts == [f"| {name}" for name in ("codes", "---", *systems[:4], "prior", "---", *systems[4:])]
    assert len(list(Path("sounds").glob("*.wav"))) == len(systems)
    assert not Path("evaluations").exists()
    monkeypatch.setattr(ResidualVQVAE, "init_codebook", None)  # would fail if it were trained again
    residual_codes.main(["test", "--steps", "4"])
    assert capsys.readouterr().out == told
