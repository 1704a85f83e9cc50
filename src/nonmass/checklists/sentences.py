"""Sentences with places for values: told as often as their loops go, and only where every value is there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nonmass.checklists.facts import Facts
from nonmass.checklists.words import FORMS, loop_words
from nonmass.errors import InputError
from nonmass.params import Section

ROW_COLUMNS = ("Task", "Part", "Network", "Measure", "Estimate (interval)")
PLACE = re.compile(r"\{([^{}]+)\}")
LOOPED = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Place:
    """Where a value lies and how it is said; written `file#key.key|form`.

    Attributes:
        file: Name of a document in `Facts`.
        keys: From the outside inwards.
        form: One of `words.FORMS`; "" says it as it is.
    """

    file: str
    keys: tuple[str, ...]
    form: str

    @classmethod
    def of(cls, text: str, loops: dict[str, str]) -> "Place":
        """Read a place; `<name>` in it is the value of a loop, which may itself hold dots."""
        address, _, form = text.partition("|")
        file, _, key = address.partition("#")
        keys = tuple(_filled(part, loops) for part in key.split(".")) if key else ()
        return cls(_filled(file, loops), keys, form)

    def find(self, facts: Facts) -> Any:
        """The value, or None where the file or a key is missing."""
        document = facts.get(self.file)
        value = document.content if document else None
        for key in self.keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def say(self, facts: Facts) -> str | None:
        """The value in words, or None where it is missing.

        Raises:
            InputError: It is of another kind than the form can say.
        """
        value = self.find(facts)
        if value is None:
            return None
        try:
            return FORMS[self.form](value)
        except (TypeError, ValueError, AttributeError):
            source = self.source(facts)
            where = f"{source.path}: {source.key}"
            raise InputError(f"{where}: not to be told as '{self.form}': {value!r}; run `dvc repro` again") from None

    def source(self, facts: Facts) -> "Source":
        """What a reader looks up."""
        return Source(facts[self.file].path, ".".join(self.keys))


@dataclass(frozen=True, order=True)
class Source:
    """A file of the project and the key in it; "" is all of the file."""

    path: str
    key: str


@dataclass(frozen=True)
class Told:
    """A sentence that is true of these facts, and where that can be seen; `cells` where it is a row of a table."""

    text: str
    sources: tuple[Source, ...]
    cells: tuple[str, ...] = ()


def _as_plan(value: Any) -> Any:
    if not isinstance(value, dict):
        return {"text": value}
    # What has passed through here is no JSON to pydantic any more, and a list then no tuple.
    each = {name: tuple(over) if isinstance(over, list) else over for name, over in value.get("each", {}).items()}
    row = tuple(value.get("row", ()))
    text = value["text"] if not row else f"{', '.join(row[:3])}: {row[3]} {row[4]}."
    return {**value, "text": text, "row": row, "each": each, "needs": tuple(value.get("needs", ()))}


class Plan(Section):
    """A sentence before its values are known.

    Attributes:
        text: With places in braces and names of loops in angles.
        each: Name of a loop -> what it goes over: words, or a place that holds a list or a mapping.
        when: Place -> what it has to hold (null: nothing; of a list one), all of them.
        unless: Place -> what it may not hold (nothing, or of a list any), none of them.
        needs: Places that have to hold something.
        below: Place -> another, whose number has to be greater; all of them.
        not_below: Place -> another, whose number has to be no greater; all of them.
        row: Cells of the same words, under `ROW_COLUMNS`, where many such sentences read better as a table; else none.
    """

    text: str
    each: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    when: dict[str, Any] = Field(default_factory=dict)
    unless: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    below: dict[str, str] = Field(default_factory=dict)
    not_below: dict[str, str] = Field(default_factory=dict)
    row: tuple[str, ...] = ()

    @cached_property
    def places(self) -> tuple[str, ...]:
        """All places that the sentence looks at, as they are written."""
        domains = (domain for domain in self.each.values() if isinstance(domain, str))
        compared = (name for pair in (*self.below.items(), *self.not_below.items()) for name in pair)
        return (*PLACE.findall(self.text), *self.when, *self.unless, *self.needs, *compared, *domains)


Sentence = Annotated[Plan, BeforeValidator(_as_plan)]


def tell(plans: tuple[Plan, ...], facts: Facts) -> list[Told]:
    """All that can be told of these facts; what reads alike is told once, with the sources of all."""
    sources: dict[tuple[str, tuple[str, ...]], dict[Source, None]] = {}
    for plan in plans:
        for loops in _rounds(tuple(plan.each.items()), facts, {}):
            told = _tell_once(plan, loops, facts)
            if told:
                sources.setdefault((told.text, told.cells), {}).update(dict.fromkeys(told.sources))
    return [Told(text, tuple(found), cells) for (text, cells), found in sources.items()]


def _tell_once(plan: Plan, loops: dict[str, str], facts: Facts) -> Told | None:
    def place(text: str) -> Place:
        return Place.of(text, loops)

    conditions = {text: wanted for group in (plan.when, plan.unless) for text, wanted in group.items()}
    held = {text: _held(place(text), facts) for text in conditions}
    if not all(_meets(held[text], wanted) for text, wanted in plan.when.items()):
        return None
    if any(held[text] is None or _meets(held[text], wanted) for text, wanted in plan.unless.items()):
        return None
    if any(place(text).find(facts) is None for text in plan.needs):
        return None
    order = ((plan.below, True), (plan.not_below, False))
    if any(_is_below(place(a), place(b), facts) is not wanted for pairs, wanted in order for a, b in pairs.items()):
        return None
    words = {name: loop_words(name, value, _named(facts)) for name, value in loops.items()}
    text, *cells = (_said(text, loops, words, facts) for text in (plan.text, *plan.row))
    if text is None:
        return None
    compared = (name for pair in (*plan.below.items(), *plan.not_below.items()) for name in pair)
    looked_at = [place(name) for name in (*PLACE.findall(plan.text), *plan.needs, *conditions, *compared)]
    found = (one.source(facts) for one in looked_at if one.find(facts) is not None)
    return Told(text, tuple(dict.fromkeys(found)), tuple(filter(None, cells)))


def _said(text: str, loops: dict[str, str], words: dict[str, str], facts: Facts) -> str | None:
    """Text with its places filled; None if one of them is missing."""
    pieces = PLACE.split(text)  # words and places in turn
    said = [
        Place.of(piece, loops).say(facts) if index % 2 else _filled(piece, words) for index, piece in enumerate(pieces)
    ]
    if None in said:
        return None
    told = " ".join("".join(filter(None, said)).split())
    return told[:1].upper() + told[1:] if text.startswith("<task>") else told  # other names keep their letters


def _is_below(one: Place, other: Place, facts: Facts) -> bool | None:
    """Whether a number is smaller than another; None where either is missing."""
    first, second = one.find(facts), other.find(facts)
    return None if first is None or second is None else bool(first < second)


def _named(facts: Facts) -> dict[str, Any]:
    params = facts["params"].content if "params" in facts else {}
    return params if isinstance(params, dict) else {}


def _held(place: Place, facts: Facts) -> Any:
    value = place.find(facts)
    return len(value) if place.form == "len" and value is not None else value


def _meets(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)


def _rounds(each: tuple[tuple[str, Any], ...], facts: Facts, loops: dict[str, str]) -> Iterator[dict[str, str]]:
    """The values of all loops, the first the outermost; a later one may go over what an earlier one names."""
    if not each:
        yield loops
        return
    (name, domain), *inner = each
    values = Place.of(domain, loops).find(facts) if isinstance(domain, str) else domain
    for value in values or ():
        yield from _rounds(tuple(inner), facts, {**loops, name: str(value)})


def _filled(text: str, loops: dict[str, str]) -> str:
    return LOOPED.sub(lambda match: loops[match[1]], text)
