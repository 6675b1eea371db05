"""Spectrograms mean what their docstring says."""

import librosa
import numpy as np
import pytest
from make_media import tone

from pipeline.audio import sound_check, spectrogram
from pipeline.params import Audio

AUDIO = Audio(sample_rate_hz=16000, n_fft=2048, hop_length=256, floor_db=-80.0, griffin_lim_iterations=32)


def test_a_full_scale_sine_is_one_and_silence_is_minus_one():
    sine = spectrogram.log_spectrogram(tone(1, hz=1000, level=1.0), AUDIO)
    assert sine.dtype == np.float16
    assert sine.shape == (1 + 16000 // 256, 1024)
    assert sine[30].argmax() == 1000 * 2048 // 16000
    assert sine[30].max() == pytest.approx(1, abs=1e-3)
    assert (spectrogram.log_spectrogram(np.zeros(5000, np.float32), AUDIO) == -1).all()


def test_half_the_level_is_six_decibels_less_by_the_stored_normalisation():
    scale, offset = spectrogram.normalisation(AUDIO).values()
    value = float(spectrogram.log_spectrogram(tone(1, hz=1000, level=0.5), AUDIO)[30].max())
    assert (value - offset) / scale == pytest.approx(20 * np.log10(0.5), abs=0.05)


def test_frame_i_is_centred_at_sample_i_times_hop():
    click = np.zeros(16000, np.float32)
    click[40 * 256] = 1
    energy = (spectrogram.log_spectrogram(click, AUDIO).astype(np.float32) + 1).sum(axis=1)
    assert energy.argmax() == 40
    assert energy[39] == pytest.approx(energy[41], rel=1e-3)


def test_equals_librosa_whatever_the_block():
    sound = np.random.default_rng(0).normal(0, 0.1, 300_000).astype(np.float32)  # more than one block
    ours = spectrogram.log_spectrogram(sound, AUDIO)
    magnitude = np.abs(librosa.stft(sound, n_fft=2048, hop_length=256, pad_mode="constant"))[:-1].T / 512
    theirs = 20 * np.log10(np.maximum(magnitude, 1e-4)) / 40 + 1
    assert ours.shape == theirs.shape
    assert len(ours) > spectrogram.BLOCK_FRAMES
    assert np.abs(ours.astype(np.float32) - theirs).max() < 2e-3


def test_sounds_that_teach_nothing_are_named():
    good = tone(5)
    assert sound_check.unusable(good, 16000, 4) is None
    broken = good.copy()
    broken[100] = np.nan
    assert "NaN" in sound_check.unusable(broken, 16000, 4)[0]
    assert "silent" in sound_check.unusable(good * 1e-4, 16000, 4)[0]
    assert "shorter than a window of 4 s" in sound_check.unusable(good[:16000], 16000, 4)[0]
    assert "shorter" in sound_check.unusable(good[:0], 16000, 4)[0]


def test_weak_sounds_are_named_and_good_ones_are_not():
    assert sound_check.weak(tone(5, level=1.0), 16000, 16000) == []
    assert sound_check.weak(tone(5, 48000, hz=60, level=1.0), 48000, 16000) == []
    clipped = np.clip(tone(5, level=2.0), -1, 1)
    ((what, _),) = sound_check.weak(clipped, 16000, 16000)
    assert "of its samples are clipped" in what
    ((what, _),) = sound_check.weak(tone(5, 8000), 8000, 16000)
    assert "nothing above 4000 Hz" in what


def test_the_share_of_clipped_samples_counts_flat_tops_only():
    sound = np.array([0, 1, 1, 1, 0, -1, -1, 0, 1, 0], np.float32)
    assert sound_check.clipped_share(sound) == pytest.approx(0.3)
