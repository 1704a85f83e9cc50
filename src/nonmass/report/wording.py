"""How values read in English: counts, estimates with intervals, names of classes, parts and columns."""

import re
from typing import Any

from nonmass.clinical import UNIT_WORDS
from nonmass.report.cited import keeping
from nonmass.report.records import Estimate, Spread

UNDEFINED = "undefined"

CLASS_WORDS = {
    "normal": "normal breast",
    "mass": "mass lesion",
    "non_mass": "non-mass lesion",
    "benign": "benign",
    "malignant": "malignant",
}
PART_WORDS = {
    "quarantined": "Quarantined",
    "withheld": "Withheld",
    "unused": "Not asked for",
    "train": "Training",
    "val": "Validation",
    "test": "Test",
    "external": "External",
}
TASK_WORDS = {"detect": "Detection", "classify": "Classification"}
RULE_WORDS = {"frozen": "sound", "frozen_sensitivity": "sound, sensitive", "as_published": "as published"}
OUTCOME_WORDS = {
    "TP": "true positive",
    "TN": "true negative",
    "FP": "false positive",
    "FN": "false negative",
    "": "not judged",
}
COLUMN_WORDS = {
    "birads": "BI-RADS",
    "seen_on_us": "seen on ultrasound",
    "follow_up_years": "follow-up, years",
}
LEVEL_WORDS = {"follow_up": "follow-up"}

# The last row of the answer is what the study is about: lesions the networks never saw the like of.
PARTS_SHOWN = ("test", "external", "val")
PARTS_JUDGED = tuple(part for part in PARTS_SHOWN if part != "val")


@keeping
def count(value: int) -> str:
    """12345 -> "12 345", with a narrow space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


@keeping
def amount(value: int, noun: str) -> str:
    """1, "image" -> "1 image"; 2, "image" -> "2 images"."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


@keeping
def estimate(value: Estimate | None, digits: int = 3) -> str:
    """`0.912 (0.853–0.951)`; limits below zero are joined by "to", which no minus sign can confuse."""
    if value is None or value.est is None:
        return UNDEFINED
    text = _fixed(value.est, digits)
    if value.lo is None or value.hi is None:
        return f"{text} (no interval)"
    joint = " to " if value.lo < 0 else "\u2013"
    return f"{text} ({_fixed(value.lo, digits)}{joint}{_fixed(value.hi, digits)})"


def spread(value: Spread) -> str:
    """`mean 0.901, SD 0.012, from 0.887 to 0.915`."""
    mean, sd, low, high = (_fixed(number, 3) for number in (value.mean, value.sd, value.min, value.max))
    return f"mean {mean}, SD {sd}, from {low} to {high}"


@keeping
def percent(value: Estimate | None) -> str:
    """`91.2 (85.3–95.1)`, in percent."""
    if value is None:
        return UNDEFINED
    est, lo, hi = (None if number is None else 100 * number for number in (value.est, value.lo, value.hi))
    return estimate(Estimate(est, lo, hi), digits=1)


@keeping
def share(part: int, whole: int) -> str:
    """`12 (34.5 %)`."""
    return f"{count(part)} ({100 * part / whole:.1f}\u00a0%)" if whole else count(part)


@keeping
def in_millions(value: int) -> str:
    """183018496 -> "183.0"."""
    return f"{value / 1e6:,.1f}".replace(",", "\u202f")


@keeping
def in_percent(of_one: float) -> str:
    """0.95 -> "95"; a level, of which all digits are meant."""
    return f"{100 * of_one:g}"


@keeping
def points(of_one: float) -> str:
    """0.0312 -> "3.1", of a hundred."""
    return f"{100 * of_one:.1f}"


@keeping
def p_value(p: Estimate | None) -> str:
    """`p = 0.034`, or `p < 0.001`: a p-value is never zero."""
    if p is None or p.est is None:
        return f"p {UNDEFINED}"
    text = bare_p(p.est)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


@keeping
def bare_p(p: float) -> str:
    """`0.034` or `< 0.001`, for a column of p-values."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


@keeping
def p_cell(p: Estimate | None) -> str:
    """`0.034`, `< 0.001`, or the word for none."""
    return UNDEFINED if p is None or p.est is None else bare_p(p.est)


@keeping
def number(value: float | None, digits: int = 3) -> str:
    """A bare number, or the word for none."""
    return UNDEFINED if value is None else _fixed(value, digits)


@keeping
def whole(value: Estimate | None) -> str:
    """A count among the measures."""
    return UNDEFINED if value is None or value.est is None else count(round(value.est))


@keeping
def counted(value: Estimate | None) -> str:
    """A count with the limits that an exact interval puts on it: `0 (0.0\u20133.0)`."""
    if value is None or value.est is None or value.lo is None or value.hi is None:
        return whole(value)
    return f"{whole(value)} ({_fixed(value.lo, 1)}\u2013{_fixed(value.hi, 1)})"


def class_name(criteria: dict[str, Any]) -> str:
    """What a filter over the manifest selects: {finding: non_mass, cohort: BUSI} -> "non-mass lesion (BUSI)"."""
    words = {column: _any_of(wanted) for column, wanted in criteria.items()}
    cohort = words.pop("cohort", "")
    if not words:
        return cohort
    return ", ".join(words.values()) + (f" ({cohort})" if cohort else "")


def _any_of(wanted: str | list[str]) -> str:
    values = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(CLASS_WORDS.get(value, value) for value in values)


def sentence(text: str) -> str:
    """With a capital letter at its head, and no other letter changed."""
    return text[:1].upper() + text[1:]


def group_name(finding: str, pathology: str) -> str:
    """A class of Table 1: ("non_mass", "benign") -> "benign non-mass lesion"."""
    return " ".join(word for word in (pathology, CLASS_WORDS[finding]) if word)


def column_name(column: str) -> str:
    """`lesion_size_mm` -> "lesion size, mm"."""
    if column in COLUMN_WORDS:
        return COLUMN_WORDS[column]
    *words, last = column.split("_")
    return f"{' '.join(words)}, {last}" if words and last in UNIT_WORDS else column.replace("_", " ")


def level_name(level: str) -> str:
    """`follow_up` -> "follow-up"; words of a source's own as they are."""
    return LEVEL_WORDS.get(level, level)


def letters(name: str) -> str:
    """A name by which it is found again, when metrics have kept its letters and digits alone."""
    return re.sub(r"[\W_]+", "", name.casefold())


def part_name(part: str) -> str:
    """`external` -> "External"."""
    return PART_WORDS.get(part, part)


def task_name(task: str) -> str:
    """`detect` -> "Detection"."""
    return TASK_WORDS.get(task, task)


def _fixed(value: float, digits: int) -> str:
    """Fixed digits with a real minus sign, and no minus before a zero."""
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return text.replace("-", "\u2212")
