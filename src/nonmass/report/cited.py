"""Numbers that know where they were read, links to those places, and the list of them at the end of the page."""

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any, ParamSpec

from markupsafe import Markup, escape

from nonmass.report.reported import Record

P = ParamSpec("P")


@dataclass(frozen=True)
class Source:
    """A place in a file.

    Attributes:
        file: Its path from the root of the project; two or more, joined by " + ", where rows were counted in both.
        key: Dotted in JSON and YAML; `column=value; …` is the row of a table, rows joined by " and " those that a
            number was computed from; `row | column` is a cell that was counted, `rows` are all of a table.
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


class Sentence(str):
    """Words with numbers among them, each of which keeps its place."""

    pieces: tuple[str, ...]

    def __new__(cls, pieces: Iterable[str]) -> "Sentence":
        """As a str, which it remains beside others."""
        pieces = tuple(pieces)
        sentence = super().__new__(cls, "".join(pieces))
        sentence.pieces = pieces
        return sentence


def say(words: str, *values: object) -> Sentence:
    """`words` with each `{}` filled in; numbers, texts and sentences among the values keep their places.

    Raises:
        ValueError: There are more values than places for them, or fewer.
    """
    first, *others = words.split("{}")
    filled = ([*_pieces(value), after] for value, after in zip(values, others, strict=True))
    return Sentence([first, *chain.from_iterable(filled)])


def joined(between: str, values: Iterable[object]) -> Sentence:
    """As `between.join(values)`; numbers, texts and sentences keep their places."""
    separated = chain.from_iterable([between, *_pieces(value)] for value in values)
    return Sentence(list(separated)[1:])


def _pieces(value: object) -> tuple[str, ...]:
    if isinstance(value, Sentence):
        return value.pieces
    source = source_of(value)
    return (Text(str(value), source) if source else str(value),)


def source_of(value: object) -> Source | None:
    """Where a number, or the estimate of several, was read; None if it does not say."""
    source = getattr(getattr(value, "est", value), "source", None)
    return source if isinstance(source, Source) else None


def keeping(function: Callable[P, str]) -> Callable[P, str]:
    """A function from a number, its first argument, to a text, made to hand the number's place on."""

    @wraps(function)
    def printed(*arguments: P.args, **others: P.kwargs) -> str:
        text, source = function(*arguments, **others), source_of(arguments[0])
        return Text(text, source) if source else text

    return printed


def of_json(content: Any, file: Path, key: str = "") -> Any:
    """What was read from a JSON or YAML file, records, mappings or lists, with every number in it cited."""
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
    if isinstance(content, list | tuple):
        return type(content)(of_json(value, file, f"{inner}{place}") for place, value in enumerate(content))
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
    source = Source(file.as_posix(), _told_by(row, key), value)
    return [Real(float(text), source) if text else None for text in known.values()]


def count_of_row(row: dict[Any, Any], name: str, file: Path, key: Iterable[str]) -> Whole:
    """A count in a row of a table, cited to it; arguments as of `of_row`."""
    return Whole(row[name], Source(file.as_posix(), _told_by(row, key), f"{name} {row[name]}"))


def quoted(row: dict[Any, Any], name: str, text: str, file: Path, key: Iterable[str]) -> str:
    """Words of a row of a table, cited to it if a figure is among them.

    Args:
        row: Column -> value, text as in the file.
        name: The column.
        text: What is printed of it.
        file: Holds the table.
        key: Columns that tell the row from others.
    """
    has_figure = any(letter.isdigit() for letter in text)
    source = Source(file.as_posix(), _told_by(row, key), f"{name}: {row[name]}")
    return Text(text, source) if has_figure else text


def _told_by(row: dict[Any, Any], key: Iterable[str]) -> str:
    """What tells a row of a table from others, as `Source.key` has it."""
    return "; ".join(f"{column}={row[column]}" for column in key if row[column] != "")


def derived(value: int, *terms: int) -> int:
    """A count that was computed from counts of one file, cited to all of them, if they say where they were read."""
    sources = [source for source in map(source_of, terms) if source]
    if len(sources) < len(terms):
        return value
    key, stands = (" and ".join(getattr(source, name) for source in sources) for name in ("key", "value"))
    return Whole(value, Source(sources[0].file, key, stands))


def rows_of(table: Sized, file: Path) -> Whole:
    """How many rows a table has."""
    return Whole(len(table), Source(file.as_posix(), "rows", str(len(table))))


def rounded(value: Real | float | None) -> int:
    """A count that a table of measures holds as a number; 0 where there is none."""
    source = source_of(value)
    return Whole(round(value or 0), source) if source else round(value or 0)


@dataclass
class Citations:
    """The places that a page has named so far, in the order of the page."""

    numbers: dict[Source, int] = field(default_factory=dict)

    def link(self, value: Any) -> Any:
        """A printed number as a link to its place, those in a sentence each; anything else as it is."""
        if isinstance(value, Sentence):
            return Markup("").join(map(self.link, value.pieces))
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
