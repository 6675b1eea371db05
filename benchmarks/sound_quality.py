"""What does a sound lose on the way through magnitudes, phases and codes? `python -m benchmarks.sound_quality [PART]`

Takes one track of each instrument of a part of the split ("test" unless another is named), at most `LONGEST_S` of it. Rows:

- recorded: the recording itself, the best that a figure can be;
- recorded magnitudes: its log-spectrogram, with the phases that `pipeline.audio.phases` finds, as are all without another word;
- codes: the log-spectrogram that is decoded from its codes;
- codes, recorded phases: the same with the recording's phases, so what the magnitudes alone lose;
- codes, harmonics: resynthesis of the decoded log-spectrogram as one voice, see `harmonic`.

Prints a Markdown table: means over tracks and their bootstrap intervals of

- ViSQOL, 1 to 5, audio mode (Chinen et al., QoMEX 2020), which wants 48 kHz: both sides are resampled, so that neither has
  anything above half the run's rate, and the recording against itself has 4.73;
- LSD, dB: log-spectral distance, mean of three resolutions, 0 for the recording;
- heard: share of whole windows of the sound in which the classifier hears the right instrument;
- onset F1: of the project's detector on the sound, against the notes.

The last two are of the log-spectrogram of the finished sound, since that is what is heard. ViSQOL is an extra of this benchmark:

    .venv/bin/pip install visqol-python==3.8.0
"""

import sys
from functools import cache
from typing import Any

import librosa
import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import params
from pipeline.audio import onset_detector, phases, pitch_tracker, spectrogram
from pipeline.compute import determinism
from pipeline.corpus.track import Track, read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import SPECTROGRAMS, SPLITS
from pipeline.dataset.shards import Shards
from pipeline.evaluation import cells, content
from pipeline.evaluation.rows import instrument_of
from pipeline.media import sound_files
from pipeline.metrics import bootstrap, onset
from pipeline.sampling import codec

ROWS = ("recorded", "recorded magnitudes", "codes", "codes, recorded phases", "codes, harmonics")
FIGURES = ("ViSQOL", "LSD, dB", "heard", "onset F1")
NOT_LISTENED_TO = "codes, recorded phases"  # nobody hears it: only a recording has its phases
LONGEST_S = 8.0  # ViSQOL's authors advise 5 to 10 s
VISQOL_HZ = 48000
RESOLUTIONS = (512, 1024, 2048)  # FFT sizes, samples; hops are a quarter
COARSE = 0.006  # error of the tracked pitch, as a share: half of its grid of 20 cents
FLOOR_DB = -80.0  # re a full-scale sine: silence is not infinitely far from nearly silent


def log_spectral_distance(reference: np.ndarray, sound: np.ndarray) -> float:
    """Root mean square difference over bins of levels in dB, mean over frames, mean over `RESOLUTIONS`.

    Args:
        reference, sound: float [samples], full scale at -1 and 1.
    """

    def levels(samples: np.ndarray, n_fft: int) -> np.ndarray:
        magnitude = (
            np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=n_fft // 4)) * 4 / n_fft
        )  # a full-scale sine: 1
        return 20 * np.log10(np.maximum(magnitude, 10 ** (FLOOR_DB / 20)))

    differences = (levels(reference, n_fft) - levels(sound, n_fft) for n_fft in RESOLUTIONS)
    return float(np.mean([np.sqrt(np.square(each).mean(0)).mean() for each in differences]))


def visqol(reference: np.ndarray, sound: np.ndarray, rate_hz: int) -> float:
    """MOS-LQO, 1 to 5, of a sound [samples] against its reference."""
    both = (
        librosa.resample(each.astype(np.float64), orig_sr=rate_hz, target_sr=VISQOL_HZ) for each in (reference, sound)
    )
    return float(_visqol().measure_from_arrays(*both, sample_rate=VISQOL_HZ).moslqo)


def harmonic(window: np.ndarray, plain: np.ndarray, settings: params.Params) -> np.ndarray:
    """Resynthesis of a log-spectrogram [frames, bins] as one voice: float32 [samples], as long as `plain`.

    The pitch is that of `plain`, the sound with the plain phases, made finer by the peaks of the magnitudes. Amplitudes of all
    harmonics below Nyquist are read from the magnitudes at the multiples of the pitch, between bins. Their phases are the integrals
    of their frequencies. What magnitude the harmonics leave becomes noise: white noise, shaped in time and frequency. Where no
    pitch is heard, it is `plain`.

    Source: harmonics plus noise, Serra and Smith, "Spectral Modeling Synthesis" (Computer Music Journal 1990).
    """
    audio, notes = settings.audio, settings.notes
    low_hz, high_hz = (float(librosa.midi_to_hz(midi)) for midi in (notes.lowest_midi, notes.highest_midi))
    pitch_hz = pitch_tracker.track(plain, audio.sample_rate_hz, audio.hop_length, low_hz, high_hz)[: len(window)]
    voiced = np.flatnonzero(pitch_hz > 0)
    if not len(voiced):
        return plain
    frames, samples = np.arange(len(window)), np.arange(len(plain)) / audio.hop_length  # both in frames
    pitch_hz = np.interp(frames, voiced, pitch_hz[voiced])
    magnitude = _magnitude(window, audio)
    pitch_hz = _refined(pitch_hz, magnitude, audio)
    phase = 2 * np.pi * np.cumsum(np.interp(samples, frames, pitch_hz)) / audio.sample_rate_hz
    made = np.zeros(len(plain))
    for number in range(1, int(audio.sample_rate_hz / 2 / pitch_hz.min()) + 1):
        amplitude = np.where(
            number * pitch_hz < audio.sample_rate_hz / 2, _between(magnitude, number * pitch_hz, audio), 0
        )
        made += np.interp(samples, frames, amplitude) * np.sin(number * phase)
    left = np.sqrt(np.maximum(magnitude**2 - np.abs(_stft(made, audio)) ** 2, 0))
    noise = _stft(np.random.default_rng(settings.seed).normal(size=len(plain)), audio)
    # A decoder learns means of logarithms, so what shapes it is smooth, and the noise must have a mean logarithm of 0. By its
    # mean power it would be 2.5 dB too soft.
    made += _istft(left * noise / np.exp(np.log(np.abs(noise)).mean()), len(plain), audio)
    share = np.interp(samples, frames, np.isin(frames, voiced).astype(float))
    return (share * made + (1 - share) * plain).astype(np.float32)


def _refined(pitch_hz: np.ndarray, magnitude: np.ndarray, audio: params.Audio) -> np.ndarray:
    """Pitch [frames] by the peaks of its low multiples in magnitudes [bins, frames], each the top of a parabola of levels.

    The tracker's own is so coarse that the twentieth multiple of 440 Hz may be 6 bins away from its harmonic.
    """
    bin_hz, frames = audio.sample_rate_hz / audio.n_fft, np.arange(len(pitch_hz))
    level = np.log(np.maximum(magnitude, 1e-9))
    total, weights = np.zeros(len(pitch_hz)), np.full(len(pitch_hz), 1e-12)
    for number in range(1, max(int(bin_hz / COARSE / pitch_hz.min()), 1) + 1):
        near = np.clip(np.rint(number * pitch_hz / bin_hz).astype(int), 2, len(magnitude) - 3)
        near += level[near + np.array([[-1], [0], [1]]), frames].argmax(0) - 1
        left, top, right = level[near + np.array([[-1], [0], [1]]), frames]
        off = np.clip((left - right) / 2 / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
        weight = np.where(number * pitch_hz * COARSE <= bin_hz, (number * magnitude[near, frames]) ** 2, 0)
        total += weight * (near + off) * bin_hz / number
        weights += weight
    return np.clip(total / weights, pitch_hz * (1 - COARSE), pitch_hz * (1 + COARSE))


def _between(magnitude: np.ndarray, hz: np.ndarray, audio: params.Audio) -> np.ndarray:
    """Amplitude [frames] of a sine of `hz` [frames] in magnitudes [bins, frames], full scale 1.

    Interpolates between the two nearest bins, and divides by what a sine of amplitude 1 has there, which is less between bins.
    """
    place = hz * audio.n_fft / audio.sample_rate_hz
    below = np.minimum(place.astype(int), len(magnitude) - 2)
    off, frames = place - below, np.arange(len(place))

    def lobe(bins: np.ndarray) -> np.ndarray:  # of the Hann window; its limit at one bin off is 1 / 2
        return np.sinc(bins) / np.where(np.isclose(bins, 1), np.inf, 1 - bins**2) + 0.5 * np.isclose(bins, 1)

    read = (1 - off) * magnitude[below, frames] + off * magnitude[below + 1, frames]
    return read / ((1 - off) * lobe(off) + off * lobe(1 - off)) * 4 / audio.n_fft


def _magnitude(window: np.ndarray, audio: params.Audio) -> np.ndarray:
    """Of a log-spectrogram [frames, bins], as of `_stft`: [bins + 1, frames]."""
    return spectrogram.magnitude(window, audio).T / spectrogram.window(audio).max()


def _stft(sound: np.ndarray, audio: params.Audio) -> np.ndarray:
    return librosa.stft(sound, n_fft=audio.n_fft, hop_length=audio.hop_length)


def _istft(spectrum: np.ndarray, samples: int, audio: params.Audio) -> np.ndarray:
    return librosa.istft(spectrum, n_fft=audio.n_fft, hop_length=audio.hop_length, length=samples)


def sounds(
    recorded: np.ndarray, window: np.ndarray, decoded: np.ndarray, settings: params.Params
) -> dict[str, np.ndarray]:
    """Each of `ROWS`, float32 [samples].

    Args:
        recorded: the sound, float32 [(frames - 1) * hop_length].
        window, decoded: its log-spectrogram, and that from its codes, [frames, bins].
    """
    audio, plain = settings.audio, phases.sound(decoded, settings.audio)
    turned = _magnitude(decoded, audio) * np.exp(1j * np.angle(_stft(recorded, audio)))
    made = (
        recorded,
        phases.sound(window, audio),
        plain,
        _istft(turned, len(recorded), audio),
        harmonic(decoded, plain, settings),
    )
    return dict(zip(ROWS, made, strict=True))


def read(track: Track, audio: params.Audio) -> np.ndarray:
    """The first `LONGEST_S` of a track's sound, whole hops: float32 [samples]."""
    sound, native_hz = sound_files.decode_audio(track.audio)
    end_s = min(track.end_s or np.inf, track.start_s + LONGEST_S)
    sound = sound[round(track.start_s * native_hz) : round(min(end_s * native_hz, len(sound)))]
    sound = sound_files.resample(sound, native_hz, audio.sample_rate_hz)
    return sound[: len(sound) // audio.hop_length * audio.hop_length]


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    audio, vqvae, classifier, instruments = settings.audio, codec.load(), cells.load_classifier(), instrument_of()
    spectrograms, tracks = Shards(SPECTROGRAMS), {track.name: track for track in read_tracks()}
    there = [
        name for name in split.tracks(SPLITS, sys.argv[1] if len(sys.argv) > 1 else "test") if name in spectrograms
    ]
    chosen = [
        next(name for name in there if instruments[name] == one)
        for one in sorted({instruments[name] for name in there})
    ]
    frames, found = round(settings.windows.duration_s * audio.fps), []
    for name in tqdm(chosen, "tracks"):
        recorded = read(tracks[name], audio)
        window = spectrogram.log_spectrogram(recorded, audio)
        decoded = codec.decode_long(vqvae, codec.encode(vqvae, window))
        ((_, true_s),) = content.content([(name, 0)], len(window), settings)
        for row, sound in sounds(recorded, window, decoded, settings).items():
            figures = [
                visqol(recorded, sound, audio.sample_rate_hz),
                log_spectral_distance(recorded, sound),
                np.nan,
                np.nan,
            ]
            if row != NOT_LISTENED_TO:
                again = spectrogram.log_spectrogram(sound, audio).astype(np.float32)
                whole = again[: len(again) // frames * frames].reshape(-1, frames, again.shape[1])
                if classifier is not None:
                    figures[2] = float(np.mean([one == instruments[name] for one in cells.hear(classifier, whole)]))
                figures[3] = onset.f1(
                    true_s, onset_detector.detect(again, audio.fps), settings.evaluate.onset_tolerance_s
                )
            found.append((row, *figures))
    print(f"{len(chosen)} tracks\n\n{markdown(pd.DataFrame(found, columns=['sound', *FIGURES]), settings)}")


def markdown(found: pd.DataFrame, settings: params.Params) -> str:
    """A table with a row for each of `ROWS`, from one with a row for each track and sound."""

    def cell(values: np.ndarray) -> str:
        values = values[~np.isnan(values)]
        if len(values) < 2:  # no spread
            return f"{values[0]:.3f}" if len(values) else "–"
        low, high = bootstrap.ratio(values, np.ones(len(values)), settings.evaluate.confidence, settings.seed)
        return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"

    lines = [("sound", *FIGURES), ("---",) * (1 + len(FIGURES))]
    for row in ROWS:
        of_row = found[found.sound == row]
        lines.append((row, *(cell(of_row[figure].to_numpy(np.float64)) for figure in FIGURES)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@cache
def _visqol() -> Any:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")
    return api


if __name__ == "__main__":
    main()
