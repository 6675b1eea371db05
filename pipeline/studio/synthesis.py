"""The sound: sampled instruments. Each player has their own room and their own equaliser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import tinysoundfont
from scipy.signal import fftconvolve, iirfilter, sosfilt

from pipeline.studio.instruments import Instrument
from pipeline.studio.score import Part

_LOUDNESS_DB = -18.0  # RMS of a part while it sounds, relative to full scale
_PEAK = 0.9  # largest absolute sample
_DRUM_BANK = 128  # of a SoundFont
_CHORD = 0.75  # velocity of a chord's other notes, as a share of the note's


def synthesise(
    instrument: Instrument, part: Part, duration_s: float, sample_rate_hz: int, rng: np.random.Generator
) -> np.ndarray:
    """The part as sound, in time with the score: float32 [samples], exactly `duration_s` long, below full scale."""
    samples = round(duration_s * sample_rate_hz)
    dry = _play(instrument, part, samples, sample_rate_hz)
    sound = _room(_equalise(dry, sample_rate_hz, rng), sample_rate_hz, rng)
    loud = np.abs(sound) > 1e-3 * np.abs(sound).max()
    level = 10 ** (_LOUDNESS_DB / 20) / np.sqrt(np.mean(sound[loud] ** 2))
    return (sound * min(level, _PEAK / np.abs(sound).max())).astype(np.float32)


def mix(parts: list[np.ndarray]) -> np.ndarray:
    """The sum of all players, turned down only if it would exceed the peak: float32 [samples]."""
    total = np.sum(parts, axis=0)
    return (total * min(1.0, _PEAK / np.abs(total).max())).astype(np.float32)


def _play(instrument: Instrument, part: Part, samples: int, sample_rate_hz: int) -> np.ndarray:
    """The part as the SoundFont plays it, with every note at its exact sample: float64 [samples]."""
    synth = tinysoundfont.Synth(samplerate=sample_rate_hz)
    font = synth.sfload(str(Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")))
    synth.program_select(0, font, _DRUM_BANK if instrument.drums else 0, 0 if instrument.drums else instrument.program)
    blocks, now = [], 0
    # At equal times, note-off comes before note-on. Otherwise a repeated pitch would be silenced.
    for time_s, pitch, velocity in sorted(_events(instrument, part), key=lambda event: (event[0], event[2])):
        place = round(time_s * sample_rate_hz)
        blocks.append(_render(synth, place - now))
        now = place
        if velocity:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    blocks.append(_render(synth, samples - now))
    return np.concatenate(blocks)[:samples]


def _events(instrument: Instrument, part: Part) -> Iterator[tuple[float, int, int]]:
    """Time in s, key and velocity of each start of a note; of its end, velocity 0."""
    notes = zip(part.onsets_s, part.durations_s, part.pitches.tolist(), part.velocities.tolist(), strict=True)
    for number, (onset_s, duration_s, pitch, velocity) in enumerate(notes):
        if instrument.drums:
            # A drum rings until it is silent.
            yield from ((onset_s, key, velocity) for key in instrument.drums[instrument.drum(pitch)])
            continue
        keys = sorted([pitch, *(pitch + step for step in instrument.chord)])
        # A hand that strums goes down over the strings, from low to high, and comes back up.
        for place, key in enumerate(keys if number % 2 == 0 else reversed(keys)):
            yield onset_s + place * instrument.strum_s, key, velocity if key == pitch else round(_CHORD * velocity)
            yield onset_s + duration_s, key, 0


def _render(synth: Any, samples: int) -> np.ndarray:
    """The next samples, both channels averaged: float64 [samples], empty if samples <= 0."""
    if samples <= 0:
        return np.zeros(0)
    stereo = np.frombuffer(synth.generate(samples), dtype=np.float32).reshape(samples, 2)
    return stereo.mean(axis=1, dtype=np.float64)


def _equalise(sound: np.ndarray, sample_rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Raise or lower three bands a little, as another instrument and another microphone would."""
    for low_hz, high_hz in ((80, 300), (900, 1800), (2500, 6000)):
        band = iirfilter(
            1, (low_hz, min(high_hz, 0.45 * sample_rate_hz)), btype="band", fs=sample_rate_hz, output="sos"
        )
        sound = sound + (10 ** (rng.uniform(-2, 2) / 20) - 1) * sosfilt(band, sound)
    return sound


def _room(sound: np.ndarray, sample_rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """A booth like URMP's: the direct sound without delay, a few reflections, and a tail of decaying noise."""
    decay_s = rng.uniform(0.15, 0.3)  # to -60 dB
    echo = rng.normal(size=round(decay_s * sample_rate_hz))
    times_s = np.arange(len(echo)) / sample_rate_hz
    echo *= 10 ** (-3 * times_s / decay_s)
    # Air and walls absorb the treble first.
    soft = iirfilter(
        1, min(rng.uniform(2500, 5000), 0.45 * sample_rate_hz), btype="low", fs=sample_rate_hz, output="sos"
    )
    echo = sosfilt(soft, echo)
    echo[: round(rng.uniform(0.008, 0.02) * sample_rate_hz)] = 0.0
    echo *= rng.uniform(0.05, 0.15) / np.linalg.norm(echo)
    for delay_s in rng.uniform(0.004, 0.03, 4):
        echo[round(delay_s * sample_rate_hz)] += rng.uniform(-0.04, 0.04)
    echo[0] = 1.0
    return fftconvolve(sound, echo)[: len(sound)]
