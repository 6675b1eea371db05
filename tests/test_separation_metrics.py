"""pipeline/metrics/separation.py against mir_eval, and its conventions."""

import warnings

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from mir_eval import separation as published

from pipeline.metrics import separation

HZ = 16000


def played(players: int, rng: np.random.Generator, seconds: float = 1.0) -> np.ndarray:
    """Notes of some harmonics with a little noise: float64 [players, samples]."""
    t = np.arange(round(seconds * HZ)) / HZ
    sounds = []
    for _ in range(players):
        hz = rng.uniform(80, 900)
        tones = sum(rng.uniform(0.1, 1) * np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 6)) for k in range(1, 6))
        sounds.append(0.1 * tones * np.exp(-3 * (t % rng.uniform(0.2, 0.6))) + 0.003 * rng.normal(size=len(t)))
    return np.array(sounds)


@pytest.mark.parametrize("players", [1, 2, 3])
@pytest.mark.parametrize("kind", ["mixed", "filtered", "nearly right", "swapped"])
def test_bss_eval_is_that_of_mir_eval(players: int, kind: str) -> None:
    """To 0.01 dB: the figures stand beside published ones, which this function has measured."""
    rng = np.random.default_rng([players, len(kind)])
    true = played(players, rng)
    if kind == "mixed":
        made = true + 0.3 * true.sum(0) + 0.01 * rng.normal(size=true.shape)
    elif kind == "filtered":
        made = scipy.signal.lfilter([0.5, 0, 0.3, 0.2], [1], true, axis=1) + 0.1 * np.roll(true, 1, axis=0)
        made += 1e-3 * rng.normal(size=true.shape)
    elif kind == "nearly right":
        made = true + 1e-4 * rng.normal(size=true.shape)
    else:
        made = np.roll(true, 1, axis=0) + 0.02 * true + 0.001 * rng.normal(size=true.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sdr, sir, sar, _ = published.bss_eval_sources(true, made, compute_permutation=False)
    found = separation.bss_eval(true, made)
    assert found[0] == pytest.approx(sdr, abs=0.01)
    assert found[2] == pytest.approx(sar, abs=0.01)
    if players > 1:
        assert found[1] == pytest.approx(sir, abs=0.01)
    else:
        assert found[1] > 100  # nobody interferes


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.01, 100), decibels=st.floats(-20, 60))
def test_si_sdr_is_the_ratio_of_signal_and_noise(seed: int, level: float, decibels: float) -> None:
    """Whatever the level: noise without any of the signal in it, at a known ratio."""
    rng = np.random.default_rng(seed)
    true, noise = rng.normal(size=(2, 4000))
    noise -= (noise @ true) / (true @ true) * true
    noise *= np.linalg.norm(true) / np.linalg.norm(noise) * 10 ** (-decibels / 20)
    assert separation.si_sdr(true[None], level * (true + noise)[None]) == pytest.approx([decibels], abs=1e-6)


def test_a_level_and_a_short_filter_cost_nothing_in_sdr() -> None:
    true = played(2, np.random.default_rng(0))
    true[:, -2:] = 0  # so that the filter's end is heard
    filtered = 0.3 * scipy.signal.lfilter([1, -0.8, 0.2], [1], true, axis=1)
    assert (separation.bss_eval(true, filtered)[0] > 60).all()
    assert (separation.si_sdr(true, 0.3 * true) > 100).all()
    assert (separation.si_sdr(true, filtered) < 40).all()


def test_the_mixture_as_its_own_estimate() -> None:
    """What every gain is counted from: equally loud players, each half of what is heard, have 0 dB."""
    true = np.random.default_rng(0).normal(size=(2, HZ))
    sdr, sir, sar = separation.bss_eval(true, np.stack([true.sum(0)] * 2))
    # By chance, 512 delays of noise fit a little of anything.
    assert sdr == pytest.approx([0, 0], abs=0.5)
    assert sir == pytest.approx([0, 0], abs=0.5)
    assert (sar > 60).all()


@pytest.mark.parametrize(
    ("true", "made", "said"),
    [
        (np.ones((2, 9)), np.ones((1, 9)), r"shapes \(2, 9\) and \(1, 9\)"),
        (np.ones(9), np.ones(9), r"shapes \(9,\)"),
        (np.ones((1, 0)), np.ones((1, 0)), "shapes"),
        (np.zeros((1, 9)), np.ones((1, 9)), "`reference` is silent"),
        (np.ones((1, 9)), np.zeros((1, 9)), "`estimated` is silent"),
    ],
)
def test_what_has_no_meaning_is_refused(true: np.ndarray, made: np.ndarray, said: str) -> None:
    for metric in (separation.bss_eval, separation.si_sdr):
        with pytest.raises(ValueError, match=said):
            metric(true, made)


def test_pointing_counts_the_steps_in_which_one_player_is_clearly_louder() -> None:
    power = np.array(
        [[1, 1, 1, 0.2, 1e-6], [0.01, 0.5, 0.01, 0.001, 0]]
    )  # the second is not clear, the last not audible
    volumes = np.zeros((2, 5, 3))
    volumes[0, 0, 2] = volumes[1, 2, 0] = volumes[0, 3, 1] = 1  # the third points at the other
    assert separation.pointing(power, volumes, 10) == (2, 3)
    assert separation.pointing(power[::-1], volumes[::-1], 10) == (2, 3)
    assert separation.pointing(power, volumes[::-1], 10) == (1, 3)


def test_pointing_by_chance_is_one_in_as_many_as_there_are_players() -> None:
    rng = np.random.default_rng(0)
    right, counted = separation.pointing(np.exp(3 * rng.normal(size=(3, 4000))), rng.random((3, 4000, 64)), 10)
    assert counted > 1000
    assert right / counted == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize(("power", "volumes"), [((1, 4), (1, 4, 2)), ((2, 4), (2, 5, 2)), ((2, 4), (2, 4))])
def test_pointing_needs_two_players(power: tuple[int, ...], volumes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two players or more"):
        separation.pointing(np.ones(power), np.ones(volumes), 10)
