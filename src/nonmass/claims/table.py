"""Reads a table of published results."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast, get_args

from nonmass.claims.claim import NUMBERS, PRINTED, AucBy, Claim
from nonmass.claims.printed import Printed, parse
from nonmass.delimited import named_rows
from nonmass.errors import InputError

COLUMNS = (
    "label",
    "source",
    "unit",
    *NUMBERS,
    "expected_positives",
    *PRINTED,
    "auc_by",
    "level",
)


def read_claims(path: Path) -> list[Claim]:
    """Read a table of `COLUMNS`, of which only `label` must be there; an empty cell says nothing.

    Raises:
        InputError: The table or a cell is not readable.
    """
    rows = named_rows(path)
    headings = next(iter(rows.values())).keys()
    unknown = [heading for heading in headings if heading not in COLUMNS]
    if unknown:
        raise InputError(f"{path}: unknown column {unknown[0] or '(without a heading)'}; known: {', '.join(COLUMNS)}")
    if "label" not in headings:
        raise InputError(f"{path}: has no column label, which says what a row's figures are about")
    return [_claim(row, f"{path}: row {number}") for number, row in rows.items()]


def _claim(row: Mapping[str, str], where: str) -> Claim:
    cells = {heading: cell for heading, cell in row.items() if cell}
    if "label" not in cells:
        raise InputError(f"{where}: label is empty; say what the figures are about")
    is_percent = _one_of(cells.get("unit", "percent"), ("percent", "share"), f"{where}: unit") == "percent"
    auc_by = _one_of(cells.get("auc_by", "images"), get_args(AucBy), f"{where}: auc_by")
    level = _number(cells.get("level", "95"), f"{where}: level") / 100
    if not 0.5 <= level < 1:
        raise InputError(f"{where}: level is {cells['level']}; write per cent, such as 95")
    expected = cells.get("expected_positives")
    return Claim(
        label=cells["label"],
        figures={name: _figure(name, cells[name], is_percent, where) for name in _known(cells, PRINTED)},
        numbers={name: _count(cells[name], f"{where}: {name}") for name in _known(cells, NUMBERS)},
        source=cells.get("source", ""),
        expected_positives=None if expected is None else _number(expected, f"{where}: expected_positives"),
        auc_by=cast(AucBy, auc_by),
        level=level,
    )


def _figure(name: str, text: str, is_percent: bool, where: str) -> Printed:
    is_percent &= not name.startswith("auc")  # nobody prints an AUC in percent without the sign
    figure = parse(text, is_percent)
    if figure is None:
        largest, example = ("100", "68.8") if is_percent else ("1", "0.688")
        raise InputError(f"{where}: {name} is {text!r}; write digits from 0 to {largest}, such as {example}")
    return figure


def _known(cells: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [name for name in names if name in cells]


def _one_of(value: str, allowed: tuple[str, ...], where: str) -> str:
    if value not in allowed:
        raise InputError(f"{where} is {value!r}; allowed: {', '.join(allowed)}")
    return value


def _count(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or (not int(text) and where.endswith((": n", ": patients"))):
        raise InputError(f"{where} is {text!r}; write a whole number without separators, n and patients above 0")
    return int(text)


def _number(text: str, where: str) -> float:
    figure = text.replace(".", "", 1)
    if not (figure.isascii() and figure.isdigit()):
        raise InputError(f"{where} is {text!r}; write a number such as 174 or 174.2")
    return float(text)
