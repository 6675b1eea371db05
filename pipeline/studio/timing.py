"""Turns notes into curves over time, from which every player's movement is made."""

import numpy as np

from pipeline.studio.score import Part


def smooth(x: np.ndarray) -> np.ndarray:
    """Smoothstep: 0 below 0, 1 above 1, and a curve without corners in between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def reach(times_s: np.ndarray, part: Part, values: np.ndarray, travel_s: float | np.ndarray = 0.09) -> np.ndarray:
    """Hold each note's value, then move to the next note's value, which is reached at that note's onset.

    Args:
        times_s: float64 [frames].
        values: float64 [notes] or [notes, n].
        travel_s: seconds that the move to each note takes, a number or float64 [notes]. It is shortened where notes are
            close together.

    Returns:
        float64 [frames] or [frames, n].
    """
    onsets_s = part.onsets_s
    now = np.clip(np.searchsorted(onsets_s, times_s, side="right") - 1, 0, None)
    then = np.minimum(now + 1, len(onsets_s) - 1)
    room_s = np.diff(onsets_s, append=onsets_s[-1] + 1.0)[now]
    way_s = np.minimum(np.broadcast_to(travel_s, onsets_s.shape)[then], 0.8 * room_s)
    done = smooth(1 - (onsets_s[then] - times_s) / way_s)
    # Before the first onset, `now` is already the first note: the player is ready for it.
    done = np.where((times_s < onsets_s[0]) | (then == now), 0.0, done)
    done = done.reshape(-1, *[1] * (values.ndim - 1))
    return values[now] * (1 - done) + values[then] * done


def accents(times_s: np.ndarray, part: Part, rise_s: float = 0.06, fall_s: float = 0.16) -> np.ndarray:
    """Pulses that peak at the onsets, 0..1, higher for louder notes: float64 [frames]."""
    after = times_s[:, None] - part.onsets_s[None, :]  # [frames, notes]
    pulse = np.where(after < 0, smooth(1 + after / rise_s), np.exp(-np.maximum(after, 0) / fall_s))
    return np.max(pulse * (part.velocities / 127.0) ** 2, axis=1)


def sounding(times_s: np.ndarray, part: Part, edge_s: float = 0.12) -> np.ndarray:
    """1 while a note sounds, 0 in the rests, with soft edges: float64 [frames]."""
    ends_s = part.onsets_s + part.durations_s
    into = smooth((times_s[:, None] - part.onsets_s[None, :]) / edge_s + 1)
    out = 1 - smooth((times_s[:, None] - ends_s[None, :]) / edge_s)
    return np.max(into * out, axis=1)


def vibrato(times_s: np.ndarray, part: Part, rate_hz: float) -> np.ndarray:
    """Vibrato, -1..1: float64 [frames]. It sets in 0.2 s after each onset, so only long notes show it."""
    now = np.clip(np.searchsorted(part.onsets_s, times_s, side="right") - 1, 0, None)
    return np.sin(2 * np.pi * rate_hz * times_s) * smooth((times_s - part.onsets_s[now] - 0.2) / 0.2)


def phrase_starts_s(part: Part) -> np.ndarray:
    """Onsets of the first notes of the phrases: float64 [phrases]."""
    return part.onsets_s[np.flatnonzero(np.diff(part.phrases, prepend=-1))]


def breath(times_s: np.ndarray, part: Part) -> np.ndarray:
    """How full the lungs are, 0..1: float64 [frames]. They fill just before each phrase and empty during it."""
    starts_s = phrase_starts_s(part)
    ends_s = np.append(starts_s[1:], times_s[-1] + 1.0)
    full = np.zeros_like(times_s)
    for start_s, end_s in zip(starts_s, ends_s, strict=True):
        fill = smooth((times_s - (start_s - 0.4)) / 0.38)
        use = smooth((times_s - start_s) / max(end_s - 0.4 - start_s, 0.5))
        full = np.maximum(full, np.where(times_s < start_s, fill, fill * (1 - use)) * (times_s < end_s))
    return full


def bow_strokes(part: Part, slowness: float, rng: np.random.Generator) -> np.ndarray:
    """Where on the bow each note starts and ends, 0 = frog .. 1 = tip: float64 [notes, 2].

    Strokes alternate in direction, starting with a down-bow (towards the tip). Louder and longer notes take more bow.
    """
    low, high, least = 0.06, 0.86, 0.07
    speed = 0.25 + 0.75 * (part.velocities / 127.0) ** 1.3
    lengths = np.clip(speed * part.durations_s / slowness, least, 0.75)
    strokes = np.empty((len(lengths), 2))
    bow = rng.uniform(low, low + 0.25)
    for i, length in enumerate(lengths):
        strokes[i, 0] = bow
        # Leave room at both ends for the shortest stroke back.
        down = i % 2 == 0
        bow = np.clip(bow + (length if down else -length), low + least * down, high - least * (not down))
        strokes[i, 1] = bow
    return strokes


def bow_place(times_s: np.ndarray, part: Part, strokes: np.ndarray) -> np.ndarray:
    """The bow over time, 0 = frog .. 1 = tip: float64 [frames]. It turns at onsets and stands still in rests."""
    starts_s = part.onsets_s
    # In legato a stroke lasts until the next onset. Before a rest it ends with the note, and the bow waits.
    ends_s = np.where(
        np.append(starts_s[1:], np.inf) - (starts_s + part.durations_s) < 0.25,
        np.append(starts_s[1:], np.inf),
        starts_s + part.durations_s,
    )
    now = np.clip(np.searchsorted(starts_s, times_s, side="right") - 1, 0, None)
    x = np.clip((times_s - starts_s[now]) / (ends_s - starts_s)[now], 0.0, 1.0)
    # The bow slows down at the turns but does not stop: a bow change is sharp.
    eased = x - 0.55 * np.sin(2 * np.pi * x) / (2 * np.pi)
    return strokes[now, 0] + (strokes[now, 1] - strokes[now, 0]) * eased


def strums(times_s: np.ndarray, part: Part, sizes: np.ndarray, half_s: float = 0.11) -> np.ndarray:
    """A hand that crosses the strings at each onset, down at even notes and up at odd ones: float64 [frames], below 0 is down.

    Args:
        sizes: float64 [notes], how far beyond the strings each stroke goes.
        half_s: seconds from there to the onset and on to the other side. It is shortened where notes are close together.
    """
    onsets_s, after = part.onsets_s, np.where(np.arange(len(sizes)) % 2 == 0, -sizes, sizes)
    gaps_s = np.diff(onsets_s)
    halves_s = np.minimum(half_s, 0.48 * np.minimum(np.append(gaps_s, 1.0), np.append(1.0, gaps_s)))
    # The stroke that is under way, or the next one.
    now = np.clip(np.searchsorted(onsets_s + halves_s, times_s, side="right"), 0, len(sizes) - 1)
    way = 2 * smooth(0.5 + (times_s - onsets_s[now]) / (2 * halves_s[now])) - 1  # -1 before the stroke .. 1 after it
    before = np.append(-after[0], after[:-1])
    return np.where(way < 0, -way * before[now], way * after[now])


def strikes(
    times_s: np.ndarray, onsets_s: np.ndarray, tops: np.ndarray, fall_s: float = 0.12, rise_s: float = 0.17
) -> np.ndarray:
    """How high a hand is that strikes at each onset: float64 [frames]. It falls ever faster, to 0 at the onset, and rebounds.

    Args:
        onsets_s, tops: float64 [notes], of this hand's notes alone; there may be none. It does not get to the top where they are
            close together.
    """
    if not len(onsets_s):
        return np.full(len(times_s), 4.0)
    following = np.searchsorted(onsets_s, times_s, side="left")
    last, then = np.maximum(following - 1, 0), np.minimum(following, len(onsets_s) - 1)
    since_s = np.where(following > 0, times_s - onsets_s[last], np.inf)
    until_s = np.where(following < len(onsets_s), onsets_s[then] - times_s, np.inf)
    rising = tops[last] * (1 - (1 - np.clip(since_s / rise_s, 0, 1)) ** 2)
    falling = tops[then] * (1 - (1 - np.clip(until_s / fall_s, 0, 1)) ** 2)
    # In a rest the hand waits halfway.
    waiting = smooth((np.minimum(since_s, until_s) - 0.3) / 0.3)
    return np.minimum(rising, falling) * (1 - 0.5 * waiting)


def taps(
    times_s: np.ndarray, part: Part, fingers: np.ndarray, rise_s: float = 0.07, fall_s: float = 0.14
) -> np.ndarray:
    """Pulses of each finger, which peak at the onsets of its notes: float64 [frames, n].

    Args:
        fingers: float64 [notes, n], the height of the peak; 0: another finger plays the note.
    """
    after = times_s[:, None] - part.onsets_s[None, :]  # [frames, notes]
    pulse = np.where(after < 0, smooth(1 + after / rise_s), np.exp(-np.maximum(after, 0) / fall_s))
    return np.max(pulse[:, :, None] * fingers, axis=1)
