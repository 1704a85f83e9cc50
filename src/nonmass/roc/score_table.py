"""Anybody's table of scores as the predictions that `analysis` judges, and the answer as text or JSON."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.delimited import named_rows
from nonmass.errors import InputError
from nonmass.roc.analysis import EVALUATED_PARTS, Evaluation

ALONE = "test"  # the part of a table that names none
INDEPENDENT = "no --patient: every row counts as a patient of its own, so intervals assume independent rows"

_MISSING = {"", "na", "nan", "null"}  # as spreadsheets, R and databases write it, in lower case
# What other readers of numbers also take, such as 1_000, is rather a slip.
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)

Rows = Mapping[int, Mapping[str, str]]


@dataclass(frozen=True)
class Columns:
    """Headings of a table of scores.

    Attributes:
        truth: Holds 0 and 1, or two words of which `positive` is one.
        scores: One a classifier; higher means more likely positive, on any scale.
        patient: Whom a row shows; None if every row is a patient of its own.
        part: Holds `val`, `test` and `external`; None if all rows are one part.
        positive: The word for a positive row; None for 1.
    """

    truth: str
    scores: tuple[str, ...]
    patient: str | None = None
    part: str | None = None
    positive: str | None = None


def read_scores(path: Path, columns: Columns) -> dict[str, pd.DataFrame]:
    """Heading of a score -> `tables.PREDICTIONS`, with the score itself in place of the logit.

    Only the order of scores counts, so they need no scale; the column `score` is empty of meaning.

    Raises:
        InputError: The table is not readable, or a cell or a whole column does not serve; names row and remedy.
    """
    rows = named_rows(path)
    _check_headings(next(iter(rows.values())), columns, path)
    digits = len(str(max(rows)))
    images = pd.DataFrame(
        {
            "image_id": [f"row {number:0{digits}d}" for number in rows],
            "patient_id": _patients(rows, columns.patient, path),
            "part": _parts(rows, columns.part, path),
            "truth": _truth(rows, columns, path),
            "assignment": "",
            "score": 0.0,
        }
    )
    _check_patients(images, path)
    for part, truth in images.groupby("part", sort=False)["truth"]:
        if truth.nunique() < 2:
            where = f"part {part}" if columns.part else f"column {columns.truth}"
            raise InputError(f"{path}: {where} holds one class only, so it has no ROC curve")
    return {name: images.assign(logit=_scores(rows, name, path)) for name in columns.scores}


def _check_headings(row: Mapping[str, str], columns: Columns, path: Path) -> None:
    asked = [columns.truth, *columns.scores, *filter(None, (columns.patient, columns.part))]
    missing = [name for name in asked if name not in row]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]}; it has {', '.join(filter(None, row))}")
    twice = sorted({name for name in asked if asked.count(name) > 1})
    if twice:
        raise InputError(f"{path}: column {twice[0]} is asked for twice; name each column once")
    results = [*columns.scores, *map("-".join, combinations(columns.scores, 2)), "comparison"]
    twice = sorted({name for name in results if results.count(name) > 1})
    if twice:
        raise InputError(f"{path}: these score columns give two results of the name {twice[0]}; rename a column")


def _patients(rows: Rows, column: str | None, path: Path) -> list[str]:
    if column is None:
        return [str(number) for number in rows]
    patients = [row[column] for row in rows.values()]
    for number, patient in zip(rows, patients, strict=True):
        if patient.lower() in {*_MISSING, "none"}:
            raise InputError(
                f"{path}: row {number} names no patient in column {column}; patients are the unit of inference"
            )
    if len(set(patients)) == 1:
        raise InputError(f"{path}: column {column} names one patient only; nothing can be inferred from one")
    return patients


def _check_patients(images: pd.DataFrame, path: Path) -> None:
    """Cut-offs of `val` are frozen for the other parts, which must show others."""
    is_val = images["part"] == "val"
    both = images[~is_val & images["patient_id"].isin(images.loc[is_val, "patient_id"])]
    if len(both):
        row = both.iloc[0]
        number = int(row["image_id"].removeprefix("row "))
        raise InputError(
            f"{path}: row {number}: patient {row['patient_id']} is in part {row['part']} and in val; keep one"
        )


def _parts(rows: Rows, column: str | None, path: Path) -> list[str]:
    if column is None:
        return [ALONE] * len(rows)
    for number, row in rows.items():
        if row[column] not in EVALUATED_PARTS:
            allowed = ", ".join(EVALUATED_PARTS)
            raise InputError(f"{path}: row {number}: column {column} is {row[column]!r}; allowed: {allowed}")
    return [row[column] for row in rows.values()]


def _truth(rows: Rows, columns: Columns, path: Path) -> list[int]:
    for number, row in rows.items():
        if row[columns.truth].lower() in _MISSING:
            raise InputError(f"{path}: row {number}: column {columns.truth} holds no truth; leave the row out")
    words = sorted({row[columns.truth] for row in rows.values()})
    where = f"{path}: column {columns.truth}"
    shown = ", ".join(map(repr, words[:4])) + (", ..." if len(words) > 4 else "")
    if columns.positive is None:
        if not set(words) <= {"0", "1"}:
            raise InputError(f"{where} holds {shown}, not 0 and 1; name the positive one by --positive")
        return [int(row[columns.truth]) for row in rows.values()]
    if columns.positive not in words or len(words) > 2:
        raise InputError(f"{where} must hold {columns.positive!r} and one other word; it holds {shown}")
    return [int(row[columns.truth] == columns.positive) for row in rows.values()]


def _scores(rows: Rows, column: str, path: Path) -> list[float]:
    scores = [_score(row[column], f"{path}: row {number}: column {column}") for number, row in rows.items()]
    if len(set(scores)) == 1:
        raise InputError(f"{path}: all scores in column {column} are equal; they tell nothing apart")
    return scores


def _score(text: str, where: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{where} is {text!r}, no number; mend it or leave the row out")
    score = float(text)
    if not math.isfinite(score):
        raise InputError(f"{where} is {text!r}, not finite; mend it or leave the row out")
    return score


def as_text(evaluation: Evaluation, remarks: Sequence[str]) -> str:
    """A block for each part and column (or pair of columns), a line for each measure; what is undefined says why."""
    lines = list(remarks)
    measures = evaluation.measures.to_dict("records")
    width = max(len(_full_name(row)) for row in measures)
    by_block = sorted(measures, key=lambda row: (EVALUATED_PARTS.index(row["part"]), row["backbone"]))  # stable
    for (part, name), group in groupby(by_block, key=lambda row: (row["part"], row["backbone"])):
        lines += ["", f"{name}, {part}"]
        lines += [f"  {_full_name(row):{width}}  {_value(row)}" for row in group]
    used = ", ".join(f"{name} {evaluation.software[name]}" for name in ("R", "pROC") if name in evaluation.software)
    return "\n".join([*lines, "", f"Computed by {used}. Research use only.", ""]).lstrip("\n")


def as_json(evaluation: Evaluation, remarks: Sequence[str]) -> str:
    """All measures with all digits; keys of what is undefined are left out, `note` says why."""
    rows = [_without_gaps(row) for row in evaluation.measures.to_dict("records")]
    document = {"measures": rows, "remarks": list(remarks), "software": evaluation.software}
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False)


def _without_gaps(row: Mapping[Any, Any]) -> dict[str, Any]:
    numbers = {name: float(row[name]) for name in ("estimate", "lo", "hi") if row[name]}
    return {name: row[name] for name in ("backbone", "part", "group", "measure", "note") if row[name]} | numbers


def _full_name(row: Mapping[Any, Any]) -> str:
    return " ".join(filter(None, (row["group"], row["measure"])))


def _value(row: Mapping[Any, Any]) -> str:
    if not row["estimate"]:
        return f"undefined: {row['note']}"
    interval = f" ({_short(row['lo'])} to {_short(row['hi'])})" if row["lo"] and row["hi"] else ""
    return f"{_short(row['estimate'])}{interval}{'; ' if row['note'] else ''}{row['note']}"


def _short(text: str) -> str:
    number = float(text)
    return text if number == int(number) and abs(number) < 1e15 else f"{number:.6g}"
