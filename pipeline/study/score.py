"""The score of a listening study: which answers count, and how often the sound of each system was chosen.

Participants have the whole page, so it cannot keep a secret, and a determined cheat can write any answers. The checks here find
what goes wrong among honest people: files of another study, changed or damaged files, unfinished studies, people who did not
listen, and people who answered twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
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
    "correctness": "fits the playing",
    "noise": "least noise",
    "synchronisation": "in time",
    "overall": "preferred overall",
}


@dataclass(frozen=True)
class Key:
    """The key of a study, which only its makers know.

    Attributes:
        questions: the kind of study, in `protocol.STUDIES`.
        systems: what is compared: a recording and a model, or several models.
        pairs: pair id → ids of its clips, in the order of the systems. In an attention check, the first is right.
        instruments: pair id → instrument.
        checks: ids of the pairs that are attention checks.
    """

    study: str
    questions: str
    systems: tuple[str, ...]
    pairs: dict[str, tuple[str, ...]]
    instruments: dict[str, str]
    checks: frozenset[str]

    @property
    def kind(self) -> protocol.Study:
        return protocol.STUDIES[self.questions]


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
            questions=str(tree["questions"]),
            systems=tuple(map(str, tree["systems"])),
            pairs={pair: tuple(map(str, one["clips"])) for pair, one in tree["pairs"].items()},
            instruments={pair: str(one["instrument"]) for pair, one in tree["pairs"].items()},
            checks=frozenset(pair for pair, one in tree["pairs"].items() if one["check"]),
        )
        if key.questions not in protocol.STUDIES or {*map(len, key.pairs.values())} != {len(key.systems)}:
            raise ValueError
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
    names = protocol.SIDES[: len(key.systems)]
    if [(one["pair"], *(one[side] for side in names)) for one in given] != shown_pairs[: len(given)]:
        raise Refused("the pairs are not in this participant's order", "find out who wrote it")
    if record["finished"] is None or len(given) < len(shown_pairs):
        raise Refused(f"half-finished: {len(given)} of {len(shown_pairs)} pairs", "ask the participant to go on")
    quiet = [protocol.tones(key.study, participant, attempt, trial)[0] for trial in range(protocol.TRIALS)]
    right = sum(answer == tone for answer, tone in zip(record["headphones"]["answers"], quiet, strict=True))
    if right < protocol.ENOUGH:
        raise Refused(
            f"headphones check failed: {right} of {protocol.TRIALS} right", "nothing to do: there were no headphones"
        )
    sides = {one["pair"]: {side: one[side] for side in names} for one in given}
    chosen = {
        one["pair"]: {question: sides[one["pair"]][one[question]] for question in key.kind.questions} for one in given
    }
    wrong = sum(
        any(chosen[pair][question] != key.pairs[pair][0] for question in key.kind.checked) for pair in key.checks
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
    """How often the sound of each model was chosen: one row per model, question and instrument, "all" first.

    Columns: model, question, instrument, answers, chosen (number of answers that chose its sound), share, low, high. `low` and
    `high` are the bounds of the interval; they are missing with one participant. Attention checks do not count. Of a recording and
    a model there are the rows of the model alone.
    """
    rows = []
    judged = list(enumerate(key.systems))[key.questions == "real" :]
    for (place, model), question in product(judged, key.kind.questions):
        for instrument in (ALL, *sorted({key.instruments[pair] for pair in key.pairs if pair not in key.checks})):
            pairs = [
                pair for pair in key.pairs if pair not in key.checks and instrument in (ALL, key.instruments[pair])
            ]
            chosen = np.array(
                [sum(one.chosen[pair][question] == key.pairs[pair][place] for pair in pairs) for one in answers]
            )
            asked = np.full(len(answers), len(pairs))
            low, high = proportion.interval(chosen, asked, CONFIDENCE) if len(answers) > 1 else (None, None)
            counts = (int(asked.sum()), int(chosen.sum()), float(chosen.sum() / asked.sum()))
            rows.append((model, question, instrument, *counts, low, high))
    columns = ["model", "question", "instrument", "answers", "chosen", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def score(paths: Sequence[Path], key_path: Path, folder: Path) -> str:
    """Score a study. Writes study.json (a DVC metric) and study.csv (all shares) to the folder; of a study with the questions of
    Foley Music, study_foley.json and study_foley.csv.

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
    metrics: dict[str, Any] = {"participants": len(answers), "left_out": len(aside)}
    for model, rows in table[table.instrument == ALL].groupby("model", sort=False):
        shares_of = {
            str(row.question): {name: _rounded(getattr(row, name)) for name in ("share", "low", "high")}
            for row in rows.itertuples()
        }
        metrics |= shares_of if key.questions == "real" else {str(model): shares_of}
    name = "study" if key.questions == "real" else f"study_{key.questions}"
    (folder / f"{name}.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    table.round(4).to_csv(folder / f"{name}.csv", index=False)
    return text(key, table, len(answers), aside)


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def text(key: Key, table: pd.DataFrame, participants: int, aside: list[SetAside]) -> str:
    """The result as Markdown."""
    whole = table[table.instrument == ALL]
    if key.questions == "real":
        heading, finding = f"Listening study of {key.systems[1]}", _finding(table.iloc[0])
        what = "How often the generated sound was chosen, % (95 % interval)."
    else:
        heading, finding = f"Listening study of {', '.join(key.systems)}", ""
        what = f"How often the sound of each was chosen, % (95 % interval). By guessing it is {100 / len(key.systems):.1f} %."
    left = tables.table(pd.DataFrame([vars(item) for item in aside])) if aside else "Nothing."
    pairs = "pairs" if key.questions == "real" else "videos"
    return f"""# {heading}

{participants} participant{"s" * (participants != 1)}, {len(key.pairs) - len(key.checks)} {pairs}. {finding}

{what}

{_wide(whole, "model")}

## By instrument

{_wide(table[table.instrument != ALL], "instrument", *(["model"] if key.questions != "real" else []))}

## Left out

{left}
"""


def _wide(rows: pd.DataFrame, *by: str) -> str:
    """A row for each value of some columns, and a column for each question, as Markdown."""
    made = []
    for values, group in rows.groupby([*by], sort=False):
        cells = {HEADINGS[str(row.question)]: _cell(row) for row in group.itertuples()}
        made.append(dict(zip(by, values, strict=True)) | cells)
    return tables.table(pd.DataFrame(made))


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
