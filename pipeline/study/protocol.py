"""What the page of a listening study and its scoring share: ids, the order of the pairs, the checks and the checksum.

All random choices come from the SHA-256 of a text, so that a participant's order can be recomputed from the name alone. `page.html`
has the same functions in JavaScript.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

ANSWERS, KEY = "minet study answers 1", "minet study key 1"  # formats
SIDES = ("a", "b")
# The question of the paper (Table 3) and those of Foley Music (Gan et al., ECCV 2020). Each is a choice between two sides.
QUESTIONS = {
    "real": "Which one is the real recording?",
    "correctness": "Which music fits the playing better?",
    "noise": "Which one has less noise?",
    "synchronisation": "Which one is better in time with the movement?",
    "overall": "Which one do you prefer overall?",
}
# The questions with a right answer in an attention check, in which one side is noise.
CHECKED = ("real", "noise")
# The headphones check: six trials with three tones each, of which one is quieter. Five trials must be right. Another tone has its
# channels in opposite phase: it cancels in the air if it is played by loudspeakers. Source: Woods, Siegel, Traer, McDermott,
# "Headphone screening to facilitate web-based auditory experiments" (Attention, Perception & Psychophysics 2017).
TONES, TRIALS, ENOUGH = 3, 6, 5


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal. A text is encoded as UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "replace") if isinstance(text, str) else text).hexdigest()


def clip_id(clip: bytes) -> str:
    """The id of a clip: it depends on its bytes only, and does not reveal whether it is recorded."""
    return digest(clip)[:16]


def pair_id(clips: Iterable[str]) -> str:
    return digest(" ".join(sorted(clips)))[:16]


def study_id(pairs: dict[str, tuple[str, str]]) -> str:
    """The id of a study. Pairs: pair id → the ids of its two clips, in any order."""
    return digest("\n".join(" ".join([pair, *sorted(pairs[pair])]) for pair in sorted(pairs)))[:32]


def order(study: str, participant: str, pairs: dict[str, tuple[str, str]]) -> list[tuple[str, str, str]]:
    """The pairs in a participant's order, each with the clips of sides a and b."""
    drawn = sorted((digest(f"{study} {participant} {pair}"), pair) for pair in pairs)
    shown = []
    for digits, pair in drawn:
        first, second = sorted(pairs[pair])
        shown.append((pair, second, first) if int(digits[-1], 16) % 2 else (pair, first, second))
    return shown


def tones(study: str, participant: str, attempt: int, trial: int) -> tuple[int, int]:
    """The quieter tone and the tone in opposite phase, in a trial of the headphones check: 0, 1 or 2."""
    digits = digest(f"{study} {participant} tones {attempt} {trial}")
    quiet = int(digits[:8], 16) % TONES
    return quiet, (quiet + 1 + int(digits[8:16], 16) % (TONES - 1)) % TONES


def checksum(record: dict[str, Any]) -> str:
    """The checksum of an answers file: of everything except the checksum, as JavaScript's JSON.stringify writes it."""
    content = {name: value for name, value in record.items() if name != "checksum"}
    return digest(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
