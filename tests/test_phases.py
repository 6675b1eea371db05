"""Phases that a magnitude spectrogram lacks are found so well that the sound has the same spectrogram again."""

from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import tone
from pydantic import ValidationError

from pipeline.audio import phases, spectrogram
from pipeline.params import Audio

AUDIO = Audio(sample_rate_hz=16000, n_fft=2048, hop_length=256, floor_db=-80.0, griffin_lim_iterations=16)
RATE_HZ, HOP = AUDIO.sample_rate_hz, AUDIO.hop_length


def glide(duration_s: float, from_hz: float, to_hz: float) -> np.ndarray:
    """A tone whose frequency changes steadily, float32 [samples]."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    turns = from_hz * times + (to_hz - from_hz) / (2 * duration_s) * times**2
    return (0.5 * np.sin(2 * np.pi * turns)).astype(np.float32)


def errors(sound: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared error of the magnitudes of a sound, and the squared magnitudes that were wanted: each [frames]."""
    stft = librosa.stft(sound, n_fft=AUDIO.n_fft, hop_length=HOP, pad_mode="constant")
    got = np.abs(stft).T * 2 / librosa.filters.get_window("hann", AUDIO.n_fft).sum()
    return np.square(got - wanted).sum(1), np.square(wanted).sum(1)


def convergence_db(sound: np.ndarray, wanted: np.ndarray) -> float:
    """Spectral convergence: the error of the magnitudes re the magnitudes. Lower is better."""
    error, energy = errors(sound, wanted)
    return 10 * float(np.log10(error.sum() / energy.sum()))


@pytest.mark.parametrize(
    ("original", "limit_db"),
    [(tone(4, hz=443.7, level=0.5), -35), (glide(4, 200, 3000), -40)],
    ids=["steady", "glide"],
)
def test_a_tone_comes_back_better_than_from_random_phases(original: np.ndarray, limit_db: float) -> None:
    """Half of the iterations leave a tenth of the error. A glide needs the mean of two frames' frequencies: else it is −14 dB."""
    values = spectrogram.log_spectrogram(original, AUDIO)
    wanted = spectrogram.magnitude(values, AUDIO)
    ours = convergence_db(phases.sound(values, AUDIO), wanted)
    assert ours < limit_db
    turns = np.random.default_rng(1).random(wanted.shape)
    twice = AUDIO.model_copy(update={"griffin_lim_iterations": 32})
    from_random, _ = phases._refined(wanted, np.exp(2j * np.pi * turns).astype(np.complex64), np.zeros(0), twice)
    assert ours < convergence_db(from_random, wanted) - 10


def test_a_single_pass_goes_on_with_the_phases_of_a_tone() -> None:
    """Golden: those of the STFT of a cosine, from its first whole frame on. The signs of neighbouring bins alternate."""
    times = np.arange(RATE_HZ) / RATE_HZ
    stft = librosa.stft(np.cos(2 * np.pi * 1003 * times), n_fft=AUDIO.n_fft, hop_length=HOP)[:, 4:-4].T
    found = phases.single_pass(np.abs(stft).astype(np.float32) / 512, AUDIO, stft[0] / np.abs(stft[0]))
    near = round(1003 / RATE_HZ * AUDIO.n_fft) + np.arange(-1, 2)  # the bins inside the main lobe
    assert found.dtype == np.complex64
    np.testing.assert_allclose(np.abs(found), 1, rtol=1e-5)
    turned = np.angle(found[:, near] * stft[:, near].conj())
    # A parabola misses the top of a Hann window's lobe in decibels by 0.016 bins at most.
    assert np.abs(turned).max() < 0.016 * 2 * np.pi * HOP / AUDIO.n_fft * len(found)
    assert (np.sign((found[:, near[:-1]] / found[:, near[1:]]).real) == -1).all()


def test_a_sound_has_its_level_and_the_same_bits_twice() -> None:
    original = tone(1, hz=440, level=0.3) + tone(1, hz=2000, level=0.1)
    wanted = spectrogram.log_spectrogram(original, AUDIO)
    again = phases.sound(wanted, AUDIO)
    assert again.dtype == np.float32
    assert again.shape == (16000 // HOP * HOP,)
    assert np.sqrt((again**2).mean()) == pytest.approx(np.sqrt((original**2).mean()), rel=0.05)
    loud = wanted > 0.5
    got = spectrogram.log_spectrogram(again, AUDIO)[: len(wanted)]
    assert np.abs(got[loud].astype(np.float32) - wanted[loud]).mean() < 0.02  # 0.8 dB
    assert (again == phases.sound(wanted, AUDIO)).all()


@pytest.mark.parametrize("value", [-1.0, -1.5])
def test_the_floor_and_below_is_silence(value: float) -> None:
    assert not phases.sound(np.full((40, 1024), value, np.float16), AUDIO).any()


def test_silence_before_and_after_a_tone_stays_silent() -> None:
    """Without a division by nothing: every sample is a number, and far from the tone there is none of it."""
    original = np.concatenate([np.zeros(RATE_HZ), tone(1, hz=440), np.zeros(RATE_HZ)]).astype(np.float32)
    sound = phases.sound(spectrogram.log_spectrogram(original, AUDIO), AUDIO)
    assert np.abs(sound[: RATE_HZ // 2]).max() < 1e-3
    assert np.abs(sound[-RATE_HZ // 2 :]).max() < 1e-3
    assert np.abs(sound[RATE_HZ : 2 * RATE_HZ]).max() == pytest.approx(np.abs(original).max(), rel=0.2)


@given(st.integers(0, 9), st.sampled_from([16, 48, 64]), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_any_spectrogram_becomes_a_sound_of_its_length(frames: int, hop: int, seed: int) -> None:
    """No frame, one, two, or fewer than a window reaches; a hop that does not divide the window; values beyond both ends."""
    audio = AUDIO.model_copy(update={"n_fft": 64, "hop_length": hop, "griffin_lim_iterations": 2})
    values = np.random.default_rng(seed).uniform(-1.5, 1.5, (frames, 32)).astype(np.float16)
    sound = phases.sound(values, audio)
    assert sound.shape == (max(frames - 1, 0) * hop,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()


def test_a_long_sound_is_that_of_its_blocks_without_a_click() -> None:
    """A chord with vibrato over three blocks: it fits as well at the joints as elsewhere, and its phases go on there.

    The joints' error is 1.4 dB above that elsewhere; 4 dB if a block's phases start anew, and 6 dB if it is not fitted to the last.
    A click would be heard above 4 kHz, where the chord has nothing: −133 dB there, and −77 dB if blocks are not faded.
    """
    frames = 2 * phases.BLOCK_FRAMES + 200
    times = np.arange((frames - 1) * HOP) / RATE_HZ
    swung_s = times + 0.006 / 5 * np.sin(2 * np.pi * 5 * times)
    chord = sum(0.1 * np.sin(2 * np.pi * hz * swung_s) for hz in (262, 330, 392, 524, 660, 784))
    values = spectrogram.log_spectrogram(np.asarray(chord), AUDIO)
    ticks: list[int] = []
    sound = phases.sound(values, AUDIO, ticks.append)
    assert ticks == [phases.BLOCK_FRAMES, phases.BLOCK_FRAMES, 199]
    assert len(sound) == (frames - 1) * HOP
    numbers = np.arange(40, frames - 40)  # without the ends
    reach = AUDIO.n_fft // HOP
    joint = (numbers + phases.JOINT_FRAMES + reach) % phases.BLOCK_FRAMES <= phases.JOINT_FRAMES + 2 * reach
    error, energy = errors(sound, spectrogram.magnitude(values, AUDIO))
    share = error[numbers] / energy[numbers]
    assert share[joint].mean() < 2 * share[~joint].mean()
    stft = librosa.stft(sound, n_fft=AUDIO.n_fft, hop_length=HOP, pad_mode="constant")[512:, numbers]
    assert np.square(np.abs(stft) / 512).sum(0).max() < 1e-10


@pytest.mark.parametrize("iterations", [0, -1])
def test_no_iterations_are_refused(iterations: Any) -> None:
    with pytest.raises(ValidationError):
        Audio(sample_rate_hz=16000, n_fft=2048, hop_length=256, floor_db=-80.0, griffin_lim_iterations=iterations)
