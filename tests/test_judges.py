"""The judges: golden values, obvious implementations, and a classifier that learns toy instruments."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio import onset_detector, pitch_tracker
from pipeline.audio.spectrogram import log_spectrogram
from pipeline.metrics import bootstrap, onset, pitch
from pipeline.models.classifier import Classifier, pool
from pipeline.params import Audio
from pipeline.training import weights
from stages import train_classifier

RATE_HZ, HOP = 16000, 256
FPS = RATE_HZ / HOP
AUDIO = Audio(sample_rate_hz=RATE_HZ, n_fft=2048, hop_length=HOP, floor_db=-80.0, griffin_lim_iterations=1)


def tone(hz: float, duration_s: float) -> np.ndarray:
    """Three partials, as an instrument has them."""
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return sum(0.2 / k * np.sin(2 * np.pi * k * hz * times_s) for k in (1, 2, 3)).astype(np.float32)


@pytest.mark.parametrize("hz", [41.2, 440.0, 1480.0])
def test_the_pitch_of_a_tone(hz: float) -> None:
    """A double bass's lowest string, the middle, and a flute's height: no octave errors, one frame a hop."""
    found = pitch_tracker.track(tone(hz, 0.5), RATE_HZ, HOP, 32.0, 2000.0)
    assert len(found) == 1 + 8000 // HOP
    inside = found[4:-4]
    assert (inside > 0).all()
    assert np.abs(1200 * np.log2(inside / hz)).max() < 25


def test_silence_has_no_voiced_pitch() -> None:
    assert (pitch_tracker.track(np.zeros(4000, np.float32), RATE_HZ, HOP, 32.0, 2000.0) <= 0).all()


def test_pitch_accuracy_golden() -> None:
    """Of four frames with a note: 49 cents off, 51 cents off, an octave off, and a guess in an unvoiced frame, right."""
    reference = np.array([440, 440, 440, 440, 0.0])
    estimated = np.array([440 * 2 ** (49 / 1200), 440 * 2 ** (51 / 1200), 880, -440, 300])
    assert pitch.accuracy(reference, estimated, 50) == 0.5
    assert pitch.accuracy(reference, np.zeros(5), 50) == 0
    assert np.isnan(pitch.accuracy(np.zeros(5), estimated, 50))


@pytest.mark.parametrize(
    ("reference", "estimated"), [([440.0], [440.0, 440.0]), ([-440.0], [440.0]), ([440.0], [float("nan")])]
)
def test_pitches_that_cannot_be_compared(reference: list[float], estimated: list[float]) -> None:
    with pytest.raises(ValueError, match="pitch"):
        pitch.accuracy(np.array(reference), np.array(estimated), 50)


def test_a_pitch_below_what_a_frame_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="they must lie in"):
        pitch_tracker.track(np.zeros(4000, np.float32), RATE_HZ, HOP, 10.0, 2000.0)


def notes_with_gaps(onsets_s: list[float], hz: float) -> np.ndarray:
    """Notes of 0.3 s with edges of 10 ms."""
    sound = np.zeros(round(4 * RATE_HZ), np.float32)
    note = tone(hz, 0.3)
    note *= np.clip(np.minimum(np.arange(len(note)), np.arange(len(note))[::-1]) / 160, 0, 1)
    for onset_s in onsets_s:
        first = round(onset_s * RATE_HZ)
        sound[first : first + len(note)] += note
    return sound


@pytest.mark.parametrize("hz", [55.0, 440.0])
@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_onsets_of_notes_and_no_ends(hz: float, gain: float) -> None:
    """As many onsets as notes: their ends, whose click spreads over all bins, are none. The level does not matter."""
    known = [0.5, 1.0, 1.6, 2.2, 3.1]
    found = onset_detector.detect(log_spectrogram(gain * notes_with_gaps(known, hz), AUDIO), FPS)
    assert len(found) == len(known)
    assert np.abs(found - known).max() < 0.04


def test_nothing_starts_in_silence_or_in_a_held_note() -> None:
    assert not len(onset_detector.detect(np.full((250, 1024), -1, np.float16), FPS))
    held = log_spectrogram(tone(330.0, 5.0), AUDIO)[30:280]
    assert not len(onset_detector.detect(held, FPS))


def test_f1_golden() -> None:
    reference = np.array([1.0, 2.0])
    assert onset.f1(reference, reference + 0.049, 0.05) == 1
    assert onset.f1(reference, reference + 0.051, 0.05) == 0
    # Each is matched once: precision 1/2, recall 1.
    assert onset.f1(np.array([1.0]), np.array([0.99, 1.01]), 0.05) == pytest.approx(2 / 3)


def test_f1_of_nothing() -> None:
    nothing, one = np.zeros(0), np.ones(1)
    assert onset.f1(nothing, one, 0.05) == onset.f1(one, nothing, 0.05) == 0
    assert np.isnan(onset.f1(nothing, nothing, 0.05))
    with pytest.raises(ValueError, match="ascend"):
        onset.f1(np.array([2.0, 1.0]), one, 0.05)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_bootstrap_is_the_obvious_one(seed: int, tracks: int) -> None:
    """Track by track, draw by draw; the draws differ, so the bounds agree within their own spread."""
    rng = np.random.default_rng(seed)
    numerator, denominator = rng.uniform(0.5, 2, (2, tracks))
    drawn = []
    for _ in range(1000):
        chosen = [int(rng.integers(tracks)) for _ in range(tracks)]
        drawn.append(sum(numerator[i] for i in chosen) / sum(denominator[i] for i in chosen))
    low, high = bootstrap.ratio(numerator, denominator, 0.8, seed)
    spread = max(drawn) - min(drawn)
    assert low == pytest.approx(np.quantile(drawn, 0.1), abs=0.1 * spread)
    assert high == pytest.approx(np.quantile(drawn, 0.9), abs=0.1 * spread)
    assert bootstrap.reduction(denominator, numerator, 0.8, seed) == (1 - high, 1 - low)


def test_bootstrap_golden() -> None:
    """Two tracks: ratio 1, 2 or 3 with 1/4, 1/2, 1/4. A system that is everywhere 10 % better is so in every draw."""
    two, ones = np.array([1.0, 3.0]), np.ones(2)
    assert bootstrap.ratio(two, ones, 0.95, 1) == (1, 3)
    assert bootstrap.ratio(two, ones, 0.4, 1) == (2, 2)
    assert bootstrap.ratio(two, ones, 0.95, 1) == bootstrap.ratio(two, ones, 0.95, 1)
    errors = np.random.default_rng(1).uniform(1, 9, 20)
    assert bootstrap.reduction(errors, 0.9 * errors, 0.95, 1) == pytest.approx((0.1, 0.1))


def test_bootstrap_covers_the_truth() -> None:
    """Of 100 sets of 30 tracks, about nine in ten 90 % intervals hold the true ratio, 1; percentile intervals a little fewer."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        low, high = bootstrap.ratio(rng.normal(5, 1, 30), rng.normal(5, 1, 30), 0.9, 1)
        inside += low <= 1 <= high
    assert 0.8 < inside / 100 < 0.97


@pytest.mark.parametrize(("numerator", "denominator"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 0.0])])
def test_bootstrap_refuses(numerator: list[float], denominator: list[float]) -> None:
    with pytest.raises(ValueError, match=r"sums|track"):
        bootstrap.ratio(np.array(numerator), np.array(denominator), 0.95, 1)


@pytest.fixture
def classifier() -> Classifier:
    torch.manual_seed(0)
    return Classifier(bins=128, instruments=["drum", "flute", "tuba"], channels=16, dropout=0.1)


def toys(generator: torch.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a loud band at a third of the bins that says which instrument it is: (B, 24, 128), (B,)."""
    instrument = torch.randint(3, (size,), generator=generator)
    spectrogram = torch.randn((size, 24, 128), generator=generator) + torch.randn((size, 1, 1), generator=generator)
    for window, index in zip(spectrogram, instrument, strict=True):
        window[:, 40 * index + 8 : 40 * index + 24] += 1
    return spectrogram, instrument


def test_it_learns_toy_instruments(classifier: Classifier) -> None:
    generator = torch.Generator().manual_seed(1)
    classifier.standard.fit(pool(toys(generator, 64)[0]))
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        classifier(*toys(generator, 16))["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        assert classifier.eval()(*toys(generator, 100))["accuracy"] > 0.95


def test_windows_do_not_see_each_other(classifier: Classifier) -> None:
    spectrogram, _ = toys(torch.Generator().manual_seed(2), 5)
    classifier.eval()
    one_by_one = torch.cat([classifier.logits(window[None]) for window in spectrogram])
    assert torch.allclose(classifier.logits(spectrogram), one_by_one, atol=1e-5)


def test_loudness_is_no_instrument(classifier: Classifier) -> None:
    spectrogram, _ = toys(torch.Generator().manual_seed(3), 5)
    classifier.eval()
    assert torch.allclose(classifier.logits(spectrogram), classifier.logits(spectrogram + 0.3), atol=1e-4)


@pytest.mark.parametrize(("frames", "bins"), [(2, 32), (63, 100), (250, 1024)])
def test_any_size_of_window(frames: int, bins: int, tmp_path: Path) -> None:
    """And what was saved judges as before, by the same names."""
    torch.manual_seed(0)
    sizes = {"bins": bins, "instruments": ["a", "b"], "channels": 4, "dropout": 0.0}
    model = Classifier(**sizes).eval()
    weights.save(tmp_path, model, weights.Config("classifier", "fp32", sizes))
    loaded = weights.load(tmp_path, {"classifier": Classifier})
    spectrogram = torch.randn(1, frames, bins)
    assert torch.equal(loaded.logits(spectrogram), model.logits(spectrogram))
    assert loaded.instruments == ["a", "b"]
    assert json.loads((tmp_path / "config.json").read_text())["sizes"]["instruments"] == ["a", "b"]


@pytest.mark.parametrize(("first", "second"), [("unknown", "unknown"), ("violin", "unknown"), ("violin", "violin")])
def test_a_corpus_without_two_instruments_has_no_classifier(
    first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "models" / "classifier").mkdir(parents=True)
    (tmp_path / "models" / "classifier" / "weights.safetensors").touch()
    (tmp_path / "params.yaml").write_bytes(Path("params.yaml").read_bytes())
    table = {"track": ["a", "b", "c"], "instrument": [first, second, first], "part": ["train", "train", "test"]}
    pd.DataFrame(table).to_parquet(tmp_path / "data" / "splits.parquet")
    monkeypatch.chdir(tmp_path)
    train_classifier.main()
    assert not list((tmp_path / "models" / "classifier").iterdir())
    assert "choose_accuracy" in pd.read_csv(tmp_path / "metrics" / "history_classifier.csv").columns
    assert "classifier is skipped: instruments to learn" in capsys.readouterr().out


@given(
    st.lists(st.floats(0, 4), min_size=1, max_size=12, unique=True).map(lambda times: np.array(sorted(times))),
    st.integers(-15, 15),
)
def test_lag_finds_a_delay_of_all_onsets(onsets_s: np.ndarray, frames: int) -> None:
    """A model that is 80 ms late must be seen to be, although every onset within 50 ms matches."""
    late_s = frames / 62.5
    found = onset.lag([(onsets_s + 1, onsets_s + 1 + late_s)], 0.05, 0.32, 1 / 62.5)
    near = np.abs(np.subtract.outer(onsets_s, onsets_s).ravel() + late_s - found)
    own = len(onsets_s) * 1.0
    assert np.maximum(1 - near / 0.05, 0).sum() >= own - 1e-6  # as many agree there as at the true delay
    if len(onsets_s) == 1:
        assert found == pytest.approx(late_s)


def test_lag_golden() -> None:
    ticks = np.array([1.0, 1.7, 2.1, 3.2])
    assert onset.lag([(ticks, ticks + 0.08)], 0.05, 0.32, 0.016) == pytest.approx(0.08)
    assert onset.lag([(ticks, ticks - 0.048)], 0.05, 0.32, 0.016) == pytest.approx(-0.048)
    assert onset.lag([(ticks, ticks)], 0.05, 0.32, 0.016) == 0
    assert np.isnan(onset.lag([(ticks, ticks[:0])], 0.05, 0.32, 0.016))
    assert np.isnan(onset.lag([(ticks, ticks + 9)], 0.05, 0.32, 0.016))
    nothing = (ticks[:0], ticks[:0])
    assert onset.mean_f1([(ticks, ticks), (ticks, ticks[:2]), nothing], 0.05) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(onset.mean_f1([nothing], 0.05))


def test_chroma_forgives_octaves() -> None:
    true, played = np.array([440.0, 440.0, 440.0]), np.array([880.0, 440.0, 466.16])
    assert pitch.accuracy(true, played, 50) == pytest.approx(1 / 3)
    assert pitch.accuracy(true, played, 50, octaves=False) == pytest.approx(2 / 3)
    assert pitch.accuracy(true, played, 110) == pytest.approx(2 / 3)
