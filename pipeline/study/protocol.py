"""What the page of a listening study and its scoring agree on: ids, each participant's order, the checks, the checksum.

All that looks drawn comes from SHA-256 of a text, which the page computes as this module does: a participant's order can be had
again from the name alone. `page.html` holds the same functions in JavaScript.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

ANSWERS, KEY = "minet study answers 1", "minet study key 1"  # formats
SIDES = ("a", "b")
# The paper's question (Table 3), and those of Foley Music (Gan et al., ECCV 2020), each a choice between the two sides.
QUESTIONS = {
    "real": "Which one is the real recording?",
    "correctness": "Which music fits the playing better?",
    "noise": "Which one has less noise?",
    "synchronisation": "Which one is better in time with the movement?",
    "overall": "Which one do you prefer overall?",
}
# What has a right answer where one side is noise.
CHECKED = ("real", "noise")
# Three tones, one of them quieter and one in opposite phase, which loudspeakers let cancel in the air; six times, five to be
# right: Woods, Siegel, Traer, McDermott, "Headphone screening to facilitate web-based auditory experiments" (Attention,
# Perception & Psychophysics 2017).
TONES, TRIALS, ENOUGH = 3, 6, 5


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal; of a text, of its UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "replace") if isinstance(text, str) else text).hexdigest()


def clip_id(clip: bytes) -> str:
    """A clip's id says nothing of what it is, and changes with its content."""
    return digest(clip)[:16]


def pair_id(clips: Iterable[str]) -> str:
    return digest(" ".join(sorted(clips)))[:16]


def study_id(pairs: dict[str, tuple[str, str]]) -> str:
    """A study's id: of all its pairs, pair id → the ids of its two clips in any order."""
    return digest("\n".join(" ".join([pair, *sorted(pairs[pair])]) for pair in sorted(pairs)))[:32]


def order(study: str, participant: str, pairs: dict[str, tuple[str, str]]) -> list[tuple[str, str, str]]:
    """A participant's pairs in order, each with the clips of sides a and b."""
    drawn = sorted((digest(f"{study} {participant} {pair}"), pair) for pair in pairs)
    shown = []
    for digits, pair in drawn:
        first, second = sorted(pairs[pair])
        shown.append((pair, second, first) if int(digits[-1], 16) % 2 else (pair, first, second))
    return shown


def tones(study: str, participant: str, attempt: int, trial: int) -> tuple[int, int]:
    """Which tone of a trial of the headphones check is quieter, and which is in opposite phase: 0, 1 or 2."""
    digits = digest(f"{study} {participant} tones {attempt} {trial}")
    quiet = int(digits[:8], 16) % TONES
    return quiet, (quiet + 1 + int(digits[8:16], 16) % (TONES - 1)) % TONES


def checksum(record: dict[str, Any]) -> str:
    """Of everything in an answers file but the checksum itself, as JavaScript's JSON.stringify writes it."""
    content = {name: value for name, value in record.items() if name != "checksum"}
    return digest(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
