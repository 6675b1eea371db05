"""The music: monophonic parts in phrases. The parts of an ensemble share one key, one tempo and one harmony."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pretty_midi

from pipeline.studio.instruments import Instrument

SHORTEST_S, LONGEST_S = 0.15, 1.5  # limits of a note's sounding length
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
# Chord roots as scale degrees, one per bar.
_PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 1, 4, 0), (0, 5, 1, 4), (0, 2, 3, 4))
# Rhythms of one or two beats: note lengths in beats, and a weight. Agile instruments take the fast ones more often.
_CELLS = (
    ((1.0,), 3.0),
    ((0.5, 0.5), 3.0),
    ((1.5, 0.5), 2.0),
    ((2.0,), 1.2),
    ((0.5, 1.0, 0.5), 1.0),
    ((1 / 3, 1 / 3, 1 / 3), 0.7),
    ((0.25, 0.25, 0.25, 0.25), 1.0),
    ((0.5, 0.25, 0.25), 1.0),
)
_BEATS_PER_BAR = 4


@dataclass(frozen=True)
class Part:
    """The notes of one player, in order and never overlapping.

    Attributes:
        onsets_s, durations_s: float64 [notes], seconds.
        pitches: int64 [notes], MIDI numbers.
        velocities: int64 [notes], MIDI velocities 1..127.
        phrases: int64 [notes], number of the phrase that each note belongs to.
        beat_s: length of a beat, seconds.
    """

    onsets_s: np.ndarray
    durations_s: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    phrases: np.ndarray
    beat_s: float

    @property
    def hz(self) -> np.ndarray:
        """Pitches in Hz, equal temperament, A4 = 440 Hz: float64 [notes]."""
        return 440.0 * 2.0 ** ((self.pitches - 69) / 12)


def compose(players: list[Instrument], duration_s: float, rng: np.random.Generator) -> list[Part]:
    """Compose one part per player, in one key, tempo and harmony. All parts end before `duration_s`."""
    root = int(rng.integers(12))
    scale = _MAJOR if rng.random() < 0.6 else _MINOR
    beat_s = 60.0 / rng.uniform(66, 126)
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    start_s = rng.uniform(0.35, 0.6)
    return [
        _compose_part(player, root, scale, progression, beat_s, start_s, duration_s, generator)
        for player, generator in zip(players, rng.spawn(len(players)), strict=True)
    ]


def _compose_part(
    player: Instrument,
    root: int,
    scale: tuple[int, ...],
    progression: tuple[int, ...],
    beat_s: float,
    start_s: float,
    duration_s: float,
    rng: np.random.Generator,
) -> Part:
    # Each part keeps to the middle of the instrument's range, as real parts do. So the pitches of one player occur in
    # the music of others, and a few minutes per instrument are enough to learn its sound.
    width = int(rng.integers(12, 16))
    low = (player.low + player.high - width) // 2 + int(rng.integers(-3, 4))
    pitches = np.array([pitch for pitch in range(low, low + width + 1) if (pitch - root) % 12 in scale])
    legato = rng.uniform(0.86, 0.97)
    weights = np.array(
        [weight * (1.6 - player.agility if len(cell) < 3 else player.agility) for cell, weight in _CELLS]
    )
    weights *= [min(cell) * beat_s * 0.8 >= SHORTEST_S for cell, _ in _CELLS]
    weights /= weights.sum()

    notes: list[tuple[float, float, int, int, int]] = []
    beat, phrase, place = 0.0, 0, int(rng.integers(len(pitches)))
    last_s = max(duration_s - 0.25, start_s + SHORTEST_S)
    while start_s + beat * beat_s + SHORTEST_S <= last_s:
        length = float(rng.choice((4, 6, 8)))
        peak, loudness = rng.uniform(0.3, 0.8), rng.uniform(72, 90)
        end = beat + length
        while beat < end:
            for slot in _CELLS[rng.choice(len(_CELLS), p=weights)][0]:
                place = _next_place(place, pitches, _chord(root, scale, progression, beat), beat, rng)
                arch = 1 - abs((beat - (end - length)) / length - peak)
                velocity = int(np.clip(loudness + 16 * (arch - 0.6) + rng.normal(0, 3) + 5 * (beat % 1 == 0), 40, 118))
                sounding = legato if rng.random() > 0.18 else 0.6
                onset_s = start_s + beat * beat_s
                seconds = float(np.clip(sounding * slot * beat_s, SHORTEST_S, LONGEST_S))
                seconds = min(seconds, last_s - onset_s)
                if seconds >= SHORTEST_S:
                    notes.append((onset_s, seconds, int(pitches[place]), velocity, phrase))
                beat += slot
        phrase += 1
        # Phrases start on half beats, so that an ensemble stays together.
        beat = np.ceil(beat * 2) / 2 + float(rng.choice((0.5, 1.0, 1.5)))
    onsets_s, durations_s, note_pitches, velocities, phrases = (np.array(column) for column in zip(*notes, strict=True))
    return Part(onsets_s, durations_s, note_pitches, velocities, phrases, beat_s)


def _chord(root: int, scale: tuple[int, ...], progression: tuple[int, ...], beat: float) -> set[int]:
    degree = progression[int(beat // _BEATS_PER_BAR) % len(progression)]
    return {(root + scale[(degree + third) % 7]) % 12 for third in (0, 2, 4)}


def _next_place(place: int, pitches: np.ndarray, chord: set[int], beat: float, rng: np.random.Generator) -> int:
    """The next index into `pitches`, a step or a small leap away. On the beat it is that of the nearest chord note."""
    step = int(rng.choice((-4, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4)))
    # Pull back to the middle; a plain random walk would spend its time at the edges of the range.
    step += int(rng.random() < 0.35) * int(np.sign(len(pitches) / 2 - place))
    place = int(np.clip(place + step, 0, len(pitches) - 1))
    if beat % 1 == 0:
        in_chord = [i for i, pitch in enumerate(pitches) if pitch % 12 in chord]
        place = min(in_chord, key=lambda i: (abs(i - place), i))
    return place


def write_midi(path: Path, players: list[Instrument], parts: list[Part]) -> None:
    """Write the piece as MIDI, one track per player, in the players' order."""
    # At 960 ticks per beat, onsets in the file are within 0.5 ms of the exact ones.
    midi = pretty_midi.PrettyMIDI(resolution=960, initial_tempo=60.0 / parts[0].beat_s)
    for player, part in zip(players, parts, strict=True):
        # Drums, too, have a track with pitches: readers of scores leave out the channel of drums, and the part with it.
        track = pretty_midi.Instrument(program=player.program, name=player.name)
        for onset_s, duration_s, pitch, velocity in zip(
            part.onsets_s, part.durations_s, part.pitches, part.velocities, strict=True
        ):
            track.notes.append(pretty_midi.Note(int(velocity), int(pitch), float(onset_s), float(onset_s + duration_s)))
        midi.instruments.append(track)
    midi.write(str(path))


def later(part: Part, by_s: float, duration_s: float) -> Part:
    """The part, begun later and cut off at the end of the piece. It is the same one if `by_s` is 0."""
    if not by_s:
        return part
    onsets_s = part.onsets_s + by_s
    here = onsets_s < duration_s
    arrays = {name: getattr(part, name)[here] for name in ("durations_s", "pitches", "velocities", "phrases")}
    arrays["durations_s"] = np.minimum(arrays["durations_s"], duration_s - onsets_s[here])
    return replace(part, onsets_s=onsets_s[here], **arrays)


def notes_table(part: Part) -> np.ndarray:
    """URMP's Notes file: float64 [notes, 3] = onset s, pitch Hz, duration s."""
    return np.column_stack([part.onsets_s, part.hz, part.durations_s])


def f0_table(part: Part, duration_s: float, step_s: float = 0.01) -> np.ndarray:
    """URMP's F0s file: float64 [steps, 2] = time s, pitch Hz, 0 where nothing sounds."""
    times_s = np.arange(round(duration_s / step_s)) * step_s
    note = np.searchsorted(part.onsets_s, times_s, side="right") - 1
    sounds = (note >= 0) & (times_s < (part.onsets_s + part.durations_s)[note])
    return np.column_stack([times_s, np.where(sounds, part.hz[note], 0.0)])
