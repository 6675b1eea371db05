"""Notes heard in the sound of one player, where nobody has written them down.

`pyin` hears one note at a time: it begins at an onset of the project's own detector, or where pYIN's pitch becomes another, and has
the median of the pitches that follow. `basic_pitch` hears chords, too. Either misses notes and hears some that are none, so notes
that were heard are no truth to judge a model by.

A note's velocity follows its loudness. A long sound is heard in pieces that overlap, so that it needs little memory.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import librosa
import numpy as np
from pretty_midi import Note
from scipy.ndimage import maximum_filter1d

from pipeline import params
from pipeline.audio import onset_detector, pitch_tracker, spectrogram
from pipeline.notes import basic_pitch

Method = Literal["pyin", "basic_pitch"]
Heard = np.ndarray  # float64 [notes, 3] = onset s, end s, MIDI pitch

PIECE_S, AROUND_S = 60.0, 4.0  # length of a piece; what is heard of the sound before and after it
PITCH_EVERY = 2  # frames; neighbouring frames have nearly the same pitch, and tracking takes nearly all of the time
STEADY = 3  # frames of pitch before and after a change, by whose medians it is told
CHANGE = 0.8  # semitones of it, at least; vibrato is less
ATTACK_S = 0.03  # of a note, in which its pitch is not yet clear
FALL_DB = 20.0  # a note ends when it is so much softer than at its loudest
SILENT_DB = 45.0  # a note so much softer than the loud ones of its sound is noise
LOUD = 90  # velocity of a loud note; that of the others is by the rule of DLS, whose loudness is 40 dB * log10(velocity / 127)
# basic-pitch's own: the least likelihood of an onset, and of a note that goes on; so many frames without it end a note; and one
# that is shorter than so many frames is an overtone that the attack made sound.
STARTS, SOUNDS, GAP_FRAMES, SHORTEST_FRAMES = 0.5, 0.3, 11, 11


def notes(
    sound: np.ndarray,
    audio: params.Audio,
    keys: params.Notes,
    method: Method,
    tick: Callable[[float], object] = lambda _: None,
) -> list[Note]:
    """The notes of a sound, by their onsets.

    Args:
        sound: float32 [samples] at audio.sample_rate_hz, full scale at -1 and 1.
        keys: the range in which pitches are looked for.
        tick: called with the length of each piece that was heard, s.

    Raises:
        ParamsError: basic-pitch is asked for and not installed.
    """
    hear: Callable[[np.ndarray, params.Audio, params.Notes], Heard]
    hear = by_pyin if method == "pyin" else by_basic_pitch
    level_db = loudness_db(sound, audio.hop_length)
    loud_db = float(
        np.quantile(level_db[level_db > level_db.max() - SILENT_DB], 0.95)
    )  # of what sounds, however seldom
    found = []
    for piece, first_s, begin_s, end_s in pieces(sound, audio.sample_rate_hz):
        for onset_s, until_s, pitch in hear(piece, audio, keys).tolist():
            if begin_s <= first_s + onset_s < end_s:
                found.append((first_s + onset_s, first_s + until_s, round(pitch)))
        tick(min(end_s, len(sound) / audio.sample_rate_hz) - begin_s)
    made = []
    for onset_s, until_s, pitch in sorted(found):
        here = level_db[int(onset_s * audio.fps) : round(until_s * audio.fps) + 1]
        softer_db = loud_db - float(here.max(initial=-np.inf))
        if softer_db < SILENT_DB and keys.lowest_midi <= pitch <= keys.highest_midi:
            velocity = round(LOUD * 10 ** (-softer_db / 40))
            made.append(Note(int(np.clip(velocity, 1, 127)), pitch, onset_s, until_s))
    return made


def pieces(sound: np.ndarray, rate_hz: int) -> Iterator[tuple[np.ndarray, float, float, float]]:
    """Parts of a sound: its samples with those around, the time of the first, and the stretch whose notes are its own, in s."""
    length, around = round(PIECE_S * rate_hz), round(AROUND_S * rate_hz)
    for begin in range(0, len(sound), length):
        first = max(begin - around, 0)
        yield sound[first : begin + length + around], first / rate_hz, begin / rate_hz, (begin + length) / rate_hz


def loudness_db(sound: np.ndarray, hop_length: int) -> np.ndarray:
    """Loudness of each frame, float64 [1 + samples // hop_length]: the mean square of the samples from there to the next, in dB."""
    whole = len(sound) // hop_length * hop_length
    rows = sound[:whole].reshape(-1, hop_length)
    power = np.einsum("ij,ij->i", rows, rows, dtype=np.float64) / hop_length
    rest = sound[whole:].astype(np.float64)
    return 10 * np.log10(np.append(power, np.mean(rest**2) if len(rest) else 0.0) + 1e-12)


def by_pyin(sound: np.ndarray, audio: params.Audio, keys: params.Notes) -> Heard:
    """One note from each onset, or change of the pitch, to where it has faded or the next begins; its pitch is the median."""
    found_s = onset_detector.detect(spectrogram.log_spectrogram(sound, audio), audio.fps)
    if not len(found_s):
        return np.zeros((0, 3))
    low_hz, high_hz = (float(librosa.midi_to_hz(midi)) for midi in (keys.lowest_midi, keys.highest_midi))
    hz = pitch_tracker.track(sound, audio.sample_rate_hz, PITCH_EVERY * audio.hop_length, low_hz, high_hz)
    onsets = np.round(found_s * audio.fps).astype(int).tolist()
    for change in changes(hz):
        if min(abs(PITCH_EVERY * change - onset) for onset in onsets) >= onset_detector.APART_S * audio.fps:
            onsets.append(PITCH_EVERY * change)
    level_db = loudness_db(sound, audio.hop_length)
    found = []
    for onset, after in pairwise([*sorted(onsets), len(level_db)]):
        here = level_db[onset:after]
        until = onset + 1 + int(np.flatnonzero(here > here.max() - FALL_DB)[-1])
        first = onset + round(ATTACK_S * audio.fps)
        tracked = hz[first // PITCH_EVERY : max(until // PITCH_EVERY, first // PITCH_EVERY + 1)]
        voiced = tracked[tracked > 0]
        # Where nothing is voiced, as in a drum's stroke, its best guesses are all there is.
        if len(tracked):
            pitch = float(np.median(librosa.hz_to_midi(voiced if len(voiced) else -tracked)))
            found.append((onset / audio.fps, until / audio.fps, pitch))
    return np.array(found).reshape(-1, 3)


def changes(hz: np.ndarray) -> list[int]:
    """The frames at which a pitch becomes another: where the medians before and after differ most.

    Args:
        hz: as of `pitch_tracker.track`.
    """
    if len(hz) < 2 * STEADY:
        return []
    midi = np.lib.stride_tricks.sliding_window_view(librosa.hz_to_midi(np.abs(hz)), STEADY)
    voiced = np.lib.stride_tricks.sliding_window_view(hz, STEADY).min(1) > 0
    median = np.median(midi, axis=1)
    differs = np.where(voiced[:-STEADY] & voiced[STEADY:], np.abs(median[STEADY:] - median[:-STEADY]), 0)
    places = np.flatnonzero(differs >= CHANGE)
    stretches = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []
    largest = [stretch[differs[stretch] >= differs[stretch].max() - 0.05] for stretch in stretches]
    return [round(float(stretch.mean())) + STEADY for stretch in largest]


def by_basic_pitch(sound: np.ndarray, audio: params.Audio, keys: params.Notes) -> Heard:
    """A note from each peak of the likelihood that a key's note starts, until the key has not sounded for a while."""
    starts, sounds = basic_pitch.hear(sound, audio.sample_rate_hz)
    peaks = (starts == maximum_filter1d(starts, 3, axis=0)) & (starts >= STARTS)
    found = []
    for key in range(basic_pitch.KEYS):
        ends = np.append(np.flatnonzero(peaks[:, key]), len(starts))
        on = np.flatnonzero(sounds[:, key] >= SOUNDS)
        for onset, after in pairwise(ends):
            here = on[(on >= onset) & (on < after)]
            gaps = np.flatnonzero(np.diff(here, prepend=onset) > GAP_FRAMES)
            here = here[: gaps[0]] if len(gaps) else here
            if len(here) and (until := int(here[-1]) + 1) - onset >= SHORTEST_FRAMES:
                found.append((onset / basic_pitch.FPS, until / basic_pitch.FPS, basic_pitch.LOWEST + key))
    return np.array(sorted(found)).reshape(-1, 3)
