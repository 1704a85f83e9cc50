"""The general case: a folder of exported images and a spreadsheet, with the hospital's own headings.

Source, licence, size: the user's. Known defects of such sources, all of which end the run with
one line: labels that no rule names, rows without a file and files without a row, a file in two
rows, a patient column with gaps, a value that should be one a patient and is not. Messages name
rows of the spreadsheet (the headings are row 1), never a patient.
"""

import hashlib
import hmac
import os
import zipfile
from pathlib import Path, PureWindowsPath
from typing import Annotated, Literal

import pandas as pd
from pydantic import AfterValidator, Field

from nonmass.cohorts.cohort import Cohort, as_table, check_orphans, first_few, image_files, leads_out, read_csv
from nonmass.errors import InputError
from nonmass.params import Section
from nonmass.tables import FINDINGS, PATHOLOGIES

SALT_VARIABLE = "NONMASS_SALT"


def _not_ours(name: str) -> str:
    if name in {"patient", "patient_id", "cohort"}:
        raise ValueError("the patient table has this column already; choose another name")
    return name


def _inside(table: str) -> str:
    place = PureWindowsPath(table)  # which knows the separators and roots of every system
    if place.anchor or ".." in place.parts or not place.parts:
        raise ValueError("must be a file inside the cohort's folder, since changes elsewhere would go unseen")
    return table


ExtraName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_not_ours)]


class Columns(Section):
    """Our name of a column -> its heading in the spreadsheet."""

    file: str
    patient: str
    finding: str
    pathology: str | None = None
    device: str | None = None
    mask: str | None = None


class Values(Section):
    """Their word -> ours. Our own words need no entry; "" says that the pathology is unknown."""

    finding: dict[str, Literal["normal", "mass", "non_mass"]] = Field(default_factory=dict)
    pathology: dict[str, Literal["benign", "malignant", ""]] = Field(default_factory=dict)


class FolderSource(Section):
    """A folder of images and a CSV or XLSX table in it; `extra` maps our name of a patient's column to theirs."""

    adapter: Literal["folder"]
    table: Annotated[str, AfterValidator(_inside)]
    columns: Columns
    values: Values = Values()
    patient_ids: Literal["hash", "keep"]
    extra: dict[ExtraName, str] = Field(default_factory=dict)


def read(folder: Path, params: FolderSource) -> Cohort:
    """Translate the spreadsheet's rows; hash patient ids if asked.

    Raises:
        InputError: See the module's text; or the salt for hashing is not set.
    """
    table_file = folder / params.table
    if leads_out(folder, params.table):
        raise InputError(f"{table_file}: leads out of the cohort's folder; copy it in")
    headings = {ours: theirs for ours, theirs in params.columns.model_dump().items() if theirs is not None}
    table = _read_table(table_file, [*headings.values(), *params.extra.values()])
    images = pd.DataFrame({ours: table[theirs] for ours, theirs in headings.items()})
    images = images.assign(**{name: "" for name in ("pathology", "device", "mask") if name not in images})
    for name, words in params.values.model_dump().items():
        images[name] = [words.get(word, word) for word in images[name]]
    for name in ("file", "mask"):
        images[name] = [PureWindowsPath(cell).as_posix() if cell else "" for cell in images[name]]
    _check_rows(images, table_file)
    files = {*images["file"], *images["mask"]} - {""}
    check_orphans(files, image_files(folder), table_file)
    if params.patient_ids == "hash":
        images["patient"] = _hashed(images["patient"], folder.name)
    extra = pd.DataFrame({ours: table[theirs] for ours, theirs in params.extra.items()}, index=table.index)
    return Cohort(images, _one_row_a_patient(images["patient"], extra, table_file))


def _read_table(path: Path, required: list[str]) -> pd.DataFrame:
    if path.suffix.lower() != ".xlsx":
        return read_csv(path, required)
    try:
        cells = pd.read_excel(path, header=None, dtype=str, keep_default_na=False).fillna("")
    except FileNotFoundError:
        raise InputError(f"{path}: not found; see docs/data.md") from None
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not readable as XLSX: {error}") from None
    return as_table(cells.to_numpy().tolist(), required, path)


def _check_rows(images: pd.DataFrame, table_file: Path) -> None:
    """All that is wrong with labels, ids and file names, in one message."""
    problems = []
    for name, allowed in (("finding", FINDINGS), ("pathology", (*PATHOLOGIES, ""))):
        unknown = images.loc[~images[name].isin(allowed), name].value_counts().sort_index()
        if len(unknown):
            words = ", ".join(f"{word!r} ({count})" for word, count in unknown.items())
            problems.append(f"unknown {name} {words}; say what they mean under values.{name}")
    wrong = {
        "no file name": images["file"] == "",
        "no patient": images["patient"] == "",
        "a file that another row has too": images.duplicated("file", keep=False) & (images["file"] != ""),
        "normal tissue with a pathology (leave it empty)": (images["finding"] == "normal")
        & (images["pathology"] != ""),
    }
    problems += [f"{what} in row(s) {_row_numbers(rows)}" for what, rows in wrong.items() if rows.any()]
    if problems:
        raise InputError(f"{table_file}: {'; '.join(problems)}")


def _row_numbers(rows: "pd.Series[bool]") -> str:
    return first_few(rows.index[rows])


def _hashed(patients: "pd.Series[str]", cohort: str) -> "pd.Series[str]":
    """First 12 hex digits of each id's HMAC-SHA256; the key comes from outside the repository."""
    salt = os.environ.get(SALT_VARIABLE, "")
    if not salt:
        raise InputError(
            f"cohort {cohort}: patient_ids is 'hash', but the environment variable {SALT_VARIABLE} is not set; "
            "set it to a secret of your own, the same for every run"
        )
    return patients.map(lambda patient: hmac.new(salt.encode(), patient.encode(), hashlib.sha256).hexdigest()[:12])


def _one_row_a_patient(patient: "pd.Series[str]", extra: pd.DataFrame, table_file: Path) -> pd.DataFrame:
    for name in extra.columns:
        differs = extra[name].groupby(patient).transform("nunique") > 1
        if differs.any():
            raise InputError(
                f"{table_file}: {name} should be one value a patient, but is not in row(s) {_row_numbers(differs)}; "
                "make it so, or leave it out of `extra`"
            )
    return extra.assign(patient=patient).drop_duplicates("patient")
