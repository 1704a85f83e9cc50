"""The general case: a folder of exported images and a spreadsheet, with the hospital's own headings.

Source, licence, size: the user's. Known defects of such sources, each listed as a problem of its row or file:
labels that no rule names, rows without a file and files without a row, a file in two rows, a patient
column with gaps, a value that should be one a patient and is not.
"""

from pathlib import Path, PureWindowsPath
from typing import Literal

import pandas as pd

from nonmass.cohorts.cohort import TWICE, Cohort, Problem, image_files, image_rows, match_files
from nonmass.cohorts.spreadsheet import SpreadsheetParams, one_row_a_patient, read_labels
from nonmass.params import Section


class Columns(Section):
    """Our name of a column -> its heading in the spreadsheet."""

    file: str
    patient: str
    finding: str
    pathology: str | None = None
    device: str | None = None
    mask: str | None = None


class FolderSource(SpreadsheetParams):
    """A folder of images, and a table with one row an image."""

    adapter: Literal["folder"]
    columns: Columns


def read(folder: Path, params: FolderSource) -> Cohort:
    """Translate the spreadsheet's rows and match them with the files.

    Raises:
        InputError: See `read_labels`.
    """
    headings = {ours: theirs for ours, theirs in params.columns.model_dump().items() if theirs is not None}
    rows, problems = read_labels(folder, params, headings)
    for name in ("file", "mask"):
        rows[name] = [PureWindowsPath(cell).as_posix() if cell else "" for cell in rows[name]]
    problems += _row_problems(rows)
    patients, contradictions = one_row_a_patient(
        rows[~rows.index.isin([problem.row for problem in problems])], params.extra
    )
    problems += contradictions
    faulty = {problem.row for problem in problems}
    # Faulty rows are matched, too: their files are no orphans.
    matched, unmatched = match_files(image_rows(rows[rows["file"] != ""]), image_files(folder))
    problems += [problem for problem in unmatched if problem.row not in faulty or problem.problem == TWICE]
    named = tuple(problem._replace(file=problem.file or rows["file"].get(problem.row, "")) for problem in problems)
    return Cohort(matched[~matched["row"].isin(faulty)], patients, named, is_secret=params.patient_ids == "hash")


def _leaves(file: str) -> bool:
    """Whether one of the files of a cell is given from the root on, or from above the folder."""
    parts = [PureWindowsPath(part) for part in file.split("|")]  # which knows the roots of every system
    return any(part.anchor or ".." in part.parts for part in parts)


def _row_problems(rows: pd.DataFrame) -> list[Problem]:
    """What only a table of images can get wrong."""
    outside = rows["file"].map(_leaves).astype(bool) | rows["mask"].map(_leaves).astype(bool)
    faults = {
        "row without a file name": (rows["file"] == "", "name the file, or take the row out"),
        "row without a patient": (rows["patient"] == "", "say whose image it is, or take the row out"),
        "file outside the cohort's folder": (outside, "copy it in, and name it relative to the folder"),
    }
    return [Problem(what, remedy, row=int(row)) for what, (hits, remedy) in faults.items() for row in rows.index[hits]]
