"""A hospital's table of labels, CSV or XLSX, with its own headings and words."""

import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, Field

from nonmass.cohorts.cohort import IMAGE_COLUMNS, Problem, first_few, leads_out
from nonmass.delimited import csv_rows
from nonmass.errors import InputError
from nonmass.params import Section
from nonmass.tables import FINDINGS, MANIFEST, PATHOLOGIES

# A text column with more values than this describes no group of patients, but may name them.
MAX_LEVELS = 12
MIN_LEVELS = 5  # with fewer words a rare category is no sign of names
DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.] ?\d{1,2}[-/.] ?\d{2,4}|(?:19|20)\d{6}"
    r"|\d{1,2}[-. ]+[^\W\d]{3,}[-., ]+\d{2,4}|[^\W\d]{3,}[-. ]+\d{1,2}[-., ]+\d{4})(?:[ T]\d.*)?"  # XLSX adds the hour
)
MAX_XLSX_BYTES = 500_000_000  # unpacked; 50 times what a million rows need is a bomb or a mistake


def _not_ours(name: str) -> str:
    if name in {*MANIFEST.columns, *IMAGE_COLUMNS, "key"}:
        raise ValueError("a column of ours has this name already; choose another one")
    return name


def _inside(table: str) -> str:
    place = PureWindowsPath(table)  # which knows the separators and roots of every system
    if place.anchor or ".." in place.parts or not place.parts or not table.isprintable():
        raise ValueError("must be a file inside the cohort's folder, since changes elsewhere would go unseen")
    return table


ExtraName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_not_ours)]


class Values(Section):
    """Their word -> ours. Our own words need no entry; "" says that the pathology is unknown."""

    finding: dict[str, Literal["normal", "mass", "non_mass"]] = Field(default_factory=dict)
    pathology: dict[str, Literal["benign", "malignant", ""]] = Field(default_factory=dict)


class SpreadsheetParams(Section):
    """A CSV or XLSX table in the cohort's folder; `extra` maps our name of a patient's column to their heading.

    Attributes:
        patient_ids: "hash" where ids or file names could tell who a patient is; "keep" where they are nobody's.
    """

    table: Annotated[str, AfterValidator(_inside)]
    values: Values = Values()
    patient_ids: Literal["hash", "keep"]
    extra: dict[ExtraName, str] = Field(default_factory=dict)


def read_labels(
    folder: Path, params: SpreadsheetParams, headings: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Problem]]:
    """The table's rows in our words, and what is wrong with some of them.

    Args:
        folder: The cohort's.
        params: Which table, and what its words mean.
        headings: Our name of a column -> theirs; `finding` must be one of ours.

    Returns:
        All rows, indexed by their number in the spreadsheet (also in `row`), with the columns of `headings`, of
        `extra`, and `pathology`, `device` and `mask`, which are empty unless named; and the problems of rows.

    Raises:
        InputError: The table or a heading is missing; or a column of `extra` may tell who somebody is.
    """
    table_file = folder / params.table
    if leads_out(folder, params.table):
        raise InputError(f"{table_file}: leads out of the cohort's folder; copy it in")
    is_secret = params.patient_ids == "hash"
    table, problems = read_table(table_file, [*headings.values(), *params.extra.values()], is_secret)
    rows = pd.DataFrame({ours: table[theirs] for ours, theirs in headings.items()})
    rows = rows.assign(**{name: "" for name in ("pathology", "device", "mask") if name not in rows})
    for name, words in params.values.model_dump().items():
        rows[name] = [words.get(word, word) for word in rows[name]]
    extra = pd.DataFrame({ours: table[theirs] for ours, theirs in params.extra.items()}, index=table.index)
    if is_secret:
        owners = rows["patient"] if "patient" in rows else rows.index.to_series()
        _refuse_identities(extra.assign(device=rows["device"]), owners, table_file)
    rows = rows.join(extra).assign(row=rows.index)
    return rows, [*problems, *label_problems(rows)]


def label_problems(rows: pd.DataFrame) -> list[Problem]:
    """Rows with a word that is not ours, and normal tissue with a pathology."""
    problems = []
    for name, allowed in (("finding", FINDINGS), ("pathology", (*PATHOLOGIES, ""))):
        remedy = f"say what the word means under values.{name}, or correct it"
        unknown = rows.loc[~rows[name].isin(allowed), name]
        words = zip(unknown.index.tolist(), unknown.tolist(), strict=True)
        problems += [Problem(f"unknown {name}", remedy, row=row, value=word) for row, word in words]
    normal = rows[(rows["finding"] == "normal") & (rows["pathology"] != "")]
    remedy = "leave the pathology empty, or correct the finding"
    return problems + [Problem("normal tissue with a pathology", remedy, row=row) for row in normal.index.tolist()]


def one_row_a_patient(rows: pd.DataFrame, extra: Iterable[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """The patients of `rows` with their further columns; rows that contradict each other as problems."""
    names = list(extra)
    problems = []
    for name in names:
        remedy = "make it one value a patient, or leave it out of `extra`"
        differs = rows[name].groupby(rows["patient"]).transform("nunique") > 1
        what = f"{name} differs within a patient"
        problems += [Problem(what, remedy, row=row) for row in rows.index[differs].tolist()]
    sound = rows[~rows.index.isin([problem.row for problem in problems])]
    return sound[["patient", *names]].drop_duplicates("patient"), problems


def read_table(path: Path, required: Iterable[str], is_secret: bool = False) -> tuple[pd.DataFrame, list[Problem]]:
    """Stripped text with the first row as headings; the index counts rows as a spreadsheet does, from 1.

    The separator of a CSV file is the likeliest of comma, semicolon and tab. A secret table's first row
    is shown only if one of the headings stands in it: else it may be a patient's.

    Raises:
        InputError: Not found, not UTF-8, not a table, or a heading is missing or stands twice.
    """
    if not path.is_file():
        fault = "is no file" if path.exists() else "not found"
        raise InputError(f"{path}: {fault}; see docs/data.md")
    rows = _xlsx_rows(path) if path.suffix.lower() == ".xlsx" else csv_rows(path)
    stripped = ([cell.strip() for cell in row] for row in rows)
    filled = {number: row for number, row in enumerate(stripped, start=1) if any(row)}
    if 1 not in filled:
        raise InputError(f"{path}: the first row holds no headings; see docs/data.md")
    headings = filled.pop(1)
    _check_headings(headings, list(required), path, is_secret)
    # pandas would fill a short row with empty texts and make an index of a long one.
    uneven = [number for number, row in filled.items() if len(row) != len(headings)]
    remedy = "give it as many cells as the headings have"
    problems = [Problem("row with more or fewer cells than the headings", remedy, row=number) for number in uneven]
    even = {number: row for number, row in filled.items() if number not in set(uneven)}
    return pd.DataFrame(list(even.values()), index=list(even), columns=headings, dtype="string"), problems


def _check_headings(headings: list[str], required: list[str], path: Path, is_secret: bool) -> None:
    missing = sorted(set(required) - set(headings))
    if missing:
        hides = is_secret and not set(required) & set(headings)  # then row 1 may be a patient's
        shown = f"row 1 holds {len(headings)} other cells" if hides else f"it has {', '.join(filter(None, headings))}"
        raise InputError(f"{path}: lacks column(s) {', '.join(missing)}; {shown}")
    twice = sorted({name for name in required if headings.count(name) > 1})
    if twice:
        raise InputError(f"{path}: has more than one column {', '.join(twice)}; rename one")


def _xlsx_rows(path: Path) -> list[list[str]]:
    remedy = "save it as 'Excel workbook (.xlsx)' or as 'CSV UTF-8'"
    try:
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        raise InputError(f"{path}: is no XLSX file; {remedy}") from None
    if n_bytes > MAX_XLSX_BYTES:
        raise InputError(f"{path}: unpacks to {n_bytes} bytes, at most {MAX_XLSX_BYTES} are read; {remedy}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's, about formats and rules that play no part here
            cells = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, engine="openpyxl").fillna("")
    except Exception as error:  # parsers raise whatever they like on broken files, and quote cells
        raise InputError(f"{path}: not readable as XLSX ({type(error).__name__}); {remedy}") from None
    rows: list[list[str]] = cells.to_numpy().tolist()
    return rows


def _refuse_identities(columns: pd.DataFrame, owners: "pd.Series[Any]", table_file: Path) -> None:
    """Under `patient_ids: hash`, a further column holds measures or a few words; no dates, file numbers or free text.

    Raises:
        InputError: Names the column, and no cell of it.
    """
    faults = []
    for name, column in columns.items():
        known = column[column != ""]
        is_date, is_word = known.str.fullmatch(DATE), pd.to_numeric(known, errors="coerce").isna()
        if is_date.any():
            faults.append(f"{name} holds dates in row(s) {_rows(is_date)} (give ages or years between instead)")
        elif known.str.fullmatch(r"\d{5,}(\.0+)?").any():  # an Excel day has five
            faults.append(f"{name} holds numbers of five digits and more, as of patients, examinations or days")
        elif is_word.any() and not is_word.mean() > 0.5 and known.nunique() > MAX_LEVELS:
            faults.append(f"{name} holds numbers, and in row(s) {_rows(is_word)} something else (mend these)")
        elif is_word.any() and known.nunique() > MAX_LEVELS:
            faults.append(f"{name} holds {known.nunique()} different texts (give at most {MAX_LEVELS} categories)")
        elif _names_owners(known, owners):
            faults.append(f"{name} holds texts of which most belong to one patient each (give categories)")
    if faults:
        raise InputError(
            f"{table_file}: could tell who a patient is: {first_few(faults, len(faults))}; "
            "change the column(s), or leave them out of the source's settings"
        )


def _rows(hits: "pd.Series[bool]") -> str:
    return first_few(hits.index[hits])


def _names_owners(known: "pd.Series[str]", owners: "pd.Series[Any]") -> bool:
    """Whether more than half of some words, not numbers, stand for a single patient each."""
    words = known[pd.to_numeric(known, errors="coerce").isna()]
    n_owners = owners[words.index].groupby(words).nunique()
    return len(n_owners) >= MIN_LEVELS and bool((n_owners == 1).mean() > 0.5)
