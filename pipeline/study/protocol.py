"""What the page of a listening study and its scoring share: ids, the order of the pairs, the checks and the checksum.

All random choices come from the SHA-256 of a text, so that a participant's order can be recomputed from the name alone. `page.html`
has the same functions in JavaScript.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ANSWERS, KEY = "minet study answers 2", "minet study key 2"  # formats
SIDES = "abcdef"  # of a pair, or of a set of more clips, as many as it has


@dataclass(frozen=True)
class Study:
    """A kind of study.

    Attributes:
        title: of the page.
        questions: each is a choice of one side.
        checked: the questions with a right answer in an attention check, in which all sides but one are noise.
    """

    title: str
    questions: dict[str, str]
    checked: tuple[str, ...]


STUDIES = {
    # The question of the paper (Table 3) and those of Foley Music, of a pair: a recording, and what a model made.
    "real": Study(
        "Which one is the real recording?",
        {
            "real": "Which one is the real recording?",
            "correctness": "Which music fits the playing better?",
            "noise": "Which one has less noise?",
            "synchronisation": "Which one is better in time with the movement?",
            "overall": "Which one do you prefer overall?",
        },
        ("real", "noise"),
    ),
    # The questions of Foley Music (Gan et al., ECCV 2020), of what several models made for one video.
    "foley": Study(
        "Which music is the best?",
        {
            "correctness": "Which music fits the playing best?",
            "noise": "Which one has the least noise?",
            "synchronisation": "Which one is best in time with the movement?",
            "overall": "Which one do you prefer overall?",
        },
        ("noise",),
    ),
}
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


def study_id(pairs: Mapping[str, Sequence[str]]) -> str:
    """The id of a study. Pairs: pair id → the ids of its clips, in any order."""
    return digest("\n".join(" ".join([pair, *sorted(pairs[pair])]) for pair in sorted(pairs)))[:32]


def order(study: str, participant: str, pairs: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """The pairs in a participant's order, each with the clips of its sides, from a on."""

    def drawn(name: str) -> str:
        return digest(f"{study} {participant} {name}")

    return [(pair, *sorted(pairs[pair], key=lambda clip: drawn(f"{pair} {clip}"))) for pair in sorted(pairs, key=drawn)]


def tones(study: str, participant: str, attempt: int, trial: int) -> tuple[int, int]:
    """The quieter tone and the tone in opposite phase, in a trial of the headphones check: 0, 1 or 2."""
    digits = digest(f"{study} {participant} tones {attempt} {trial}")
    quiet = int(digits[:8], 16) % TONES
    return quiet, (quiet + 1 + int(digits[8:16], 16) % (TONES - 1)) % TONES


def checksum(record: dict[str, Any]) -> str:
    """The checksum of an answers file: of everything except the checksum, as JavaScript's JSON.stringify writes it."""
    content = {name: value for name, value in record.items() if name != "checksum"}
    return digest(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
