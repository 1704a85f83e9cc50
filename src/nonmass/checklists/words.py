"""How values read in a paper: numbers without loss, estimates with intervals, filters and rules as phrases."""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

CENTRE = ("est", "estimate", "auc")  # what tables call an estimate
LIMITS = ("lo", "hi")
KEYS = {
    "task": {"detect": "detection", "classify": "classification"},
    "part": {"train": "training part", "val": "validation part", "test": "test part", "external": "external part"},
}
COLUMNS = {
    "birads": "BI-RADS",
    "age_years": "age, years",
    "lesion_size_mm": "lesion size, mm",
    "caliper": "calipers (by the detector)",
}
QUOTES = "\u201c\u201d"


def words_of(value: Any) -> str:
    """A value as it is: no digit of a number is lost, so that two values never read alike."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return phrase(value)
    if isinstance(value, list | tuple):
        return joined([words_of(item) for item in value], "and")
    if isinstance(value, float):
        return json.dumps(value).removesuffix(".0")
    return f"{value:,}" if isinstance(value, int) else str(value)


def joined(words: list[str], last: str) -> str:
    """`a`, `a and b`, `a, b and c`; `none` of nothing."""
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def phrase(conditions: dict[str, Any], marks: str = "") -> str:
    """A filter: `{finding: non_mass, size_mm: {min: 3}}` -> `finding is non-mass and size mm is at least 3`.

    Args:
        conditions: Column -> what it has to hold.
        marks: Opening and closing quotation mark for the columns' names, or none.
    """
    named = ((f"{marks[:1]}{column.replace('_', ' ')}{marks[1:]}", value) for column, value in conditions.items())
    return " and ".join(f"{column} is {_wanted(value)}" for column, value in named)


def _wanted(value: Any) -> str:
    if isinstance(value, dict):
        bounds = {"min": "at least", "max": "at most"}
        known = [f"{bounds[name]} {words_of(bound)}" for name, bound in value.items() if name in bounds]
        return " and ".join(known) or ("known" if value.get("known") else "unknown")
    values = value if isinstance(value, list | tuple) else [value]
    return joined([words_of(item).replace("_", "-") for item in values], "or")


def criterion(rule: dict[str, Any]) -> str:
    """One rule of `criteria`: whom it concerns, and who stays or goes."""
    of = f"of images whose {phrase(rule['of'], QUOTES)}, " if rule.get("of") else ""
    verb = "kept only if" if "keep" in rule else "left out if"
    conditions = rule.get("keep", rule.get("drop", []))
    ways = [phrase(way, QUOTES) for way in (conditions if isinstance(conditions, list) else [conditions])]
    return f"{rule['name']} ({of}{verb} {'; or '.join(ways)})"


def loop_words(name: str, value: str, params: dict[str, Any]) -> str:
    """What a loop goes over, as a reader calls it: a task, a part, a rule, a column, a pair of networks.

    Args:
        name: Of the loop.
        value: A key of a file.
        params: Content of params.yaml, whose own names have lost their marks as keys.
    """
    if name == "step":
        key = value.split("_", 1)[-1]
        rules = {_letters(rule["name"]): rule["name"] for rule in params.get("criteria", ())}
        return str(rules.get(_letters(key), key.replace("_", " ")))
    if name == "pair":
        pairs = {
            f"{one}-{other}": f"{one} minus {other}" for one, other in permutations(params.get("backbones", ()), 2)
        }
        return pairs.get(value, value)
    if name == "column":
        return COLUMNS.get(value, value.replace("_", " "))
    return KEYS.get(name, {}).get(value, value)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def interval(value: Any, factor: int = 1, digits: int = 3, unit: str = "") -> str | None:
    """`0.912 (0.853 to 0.951)`; without limits it says so; None without an estimate."""
    if not isinstance(value, dict):
        return None
    centre = next((value[name] for name in CENTRE if name in value), None)
    if centre is None:
        return None
    text, *limits = (_fixed(factor * number, digits) for number in (centre, *(value[n] for n in LIMITS if n in value)))
    return f"{text}{unit} ({' to '.join(limits)})" if len(limits) == 2 else f"{text}{unit} (no interval)"


def percent(value: Any) -> str | None:
    """`91.2 % (85.3 to 95.1)` of a share."""
    return interval(value, 100, 1, "\u00a0%")


def share(value: Any) -> str:
    """`36.9 %` of a number from 0 to 1."""
    return f"{_fixed(100 * value, 1)}\u00a0%"


def _fixed(value: float, digits: int) -> str:
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return text.replace("-", "\u2212")


def _amount(value: int, noun: str) -> str:
    return f"{words_of(value)} {noun}{'' if value == 1 else 's'}"


# What may follow the bar in a place.
FORMS: dict[str, Callable[[Any], str | None]] = {
    "": words_of,
    "plain": str,
    "interval": interval,
    "percent": percent,
    "share": share,
    "three": lambda value: _fixed(value, 3),
    "p": lambda value: "p < 0.001" if value < 0.001 else f"p = {value:.3f}",
    "count": lambda value: f"{round(value):,}",
    "ratio": lambda value: " : ".join(words_of(item) for item in value),
    "names": lambda value: joined([name for name in value if name], "and"),
    "numbers": lambda value: joined([str(item) for item in value], "and"),
    "or": lambda value: joined([words_of(item) for item in value], "or"),
    "rules": lambda value: "; ".join(criterion(rule) for rule in value),
    "versions": lambda value: ", ".join(f"{name} {version}" for name, version in sorted(value.items())),
    "shares": lambda value: joined([f"{name} {share(part)}" for name, part in sorted(value.items())], "and"),
    **{noun: partial(_amount, noun=noun) for noun in ("epoch", "device", "machine", "CPU thread")},
    "len": lambda value: str(len(value)),
}
