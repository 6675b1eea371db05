"""pipeline/audio/log_frequency.py: nothing is lost on the way, and masks that add up to one cut a sound into parts that do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import PROFILE, tone

from pipeline.audio import log_frequency
from pipeline.audio.log_frequency import Scale

AUDIO = PROFILE.audio
SCALE = Scale(256, 30.0, 4, AUDIO)


@settings(max_examples=15)
@given(samples=st.integers(1, 9000), players=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_parts_add_up_to_the_sound(samples: int, players: int, seed: int) -> None:
    """Whatever its length and whatever the masks are."""
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-1, 1, samples).astype(np.float32)
    steps = -(-(1 + samples // AUDIO.hop_length) // SCALE.every)
    masks = rng.dirichlet(np.ones(players), (steps, 256)).transpose(2, 0, 1)
    parts = log_frequency.cut_out(sound, masks.astype(np.float32), SCALE, AUDIO)
    assert parts.shape == (players, samples)
    assert np.abs(parts.sum(0) - sound).max() < 1e-5


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sound is cut as in one piece."""
    rng = np.random.default_rng(0)
    sound = rng.uniform(-1, 1, 16000).astype(np.float32)
    masks = rng.random((1, 16, 256)).astype(np.float32)
    whole = log_frequency.cut_out(sound, masks, SCALE, AUDIO)
    monkeypatch.setattr(log_frequency, "BLOCK_FRAMES", 7)
    assert log_frequency.cut_out(sound, masks, SCALE, AUDIO) == pytest.approx(whole, abs=1e-6)


def test_a_sine_is_where_it_belongs() -> None:
    """Its power is 1 at its frequency on the scale, from low to high, and next to nothing two semitones away."""
    centres_hz = 30 * 2 ** np.linspace(0, np.log2(8000 / 30), 256)
    for place in (96, 160, 224):
        sine = tone(1.0, hz=float(centres_hz[place]), level=1.0)
        power = SCALE.power(log_frequency.forward(sine, AUDIO))[8]
        assert abs(int(power.argmax()) - place) <= 1
        away = np.abs(np.log2(centres_hz / centres_hz[place])) > max(2 / 12, 16 / centres_hz[place])
        assert power[away].max() < 1e-3 * power.max()


def test_every_frequency_is_looked_at() -> None:
    """What lies in no mean could be neither heard nor cut out."""
    assert (SCALE.gather.sum(1)[4:] > 0).all()  # from 31 Hz on
    assert SCALE.gather.sum(0) == pytest.approx(np.ones(256), abs=1e-5)
    assert SCALE.spread.sum(0) == pytest.approx(np.ones(1025), abs=1e-5)


def test_a_step_is_the_mean_of_its_frames() -> None:
    """The last one may have fewer."""
    spectra = np.random.default_rng(0).normal(size=(2, 10, 1025)).astype(np.complex64)
    alone, together = (Scale(256, 30.0, every, AUDIO).power(spectra) for every in (1, 4))
    assert alone.shape == (2, 10, 256) and together.shape == (2, 3, 256)
    assert together[:, 1] == pytest.approx(alone[:, 4:8].mean(1), rel=1e-4)
    assert together[:, 2] == pytest.approx(alone[:, 8:].mean(1), rel=1e-4)
