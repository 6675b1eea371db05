"""Sampling of events: in batches, with a cache, and under a grammar, so that whatever is drawn is valid MIDI.

The grammar: no note-off without its note-on, nor before time has passed; no second note-on of a note that sounds; no shift that
takes the clock beyond the window; nothing but padding after the end, and an end in every sequence.
"""

from collections.abc import Sequence

import numpy as np
import torch
from pretty_midi import Note
from torch import Tensor

from pipeline.models.event_transformer import EventTransformer
from pipeline.notes.events import NO_OFF, PITCHES, Code

SLACK_S = 1e-6  # for rounding errors in the sum of the shifts


class Grammar:
    """What some sequences, drawn side by side, have reached, and which token may come next.

    Attributes:
        clock_s: float64 (B,), the time that the tokens have reached.
        since_s: float64 (B, 88), when the note of each key began that has not ended, infinite for the others.
        ended: bool (B,).
    """

    def __init__(self, code: Code, sequences: int, duration_s: float, device: torch.device) -> None:
        self.code, self.duration_s = code, duration_s
        self.advances_s = torch.from_numpy(code.advances_s).to(device)  # (tokens,)
        self.clock_s = torch.zeros(sequences, dtype=torch.float64, device=device)
        self.since_s = torch.full((sequences, PITCHES), torch.inf, dtype=torch.float64, device=device)
        self.ended = torch.zeros(sequences, dtype=torch.bool, device=device)

    def allowed(self) -> Tensor:
        """Which tokens may come next: bool (B, tokens)."""
        code = self.code
        found = self.clock_s[:, None] + self.advances_s <= self.duration_s + SLACK_S
        found[:, :NO_OFF] = self.since_s.isinf()
        found[:, NO_OFF : code.first_velocity] = self.since_s < self.clock_s[:, None]
        found[:, code.start] = False
        found[self.ended] = False
        found[:, code.padding] = self.ended
        return found

    def take(self, tokens: Tensor) -> None:
        """Go on by one token each, (B,)."""
        self.clock_s += self.advances_s[tokens]
        self.ended |= tokens == self.code.end
        (on,) = torch.where(tokens < NO_OFF)
        (off,) = torch.where((tokens >= NO_OFF) & (tokens < self.code.first_velocity))
        self.since_s[on, tokens[on]] = self.clock_s[on]
        self.since_s[off, tokens[off] - NO_OFF] = torch.inf


def draw(logits: Tensor, allowed: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A token each of the allowed ones, (B,), from scores (B, tokens)."""
    chances = (logits.float() / temperature).masked_fill(~allowed, -torch.inf).softmax(-1)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]


@torch.inference_mode()
def sample(
    model: EventTransformer,
    motion: Tensor,
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    seen: bool = True,
    given: Tensor | None = None,
    key: Tensor | None = None,
) -> np.ndarray:
    """Draw the notes of some movements.

    Args:
        model: in evaluation mode.
        motion: float32 (B, frames, joints, 2); a sequence is as long as its movement.
        generator: the only source of randomness.
        temperature: times that of the model.
        seen: whether the model sees the movement.
        given: int64 (B, fewer than longest), the first tokens, if they are known already; none of them ends a sequence.
        key: (B, 12) histograms of the keys that are asked for, for a model that knows keys.

    Returns:
        int16 [B, longest], each sequence with its end, then padding.
    """
    assert not model.training, "dropout belongs to training"
    code, device, sequences = Code(**model.code), motion.device, len(motion)
    grammar = Grammar(code, sequences, motion.shape[1] / model.fps, device)
    movement = model.movement(motion, torch.full((sequences,), float(seen), device=device), key)
    caches = model.transformer.empty_caches(sequences, code.longest)
    before = torch.full((sequences, 1), code.start, device=device)
    clock_s = torch.zeros(sequences, 1, device=device)
    drawn = []
    if given is not None and given.shape[1]:
        before = torch.cat([before, given], dim=1)
        for token in given.unbind(1):
            grammar.take(token)
            clock_s = torch.cat([clock_s, grammar.clock_s[:, None].float()], dim=1)
            drawn.append(token)
    while len(drawn) < code.longest and not grammar.ended.all():
        logits = model.logits(before, clock_s, movement, len(drawn) + 1 - before.shape[1], caches)[:, -1]
        allowed = grammar.allowed()
        if len(drawn) == code.longest - 1:  # room for the end alone
            allowed[~grammar.ended] = torch.arange(code.tokens, device=device) == code.end
        token = draw(logits, allowed, temperature * model.temperature, generator)
        grammar.take(token)
        drawn.append(token)
        before, clock_s = token[:, None], grammar.clock_s[:, None].float()
    tokens = np.full((sequences, code.longest), code.padding, np.int16)
    tokens[:, : len(drawn)] = torch.stack(drawn, dim=1).cpu().numpy()
    return tokens


def notes(tokens: np.ndarray, code: Code, duration_s: float) -> list[Note]:
    """The notes of a drawn sequence [T]; none lasts beyond the window or into the next of its pitch, as MIDI wants it."""
    found = code.decode(tokens)
    limits_s: dict[int, float] = {}
    for note in reversed(found):
        note.end = min(note.end, limits_s.get(note.pitch, duration_s))
        limits_s[note.pitch] = note.start
    return [note for note in found if note.end > note.start]


def sample_long(
    model: EventTransformer,
    motion: Tensor,
    duration_s: float,
    generator: torch.Generator,
    temperature: float = 1.0,
    key: Tensor | None = None,
) -> list[Note]:
    """The notes of a movement of any length, in windows that overlap by half.

    Each window decides its middle half: its first quarter is what was decided before, and what it draws for its last quarter is
    drawn again by the next, which sees how the movement goes on.

    Args:
        motion: float32 (frames, joints, 2).
        duration_s: length of a window, that of the training.
        temperature: times that of the model.
        key: (12,) as of `sample`, for every window.
    """
    code, frames = Code(**model.code), round(duration_s * model.fps)
    last = max(len(motion) - frames, 0)
    firsts = [*range(0, last, frames // 2), last]
    found: list[Note] = []
    decided_s = 0.0
    for first in firsts:
        here, start_s = motion[first : first + frames], first / model.fps
        past = sorted((note for note in found if note.start >= start_s), key=lambda note: (note.start, note.pitch))
        # A note that sounds on has no note-off here: its end is drawn anew, with what follows.
        while len(given := code.events(shifted(past, -start_s), decided_s - start_s)) > code.longest // 2:
            past = past[1:]
        known = torch.tensor([given], dtype=torch.int64)
        asked = None if key is None else key[None]
        tokens = sample(model, here[None], generator, temperature=temperature, given=known, key=asked)
        made = shifted(notes(tokens[0], code, len(here) / model.fps), start_s)
        for old, new in zip(past, made, strict=False):
            if old.end > decided_s:
                old.end = new.end
        until_s = start_s + (len(here) if first == last else 0.75 * frames) / model.fps
        found += [note for note in made[len(past) :] if decided_s <= note.start < until_s]
        decided_s = until_s
    return found


def shifted(notes: Sequence[Note], by_s: float) -> list[Note]:
    """Copies of notes, later by so much."""
    return [Note(note.velocity, note.pitch, note.start + by_s, note.end + by_s) for note in notes]
