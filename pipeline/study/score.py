"""The score of a listening study: which answers count, and how often the generated sound was chosen.

Participants have the whole page, so it cannot keep a secret, and a determined cheat can write any answers. The checks here find
what goes wrong among honest people: files of another study, changed or damaged files, unfinished studies, people who did not
listen, and people who answered twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.dataset.set_aside import SetAside
from pipeline.errors import NothingLeft, ParamsError, shown
from pipeline.metrics import proportion
from pipeline.report import tables
from pipeline.study import protocol

CONFIDENCE = 0.95
ALL = "all"  # instruments
HEADINGS = {
    "real": "taken for real",
    "correctness": "fits the playing better",
    "noise": "less noise",
    "synchronisation": "better in time",
    "overall": "preferred overall",
}


@dataclass(frozen=True)
class Key:
    """The key of a study, which only its makers know.

    Attributes:
        model: the model whose samples are in the study.
        pairs: pair id → ids of its clips, the real one first.
        instruments: pair id → instrument.
        checks: ids of the pairs that are attention checks.
    """

    study: str
    model: str
    pairs: dict[str, tuple[str, str]]
    instruments: dict[str, str]
    checks: frozenset[str]


@dataclass(frozen=True)
class Answers:
    """The answers of one participant, in order. `chosen`: pair id → question → id of the chosen clip."""

    file: str
    participant: str
    finished: str
    chosen: dict[str, dict[str, str]]


class Refused(ValueError):
    """An answers file does not count. Arguments: what is wrong, and what to do."""


def read_key(path: Path) -> Key:
    """Read the key that `minet study build` wrote.

    Raises:
        ParamsError: the file cannot be read, or is not a key.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != protocol.KEY:
            raise ValueError
        key = Key(
            study=str(tree["study"]),
            model=str(tree["model"]),
            pairs={pair: (str(one["real"]), str(one["other"])) for pair, one in tree["pairs"].items()},
            instruments={pair: str(one["instrument"]) for pair, one in tree["pairs"].items()},
            checks=frozenset(pair for pair, one in tree["pairs"].items() if one["check"]),
        )
    except OSError as error:
        raise ParamsError(f"--key {shown(path)}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        what = "not the key of a study; it is the .key.json that minet study build wrote beside the page"
        raise ParamsError(f"--key {shown(path)}: {what}") from None
    if protocol.study_id(key.pairs) != key.study:
        raise ParamsError(f"--key {shown(path)}: changed or damaged; take the one that minet study build wrote")
    return key


def read(path: Path, key: Key) -> Answers:
    """Read the answers of one participant.

    Raises:
        Refused: the answers do not count.
    """
    record = _record(path)
    if record.get("format") != protocol.ANSWERS:
        raise Refused("no answers of a listening study", "give the files that its page saved")
    if record.get("study") != key.study:
        raise Refused(
            "answers of another study, or of another make of this one", "score it with the key of its own page"
        )
    try:
        intact = record.get("checksum") == protocol.checksum(record)
    except RecursionError:
        intact = False
    if not intact:
        raise Refused("changed after the page saved it", "ask the participant for the file as it was saved")
    try:
        return _checked(path, record, key)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("not what the page writes, though its checksum is right", "find out who wrote it") from None


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror})", "look at the file") from None
    except (ValueError, RecursionError):
        raise Refused("not JSON, or cut off", "ask the participant for the whole file") from None
    return record if isinstance(record, dict) else {}


def _checked(path: Path, record: dict[str, Any], key: Key) -> Answers:
    participant, given, attempt = record["participant"], record["answers"], record["headphones"]["attempt"]
    if not isinstance(participant, str) or not isinstance(attempt, int):
        raise TypeError
    shown_pairs = protocol.order(key.study, participant, key.pairs)
    if [(one["pair"], one["a"], one["b"]) for one in given] != shown_pairs[: len(given)]:
        raise Refused("the pairs are not in this participant's order", "find out who wrote it")
    if record["finished"] is None or len(given) < len(shown_pairs):
        raise Refused(f"half-finished: {len(given)} of {len(shown_pairs)} pairs", "ask the participant to go on")
    quiet = [protocol.tones(key.study, participant, attempt, trial)[0] for trial in range(protocol.TRIALS)]
    right = sum(answer == tone for answer, tone in zip(record["headphones"]["answers"], quiet, strict=True))
    if right < protocol.ENOUGH:
        raise Refused(
            f"headphones check failed: {right} of {protocol.TRIALS} right", "nothing to do: there were no headphones"
        )
    sides = {one["pair"]: {side: one[side] for side in protocol.SIDES} for one in given}
    chosen = {
        one["pair"]: {question: sides[one["pair"]][one[question]] for question in protocol.QUESTIONS} for one in given
    }
    wrong = sum(
        any(chosen[pair][question] != key.pairs[pair][0] for question in protocol.CHECKED) for pair in key.checks
    )
    if wrong:
        raise Refused(
            f"attention checks failed: {wrong} of {len(key.checks)}", "nothing to do: noise was taken for music"
        )
    if not isinstance(record["finished"], str):
        raise TypeError
    return Answers(shown(path), participant, record["finished"], chosen)


def read_all(paths: Sequence[Path], key: Key) -> tuple[list[Answers], list[SetAside]]:
    """The answers that count, one per participant, sorted by name; and the files that do not count, with reasons."""
    read_ones, aside = [], []
    for path in sorted(set(paths)):
        try:
            read_ones.append(read(path, key))
        except Refused as refused:
            aside.append(SetAside(shown(path), *refused.args))
    counted: dict[str, Answers] = {}
    for one in sorted(read_ones, key=lambda answers: (answers.finished, answers.file)):
        before = counted.setdefault(" ".join(one.participant.split()).casefold(), one)
        if before is not one:
            what = f"participant {one.participant!r} is already counted, from {before.file}, which was finished first"
            aside.append(SetAside(one.file, what, "find out whether these are two people"))
    return [one for _, one in sorted(counted.items())], sorted(aside)


def shares(answers: Sequence[Answers], key: Key) -> pd.DataFrame:
    """How often the generated sound was chosen: one row per question and instrument, "all" first.

    Columns: question, instrument, answers, generated (number of answers that chose the generated sound), share, low, high. `low`
    and `high` are the bounds of the interval; they are missing with one participant. Attention checks do not count.
    """
    rows = []
    for question in protocol.QUESTIONS:
        for instrument in (ALL, *sorted({key.instruments[pair] for pair in key.pairs if pair not in key.checks})):
            pairs = [
                pair for pair in key.pairs if pair not in key.checks and instrument in (ALL, key.instruments[pair])
            ]
            chosen = np.array(
                [sum(one.chosen[pair][question] == key.pairs[pair][1] for pair in pairs) for one in answers]
            )
            asked = np.full(len(answers), len(pairs))
            low, high = proportion.interval(chosen, asked, CONFIDENCE) if len(answers) > 1 else (None, None)
            counts = (int(asked.sum()), int(chosen.sum()), float(chosen.sum() / asked.sum()))
            rows.append((question, instrument, *counts, low, high))
    columns = ["question", "instrument", "answers", "generated", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def score(paths: Sequence[Path], key_path: Path, folder: Path) -> str:
    """Score a study. Writes study.json (a DVC metric) and study.csv (all shares) to the folder.

    Returns:
        The result, in Markdown.

    Raises:
        ParamsError: the key or the folder cannot be used.
        NothingLeft: no file counts. The message gives the reason for each.
    """
    key = read_key(key_path)
    if not folder.is_dir():
        raise ParamsError(f"-o {shown(folder)}: no such folder; make it first")
    answers, aside = read_all(paths, key)
    if not answers:
        raise NothingLeft("\n".join(["no answers that count", *map(str, aside)]))
    table = shares(answers, key)
    whole = table[table.instrument == ALL].set_index("question")
    metrics: dict[str, Any] = {"participants": len(answers), "left_out": len(aside)}
    for question, row in whole.iterrows():
        metrics[str(question)] = {name: _rounded(row[name]) for name in ("share", "low", "high")}
    (folder / "study.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    table.round(4).to_csv(folder / "study.csv", index=False)
    return text(key, table, len(answers), aside)


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def text(key: Key, table: pd.DataFrame, participants: int, aside: list[SetAside]) -> str:
    """The result as Markdown."""
    real = table.iloc[0]
    whole = table[table.instrument == ALL]
    overall = pd.DataFrame(
        {
            "question": [HEADINGS[question] for question in whole.question],
            "generated sound chosen, % (95 % interval)": [_cell(row) for row in whole.itertuples()],
            "answers": whole.answers,
        }
    )
    each = pd.DataFrame({"instrument": table.instrument.drop_duplicates()[1:]})
    for question, heading in HEADINGS.items():
        here = table[(table.question == question) & (table.instrument != ALL)]
        each[heading] = [_cell(row) for row in here.itertuples()]
    left = tables.table(pd.DataFrame([vars(item) for item in aside])) if aside else "Nothing."
    return f"""# Listening study of {key.model}

{participants} participant{"s" * (participants != 1)}, {len(key.pairs) - len(key.checks)} pairs. {_finding(real)}

{tables.table(overall)}

## By instrument

How often the generated sound was chosen, % (95 % interval).

{tables.table(each)}

## Left out

{left}
"""


def _finding(real: pd.Series) -> str:
    said = f"The generated sound was taken for the recording in {100 * real.share:.1f} % of the answers"
    if pd.isna(real.low):
        return f"{said}. One participant gives no interval."
    bounds = f"95 % interval {100 * real.low:.1f} to {100 * real.high:.1f}"
    if real.high < 0.5:
        return f"{said} ({bounds}), less often than by guessing (50 %)."
    if real.low > 0.5:
        return f"{said} ({bounds}), more often than by guessing (50 %)."
    return f"{said} ({bounds}). These answers do not differ significantly from guessing (50 %)."


def _cell(row: Any) -> str:
    share = f"{100 * row.share:.1f}"
    return share if pd.isna(row.low) else f"{share} ({100 * row.low:.1f} to {100 * row.high:.1f})"
