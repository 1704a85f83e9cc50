"""Reads text tables that people write: comma, semicolon or tab between cells, whatever their spreadsheet exports."""

import csv
import io
from pathlib import Path

from nonmass.errors import InputError


def csv_rows(path: Path) -> list[list[str]]:
    """All rows as texts, the header first; the header's commonest separator counts.

    Raises:
        InputError: The file is missing, is not UTF-8, or a quotation mark is left open.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'") from None
    except OSError as error:
        raise InputError(f"{path}: not readable: {error.strerror}") from None
    if "\0" in text:  # as in UTF-16 without its mark, or after a disk failure
        raise InputError(f"{path}: is not UTF-8 text (it holds zero bytes); save it as 'CSV UTF-8'")
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # spreadsheets in half of Europe export semicolons
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return list(rows)
    except csv.Error as error:
        fault = f"line {rows.line_num}: {error}"
        raise InputError(f"{path}: not readable as a table: {fault}; is a quotation mark left open?") from None


def named_rows(path: Path) -> dict[int, dict[str, str]]:
    """Rows by heading, cells without surrounding blanks; empty rows are left out.

    Returns:
        Number of the row in the file (headings are row 1) -> heading -> cell.

    Raises:
        InputError: As `csv_rows`; or there is no row, a heading stands twice, or a row is not as long as the headings.
    """
    headings, *rows = csv_rows(path) or [[]]
    headings = [heading.strip() for heading in headings]
    twice = sorted({heading for heading in headings if headings.count(heading) > 1})
    if twice:
        raise InputError(f"{path}: has more than one column {', '.join(twice)}; rename one")
    filled = {number: [cell.strip() for cell in row] for number, row in enumerate(rows, start=2) if any(row)}
    if not filled:
        raise InputError(f"{path}: holds no row below its headings")
    for number, row in filled.items():
        if len(row) != len(headings):
            raise InputError(f"{path}: row {number} has {len(row)} cells, the headings {len(headings)}; mend the row")
    return {number: dict(zip(headings, row, strict=True)) for number, row in filled.items()}
