"""Does the benchmark of sounds compare what it names, and does the resynthesis put harmonics where they belong?"""

import numpy as np
import pandas as pd
import pytest

from benchmarks import sound_quality
from pipeline import params
from pipeline.audio import phases, spectrogram

SETTINGS = params.load()
AUDIO = SETTINGS.audio
RATE_HZ = AUDIO.sample_rate_hz
LENGTH = 2 * RATE_HZ // AUDIO.hop_length * AUDIO.hop_length
TIMES_S = np.arange(LENGTH) / RATE_HZ


def voice(hz: float, partials: int = 6) -> np.ndarray:
    phase = 2 * np.pi * hz * TIMES_S
    return np.sum([0.2 / k * np.sin(k * phase + k) for k in range(1, partials + 1)], axis=0).astype(np.float32)


def spectrum_db(sound: np.ndarray) -> np.ndarray:
    """Levels of the middle second, in bins of 1 Hz, re a full-scale sine."""
    middle = sound[(len(sound) - RATE_HZ) // 2 :][:RATE_HZ] * np.hanning(RATE_HZ)
    return 20 * np.log10(np.abs(np.fft.rfft(middle)) * 4 / RATE_HZ + 1e-9)


@pytest.mark.parametrize("hz", [147.0, 443.0])
def test_harmonics_come_back_at_their_frequencies_and_levels(hz: float) -> None:
    """Whatever lies between bins: 443 Hz is at bin 56.7. Above the last partial is next to nothing."""
    sound = voice(hz)
    made = spectrum_db(
        sound_quality.harmonic(spectrogram.log_spectrogram(sound, AUDIO).astype(np.float32), sound, SETTINGS)
    )
    for k in range(1, 7):
        near = round(k * hz) - 20 + made[round(k * hz) - 20 :][:41].argmax()
        assert abs(near - k * hz) <= 2
        assert abs(made[near] - 20 * np.log10(0.2 / k)) < 1.5
    assert made[round(6.5 * hz) :].max() < -50


def test_what_no_harmonic_explains_is_noise_of_the_same_level() -> None:
    """A voice below 1 kHz in noise, with magnitudes as the best decoder gives them, means of logarithms: as loud as before."""
    sound = voice(220.0, 4) + 0.02 * np.random.default_rng(1).normal(size=LENGTH).astype(np.float32)
    window = spectrogram.log_spectrogram(sound, AUDIO).astype(np.float32)
    window[:] = window[20:-20].mean(0)
    made = sound_quality.harmonic(window, sound, SETTINGS)
    again = spectrogram.log_spectrogram(made, AUDIO).astype(np.float32)
    above = slice(round(2000 / RATE_HZ * AUDIO.n_fft), None)
    difference_db = (again[20:-20, above].mean() - window[0, above].mean()) * -AUDIO.floor_db / 2
    assert abs(difference_db) < 1.0


def test_without_a_pitch_it_is_the_plain_sound() -> None:
    silence = np.zeros(LENGTH, np.float32)
    window = spectrogram.log_spectrogram(silence, AUDIO).astype(np.float32)
    assert np.array_equal(sound_quality.harmonic(window, silence, SETTINGS), silence)


def test_each_row_is_made_of_what_its_name_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that change places would turn the table's meaning round."""
    recorded, other = voice(330.0), voice(247.0)
    window, decoded = (spectrogram.log_spectrogram(each, AUDIO).astype(np.float32) for each in (recorded, other))
    monkeypatch.setattr(phases, "sound", lambda given, audio: recorded if np.array_equal(given, window) else other)
    monkeypatch.setattr(
        sound_quality, "harmonic", lambda given, plain, settings: plain * np.array_equal(given, decoded)
    )
    made = sound_quality.sounds(recorded, window, decoded, SETTINGS)
    assert tuple(made) == sound_quality.ROWS
    assert made["recorded"] is recorded
    assert made["recorded magnitudes"] is recorded
    assert made["codes"] is other
    assert np.array_equal(made["codes, harmonics"], other)
    # With the recording's own magnitudes, the recorded phases give the recording back.
    same = sound_quality.sounds(recorded, window, window, SETTINGS)["codes, recorded phases"]
    assert np.abs(same - recorded)[2000:-2000].max() < 0.01
    assert np.abs(made["codes, recorded phases"] - recorded).max() > 0.1


def test_log_spectral_distance_golden() -> None:
    """Half as loud is 6.02 dB away in every bin; below the floor nothing differs."""
    noise = 0.3 * np.random.default_rng(2).normal(size=LENGTH)
    assert sound_quality.log_spectral_distance(noise, noise) == 0
    assert sound_quality.log_spectral_distance(noise, noise / 2) == pytest.approx(6.02, abs=0.05)
    assert sound_quality.log_spectral_distance(1e-6 * noise, 0 * noise) == 0


def test_a_table_has_means_in_the_order_of_the_rows() -> None:
    tracks = [(row, 1.0 + i, 2.0, np.nan, 0.5) for i, row in enumerate(sound_quality.ROWS) for _ in range(3)]
    found = pd.DataFrame(tracks[::-1], columns=["sound", *sound_quality.FIGURES])
    lines = sound_quality.markdown(found, SETTINGS).splitlines()[2:]
    for number, (line, row) in enumerate(zip(lines, sound_quality.ROWS, strict=True)):
        mean = f"{1 + number:.3f}"
        assert line == f"| {row} | {mean} ({mean} to {mean}) | 2.000 (2.000 to 2.000) | – | 0.500 (0.500 to 0.500) |"


def test_visqol_prefers_less_noise() -> None:
    pytest.importorskip("visqol", reason="an extra that this benchmark alone uses")
    sound = voice(220.0)
    noise = np.random.default_rng(3).normal(size=LENGTH)
    same, near, far = (sound_quality.visqol(sound, sound + gain * noise, RATE_HZ) for gain in (0, 0.001, 0.1))
    assert 5 >= same > near > far >= 1
