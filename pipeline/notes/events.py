"""Notes as a sequence of events: the language of Foley Music, in its published form and in one that keeps time.

The tokens, in this order: 88 note-ons and 88 note-offs (MIDI 21 to 108), the velocity of the note-ons that follow, 32 time shifts
of 1.15^k / 65 s for k = 0..31 (15 ms to 1.2 s), and the three that are no event: start, end, padding. A gap is a greedy sum of
shifts. In a chord each note has its own events; a pitch that is struck again before its end ends there.

Published, each gap is counted from the event before it and is always rounded down, and the rest is dropped: the music runs
ahead of itself. A note lasts 0.25 s at least. With `carry`, a gap is counted from the
clock that the tokens before have reached, and is rounded to the nearest: no event is ever more than 8 ms off.

Source: Gan, Huang, Chen, Tenenbaum and Torralba, "Foley Music: Learning to Generate Music from Videos" (ECCV 2020, arXiv
2007.10984), section 3.2, and its code; the events are those of Oore et al., "This Time with Feeling" (2018, arXiv 1808.03715).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pretty_midi import Note

LOWEST, PITCHES = 21, 88  # MIDI number of the lowest note; the keys of a piano
SHIFTS_S = 1.15 ** np.arange(32) / 65
SOFTEST, LOUDEST = 21, 108  # velocities beyond are cut off, as published
SHORTEST_S = 0.25  # published: half a beat at 120 beats a minute
UNENDED_S = 1.0  # length of a note without a note-off, as published
NO_OFF = PITCHES  # a note-off lies so far above its note-on


@dataclass(frozen=True)
class Code:
    """How notes become tokens.

    Attributes:
        carry: whether the rest of a gap is carried over to the next.
        velocity_steps: steps of the velocity.
        longest: tokens of a sequence, its end included.
    """

    carry: bool
    velocity_steps: int
    longest: int

    @cached_property
    def first_velocity(self) -> int:
        return 2 * PITCHES

    @cached_property
    def first_shift(self) -> int:
        return self.first_velocity + self.velocity_steps

    @cached_property
    def start(self) -> int:
        return self.first_shift + len(SHIFTS_S)

    @cached_property
    def end(self) -> int:
        return self.start + 1

    @cached_property
    def padding(self) -> int:
        return self.start + 2

    @cached_property
    def tokens(self) -> int:
        """Number of different tokens; the published code has 243."""
        return self.start + 3

    @cached_property
    def advances_s(self) -> np.ndarray:
        """By how much each token moves the clock, float64 [tokens]: 0 for all but the shifts."""
        found = np.zeros(self.tokens)
        found[self.first_shift : self.start] = SHIFTS_S
        return found

    def encode(self, notes: Sequence[Note], duration_s: float) -> np.ndarray:
        """The notes that start from 0 s on and before `duration_s`: int16 [longest], an end after the last event, then padding.

        A note that ends after `duration_s` gets no note-off, so cut the ends of notes that shall have one. A note beyond the
        keys of a piano is left out. Events that no longer fit are left out: `len(self.events(...))` tells.
        """
        found = self.events(notes, duration_s)[: self.longest - 1]
        tokens = np.full(self.longest, self.padding, np.int16)
        tokens[: len(found) + 1] = [*found, self.end]
        return tokens

    def events(self, notes: Sequence[Note], duration_s: float) -> list[int]:
        """The tokens of the notes, without the end, however many they are."""
        tokens: list[int] = []
        clock_s = 0.0
        for time_s, _, token, velocity in sorted(_strikes(notes, duration_s)):
            reached_s = clock_s + self._shift(time_s - clock_s, tokens)
            clock_s = reached_s if self.carry else time_s
            if token < NO_OFF:
                tokens.append(self.first_velocity + self._step(velocity))
            tokens.append(token)
        return tokens

    def _shift(self, gap_s: float, tokens: list[int]) -> float:
        """Append the shifts of a gap, and return their sum in s."""
        done_s = 0.0
        spare_s = SHIFTS_S[0] / 2 if self.carry else 0.0  # half of the smallest: rounds to the nearest
        while (rest_s := gap_s - done_s) + spare_s >= SHIFTS_S[0] - 1e-12:
            largest = max(int(np.searchsorted(SHIFTS_S, rest_s + 1e-12, side="right")) - 1, 0)
            tokens.append(self.first_shift + largest)
            done_s += float(SHIFTS_S[largest])
        return done_s

    def _step(self, velocity: int) -> int:
        share = (min(max(velocity, SOFTEST), LOUDEST) - SOFTEST) / (LOUDEST - SOFTEST + 1)
        return int(share * self.velocity_steps)

    def velocity(self, step: int) -> int:
        """The velocity in the middle of a step."""
        return int(SOFTEST + (step + 0.5) * (LOUDEST - SOFTEST + 1) / self.velocity_steps)

    def clock(self, tokens: np.ndarray) -> np.ndarray:
        """The time that the tokens before each token have reached, in s: float32 [..., T] of tokens [..., T]."""
        advances = self.advances_s[tokens]
        return (advances.cumsum(-1) - advances).astype(np.float32)

    def decode(self, tokens: np.ndarray) -> list[Note]:
        """The notes of tokens [T], by their onsets. The end and padding end them; a note-off without its note-on does nothing."""
        shortest_s = float(SHIFTS_S[0]) if self.carry else SHORTEST_S
        found: list[Note] = []
        sounding: dict[int, Note] = {}
        clock_s, loudness = 0.0, 64
        for token in tokens.tolist():
            if token >= self.end:
                break
            if token < NO_OFF:
                if token in sounding:
                    sounding[token].end = clock_s
                sounding[token] = Note(loudness, LOWEST + token, clock_s, clock_s + UNENDED_S)
                found.append(sounding[token])
            elif token < self.first_velocity:
                if (note := sounding.pop(token - NO_OFF, None)) is not None:
                    note.end = clock_s
            elif token < self.first_shift:
                loudness = self.velocity(token - self.first_velocity)
            clock_s += float(self.advances_s[token])
        for note in found:
            note.end = max(note.end, note.start + shortest_s)
        return found


def _strikes(notes: Sequence[Note], duration_s: float) -> Iterator[tuple[float, bool, int, int]]:
    """Time in s, whether a note starts, token and velocity of each note-on and note-off; at one time, note-offs sort first."""
    ends: dict[int, float] = {}  # of the note of each key that sounds
    kept = [note for note in notes if 0 <= note.start < duration_s and 0 <= note.pitch - LOWEST < PITCHES]
    for note in sorted(kept, key=lambda note: note.start, reverse=True):
        key = note.pitch - LOWEST
        end_s = min(max(note.end, note.start + SHIFTS_S[0]), ends.get(key, np.inf))
        ends[key] = note.start
        yield note.start, True, key, note.velocity
        if end_s <= duration_s:
            yield end_s, False, key + NO_OFF, 0
