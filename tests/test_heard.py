"""Notes heard in sound: those of known tones and of studio solos, of any length, in little memory."""

import tracemalloc
from importlib import metadata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import PROFILE, REAL

from pipeline.errors import ParamsError
from pipeline.media import sound_files
from pipeline.metrics import notes as note_metrics
from pipeline.notes import basic_pitch, heard
from pipeline.studio import score, synthesis
from pipeline.studio.instruments import BY_CODE

AUDIO, KEYS = PROFILE.audio, PROFILE.notes
RATE_HZ = AUDIO.sample_rate_hz
TRUMPET = REAL / "audio" / "solo_trumpet.ogg"


def installed() -> bool:
    try:
        basic_pitch.network()
    except ParamsError:
        return False
    return True


needs_basic_pitch = pytest.mark.skipif(not installed(), reason="basic-pitch is an extra")


def struck(notes: list[tuple[float, int, float]], duration_s: float) -> np.ndarray:
    """Notes of 0.3 s of onset s, MIDI pitch and level, three partials each."""
    sound = np.zeros(round(duration_s * RATE_HZ), np.float32)
    times_s = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    edges = np.clip(np.minimum(times_s, times_s[::-1]) / 0.01, 0, 1)
    for onset_s, pitch, level in notes:
        hz, first = 440 * 2 ** ((pitch - 69) / 12), round(onset_s * RATE_HZ)
        tone = sum(level / k * np.sin(2 * np.pi * k * hz * times_s) for k in (1, 2, 3)) * edges
        sound[first : first + len(tone)] += tone.astype(np.float32)[: len(sound) - first]
    return sound


def test_known_notes() -> None:
    """Their times and pitches, and the softer one is softer: 12 dB are half of the velocity, by the rule of DLS."""
    known = [(0.5, 57, 0.3), (1.0, 69, 0.3), (1.6, 64, 0.075), (2.2, 60, 0.3)]
    found = heard.notes(struck(known, 3), AUDIO, KEYS, "pyin")
    assert [note.pitch for note in found] == [57, 69, 64, 60]
    assert [note.start for note in found] == pytest.approx([0.5, 1.0, 1.6, 2.2], abs=0.04)
    assert [note.end - note.start for note in found] == pytest.approx([0.3] * 4, abs=0.08)
    loud, soft = found[0].velocity, found[2].velocity
    assert loud == pytest.approx(heard.LOUD, abs=6)
    assert soft == pytest.approx(loud / 2, abs=3)


def sung(pitches: np.ndarray) -> np.ndarray:
    """A tone that never stops, whose MIDI pitch is given for each sample, and that begins at 0.3 s."""
    phase = np.cumsum(440 * 2 ** ((pitches - 69) / 12)) * 2 * np.pi / RATE_HZ
    tone = sum(0.2 / k * np.sin(k * phase) for k in (1, 2, 3)).astype(np.float32)
    return np.pad(tone, (round(0.3 * RATE_HZ), RATE_HZ // 4))


def test_a_slurred_note_is_a_note() -> None:
    """The pitch alone tells where it begins. Vibrato of a third of a semitone is no note."""
    times_s = np.arange(2 * RATE_HZ) / RATE_HZ
    vibrato = 0.3 * np.sin(2 * np.pi * 5.5 * times_s)
    slurred = heard.notes(sung(69 + 3.0 * (times_s > 0.8) + vibrato), AUDIO, KEYS, "pyin")
    assert [note.pitch for note in slurred] == [69, 72]
    assert [note.start for note in slurred] == pytest.approx([0.3, 1.1], abs=0.05)
    assert [note.pitch for note in heard.notes(sung(69 + vibrato), AUDIO, KEYS, "pyin")] == [69]


@pytest.mark.parametrize("samples", [0, 1, 100, 16000])
def test_nothing_is_heard_in_silence(samples: int) -> None:
    assert heard.notes(np.zeros(samples, np.float32), AUDIO, KEYS, "pyin") == []


def test_what_lies_far_below_the_music_is_no_note() -> None:
    """A click at -66 dB in a pause, as an old recording has them."""
    found = heard.notes(struck([(0.3, 57, 0.3), (2.0, 69, 0.00015)], 3), AUDIO, KEYS, "pyin")
    assert [note.pitch for note in found] == [57]


def test_few_notes_in_a_long_silence_are_as_loud_as_many() -> None:
    """Their loudness is measured by what sounds."""
    alone = heard.notes(struck([(0.5, 57, 0.3)], 30), AUDIO, KEYS, "pyin")
    among = heard.notes(struck([(0.5 + second, 57, 0.3) for second in range(4)], 5), AUDIO, KEYS, "pyin")
    assert [note.velocity for note in alone] == [among[0].velocity]


def known_hearing(sound: np.ndarray, *_: Any) -> np.ndarray:
    """A hearing that finds a note wherever the sound is 1, whose pitch is 60."""
    onsets_s = np.flatnonzero(sound == 1) / RATE_HZ
    return np.column_stack([onsets_s, onsets_s + 0.1, np.full(len(onsets_s), 60.0)])


@settings(max_examples=50)
@given(st.lists(st.integers(0, 79), unique=True, max_size=20), st.integers(1, 80))
def test_a_note_at_a_seam_is_heard_once(tenths: list[int], length: int) -> None:
    """Whatever the length of the sound, all notes are there, in order and at their times."""
    patched = pytest.MonkeyPatch()
    with patched.context() as here:
        here.setattr(heard, "PIECE_S", 1.0)
        here.setattr(heard, "AROUND_S", 0.25)
        here.setattr(heard, "by_pyin", known_hearing)
        sound = np.zeros(round(length / 10 * RATE_HZ), np.float32)
        known = sorted(place for place in tenths if place < length)
        sound[[round(place / 10 * RATE_HZ) for place in known]] = 1
        found = heard.notes(sound, AUDIO, KEYS, "pyin")
    assert [note.start for note in found] == pytest.approx([place / 10 for place in known], abs=1e-4)


def test_a_long_sound_is_heard_as_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seams within notes, before and after them: the same notes as in one piece."""
    known = [(0.2 + 0.4 * number, 57 + number % 5, 0.3) for number in range(14)]
    sound = struck(known, 6)
    whole = heard.notes(sound, AUDIO, KEYS, "pyin")
    monkeypatch.setattr(heard, "PIECE_S", 1.3)
    monkeypatch.setattr(heard, "AROUND_S", 0.6)
    parts = heard.notes(sound, AUDIO, KEYS, "pyin")
    assert [note.pitch for note in parts] == [note.pitch for note in whole] == [pitch for _, pitch, _ in known]
    assert [note.start for note in parts] == pytest.approx([note.start for note in whole], abs=0.017)


def test_memory_does_not_grow_with_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "PIECE_S", 1.0)
    monkeypatch.setattr(heard, "AROUND_S", 0.2)
    known = [(0.2 + 0.4 * number, 60, 0.3) for number in range(24)]
    peaks = []
    for duration_s in (2, 10):
        sound = struck([note for note in known if note[0] < duration_s - 0.3], duration_s)
        tracemalloc.start()
        heard.notes(sound, AUDIO, KEYS, "pyin")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0], peaks


def solo(code: str) -> tuple[np.ndarray, np.ndarray]:
    """A studio solo of 8 s: its sound, and its notes, float [notes, 3]."""
    (part,) = score.compose([BY_CODE[code]], 8.0, np.random.default_rng(5))
    sound = synthesis.synthesise(BY_CODE[code], part, 8.0, RATE_HZ, np.random.default_rng(5))
    return sound, np.column_stack([part.onsets_s, part.onsets_s + part.durations_s, part.pitches])


def score_of(code: str, method: heard.Method) -> float:
    sound, true = solo(code)
    found = [(note.start, note.end, note.pitch) for note in heard.notes(sound, AUDIO, KEYS, method)]
    return note_metrics.f1(true, np.array(found).reshape(-1, 3), 0.05)


@pytest.mark.parametrize("code", ["bn", "va"])
def test_the_notes_of_a_solo(code: str) -> None:
    assert score_of(code, "pyin") > 0.8


@needs_basic_pitch
@pytest.mark.parametrize("code", ["bn", "va"])
def test_basic_pitch_hears_a_solo(code: str) -> None:
    assert score_of(code, "basic_pitch") > 0.8


def test_basic_pitch_hears_chords_and_no_overtones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys together; one that is struck again; a gap that ends a note; and a key that sounds for a moment alone."""
    starts, sounds = (np.zeros((200, basic_pitch.KEYS), np.float32) for _ in range(2))
    starts[[10, 10, 60], [39, 43, 39]] = 0.9
    sounds[10:120, 39] = sounds[10:50, 43] = 0.8
    sounds[80:100, 43] = 0.8  # nothing starts here
    starts[10, 51], sounds[10:14, 51] = 0.9, 0.8
    monkeypatch.setattr(basic_pitch, "hear", lambda *_: (starts, sounds))
    found = heard.by_basic_pitch(np.zeros(0), AUDIO, KEYS) * [basic_pitch.FPS, basic_pitch.FPS, 1]
    assert found.round().astype(int).tolist() == [[10, 50, 64], [10, 60, 60], [60, 120, 60]]


def test_an_extra_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(basic_pitch.metadata, "files", missing)
    basic_pitch.network.cache_clear()
    with pytest.raises(ParamsError, match="basic-pitch is not installed; install it with: ") as error:
        heard.notes(struck([(0.2, 60, 0.3)], 1), AUDIO, KEYS, "basic_pitch")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not TRUMPET.exists(), reason="recordings that are not part of the project")
@pytest.mark.parametrize("method", ["pyin", pytest.param("basic_pitch", marks=needs_basic_pitch)])
def test_a_real_trumpet(method: heard.Method) -> None:
    """Notes within a trumpet's range, as many as a loop at 90 beats a minute may have."""
    found = heard.notes(sound_files.read_audio(TRUMPET, RATE_HZ), AUDIO, KEYS, method)
    inside = [note for note in found if 52 <= note.pitch <= 90]
    assert 6 <= len(found) <= 40
    assert len(inside) >= 0.8 * len(found)
