"""Numbers that know where they were read, links to those places, and the list of them at the end of the page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from nonmass.report.reported import Record
from nonmass.report.wording import count


@dataclass(frozen=True)
class Source:
    """A place in a file.

    Attributes:
        file: Its path from the root of the project; two or more, joined by " + ", where rows were counted in both.
        key: Dotted in JSON; `column=value; …` is the row of a table; `row | column` is a cell that was counted.
        value: What stands there, as it stands there.
    """

    file: str
    key: str
    value: str


class Whole(int):
    """A count with its place."""

    source: Source

    def __new__(cls, value: int, source: Source) -> "Whole":
        """As an int, which it remains in all sums."""
        number = super().__new__(cls, value)
        number.source = source
        return number


class Real(float):
    """A number with its place."""

    source: Source

    def __new__(cls, value: float, source: Source) -> "Real":
        """As a float, which it remains in all sums."""
        number = super().__new__(cls, value)
        number.source = source
        return number


class Text(str):
    """What is printed, with the place of the number in it."""

    source: Source

    def __new__(cls, value: str, source: Source) -> "Text":
        """As a str, which it remains beside others."""
        text = super().__new__(cls, value)
        text.source = source
        return text


def source_of(value: object) -> Source | None:
    """Where a number, or the estimate of several, was read; None if it does not say."""
    source = getattr(getattr(value, "est", value), "source", None)
    return source if isinstance(source, Source) else None


def keeping(function: Callable[..., str]) -> Callable[..., str]:
    """A function from a number to a text, made to hand the number's place on."""

    @wraps(function)
    def printed(value: object, *arguments: Any) -> str:
        text, source = function(value, *arguments), source_of(value)
        return Text(text, source) if source else text

    return printed


def of_json(content: Any, file: Path, key: str = "") -> Any:
    """What was read from a JSON file, records or mappings, with every number in it cited."""
    if isinstance(content, bool):
        return content
    if isinstance(content, int):
        return Whole(content, Source(file.as_posix(), key, str(content)))
    if isinstance(content, float):
        return Real(content, Source(file.as_posix(), key, repr(content)))
    inner = f"{key}." if key else ""
    if isinstance(content, dict):
        return {name: of_json(value, file, f"{inner}{name}") for name, value in content.items()}
    if isinstance(content, Record):
        return content.model_copy(update={n: of_json(v, file, f"{inner}{n}") for n, v in dict(content).items()})
    return content


def of_row(row: dict[Any, Any], names: Iterable[str], file: Path, key: Iterable[str]) -> list[Real | None]:
    """Numbers of a row of a table, all cited to it; None where it is empty.

    Args:
        row: Column -> value, text as in the file.
        names: Columns of the numbers.
        file: Holds the table.
        key: Columns that tell the row from others.

    Raises:
        ValueError: A value is no number.
    """
    known = {name: str(row[name]) for name in names}
    value = ", ".join(f"{name} {text}" for name, text in known.items() if text)
    source = Source(file.as_posix(), "; ".join(f"{name}={row[name]}" for name in key if row[name] != ""), value)
    return [Real(float(text), source) if text else None for text in known.values()]


def count_of_row(row: dict[Any, Any], name: str, file: Path, key: Iterable[str]) -> Whole:
    """A count in a row of a table, cited to it; arguments as of `of_row`."""
    told = "; ".join(f"{column}={row[column]}" for column in key if row[column] != "")
    return Whole(row[name], Source(file.as_posix(), told, f"{name} {row[name]}"))


def rounded(value: Real | float | None) -> int:
    """A count that a table of measures holds as a number; 0 where there is none."""
    source = source_of(value)
    return Whole(round(value or 0), source) if source else round(value or 0)


def cells(table: pd.DataFrame, about: int, title: str, *files: Path) -> pd.DataFrame:
    """A table whose cells were counted in files, all that hold a figure cited; those that are already stay so.

    Args:
        table: Texts as printed, or counts, which become texts.
        about: How many columns, from the left, say what a row is about.
        title: What the table is called in the page.
        files: Where was counted.
    """
    printed, file = table.astype(object), " + ".join(path.as_posix() for path in files)
    for row, values in enumerate(table.astype(object).to_numpy().tolist()):
        labels = [title, *(str(label) for label in values[:about] if label)]
        for column, cell in enumerate(values[about:], about):
            if not isinstance(cell, Text) and any(letter.isdigit() for letter in str(cell)):
                place = Source(file, " | ".join([*labels, str(table.columns[column])]), str(cell))
                text = cell if isinstance(cell, str) else count(cell)
                printed.iat[row, column] = Text(text, source_of(cell) or place)
    return printed


@dataclass
class Citations:
    """The places that a page has named so far, in the order of the page."""

    numbers: dict[Source, int] = field(default_factory=dict)

    def link(self, value: Any) -> Any:
        """A printed number as a link to its place; anything else as it is."""
        if not isinstance(value, Whole | Real | Text):
            return value
        return self._anchor(value.source, escape(str(value)))

    def stacked(self, value: str) -> Markup:
        """An estimate with its interval below it, as a link if it has a place."""
        estimate, bracket, interval = value.partition(" (")
        below = Markup('<span class="interval"> ({}</span>').format(interval) if bracket else Markup("")
        source = source_of(value)
        return self._anchor(source, escape(estimate) + below) if source else escape(estimate) + below

    def _anchor(self, source: Source, text: Markup) -> Markup:
        number = self.numbers.setdefault(source, len(self.numbers) + 1)
        return Markup('<a class="n" href="#n{}">{}</a>').format(number, text)

    def by_file(self) -> dict[str, list[tuple[int, Source]]]:
        """File -> (number of the link, place), files by their names."""
        places: dict[str, list[tuple[int, Source]]] = {}
        for source, number in self.numbers.items():
            places.setdefault(source.file, []).append((number, source))
        return dict(sorted(places.items()))
