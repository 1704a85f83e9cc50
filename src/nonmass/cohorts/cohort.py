"""What every kind of source gives, and the checks that all of them share."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nonmass.errors import InputError
from nonmass.images import SUFFIXES


@dataclass(frozen=True)
class Cohort:
    """The content of one source, all of it text; an empty text means unknown.

    Attributes:
        images: One row an image: `file` (relative to the cohort's folder, forward slashes),
            `patient` (empty: the source has no patient ids), `finding`, `pathology`, `device`,
            `mask` (files like `file`, joined by "|").
        patients: One row a patient: `patient`, then whatever the source knows of it.
    """

    images: pd.DataFrame
    patients: pd.DataFrame


def read_csv(path: Path, required: Iterable[str]) -> pd.DataFrame:
    """A CSV file as `as_table` gives it; the separator is the likeliest of comma, semicolon and tab.

    Raises:
        InputError: Not found, not UTF-8 or not a table; and see `as_table`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.partition("\n")[0]
        separator = max(",;\t", key=header.count)  # spreadsheets in half of Europe export semicolons
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; see docs/data.md") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'") from None
    except (csv.Error, OSError) as error:
        raise InputError(f"{path}: not readable as a table: {error}") from None
    return as_table(rows, required, path)


def as_table(rows: list[list[str]], required: Iterable[str], path: Path) -> pd.DataFrame:
    """Stripped text with the first row as headings; the index counts rows as a spreadsheet does, from 1.

    Raises:
        InputError: No rows, rows of different length, a heading missing or standing twice.
    """
    filled = {number: [cell.strip() for cell in row] for number, row in enumerate(rows, start=1) if any(row)}
    if 1 not in filled:
        raise InputError(f"{path}: the first row holds no headings; see docs/data.md")
    headings = filled.pop(1)
    uneven = [number for number, row in filled.items() if len(row) != len(headings)]
    if uneven:  # pandas would fill a short row with empty texts and make an index of a long one
        raise InputError(f"{path}: row(s) {first_few(uneven)} have more or fewer cells than the headings; mend them")
    missing = sorted(set(required) - set(headings))
    if missing:
        raise InputError(f"{path}: lacks column(s) {', '.join(missing)}; it has {', '.join(filter(None, headings))}")
    twice = sorted({name for name in required if headings.count(name) > 1})
    if twice:
        raise InputError(f"{path}: has more than one column {', '.join(twice)}; rename one")
    return pd.DataFrame(list(filled.values()), index=list(filled), columns=headings, dtype="string")


def image_files(folder: Path) -> set[str]:
    """All image files below a folder, relative to it; hidden ones (`._x.png` of a Mac) do not count."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    }


def leads_out(folder: Path, file: str) -> bool:
    """Whether `file`, given relative to the folder, lies outside it once symbolic links are followed."""
    return not (folder / file).resolve().is_relative_to(folder.resolve())  # the folder itself may be a link


def check_orphans(listed: Iterable[str], found: Iterable[str], table: Path) -> None:
    """Every listed file is there, inside the folder, and every file that is there is listed.

    Raises:
        InputError: How many of each kind, and the first few.
    """
    outside = sorted(file for file in set(listed) if Path(file).is_absolute() or ".." in Path(file).parts)
    without_image = sorted(set(listed) - set(found) - set(outside))
    without_row = sorted(set(found) - set(listed))
    problems = []
    if outside:
        problems.append(f"{len(outside)} row(s) lead out of the folder: {first_few(outside)}")
    if without_image:
        problems.append(f"{len(without_image)} row(s) without a file: {first_few(without_image)}")
    if without_row:
        problems.append(f"{len(without_row)} file(s) without a row: {first_few(without_row)}")
    if problems:
        raise InputError(f"{table}: {'; '.join(problems)}; complete the table or the folder")


def first_few(items: Iterable[object], n: int = 3) -> str:
    """The first items in words: "a, b, c and 4 more"."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:n]) + (f" and {len(texts) - n} more" if len(texts) > n else "")
