"""DICOM files as a hospital's archive exports them, and a spreadsheet of labels with the hospital's own headings.

Source, licence, size: the user's. Known defects of such exports, each listed as a problem of its file or row:
    - Structured reports, presentation states, videos and pictures of other modalities lie between the images.
    - Anonymisers empty the tag that joins file and spreadsheet, or the PatientID; some share one among patients.
    - Spreadsheets eat leading zeros: 0042 of the archive is 42 in the table. That is reported, never guessed.
    - Clips stand beside still pictures, and hold the same lesion dozens of times: `frames` says which to take.
    - Ultrasound regions are often loose, and sometimes larger than the image; they bound the field of view only.
    - Names are burned into the pixels. Cropping to the field of view removes most of them, not all.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Literal

import pandas as pd

from nonmass.cohorts.cohort import Cohort, Problem, image_rows, leads_out
from nonmass.cohorts.spreadsheet import SpreadsheetParams, one_row_a_patient, read_labels
from nonmass.dicom import DicomError, header, is_dicom
from nonmass.dicom_regions import region_text
from nonmass.images import SUFFIXES
from nonmass.params import Section

MODALITY = "US"
# Files that must be DICOM, or somebody misses an image: named so, other pictures, no suffix, or the end of a UID.
EXPECTED = re.compile(r"|\.(?:dcm|dicom|ima|\d+)|" + "|".join(map(re.escape, sorted(SUFFIXES))))


ALMOST = ("key in file and row differs in zeros or blanks only", "write it as text, as it stands in the file")


class Columns(Section):
    """Our name of a column -> its heading in the spreadsheet."""

    key: str
    finding: str
    pathology: str | None = None
    device: str | None = None


class DicomSource(SpreadsheetParams):
    """A folder of DICOM files, and a table with one row a patient, examination or file.

    Attributes:
        key: What the column `key` holds: this element of the file, or its name relative to the folder.
        frames: Which pictures of a clip serve.
    """

    adapter: Literal["dicom"]
    key: Literal["PatientID", "AccessionNumber", "StudyInstanceUID", "SOPInstanceUID", "file"]
    columns: Columns
    frames: Literal["first", "middle", "all"]


def read(folder: Path, params: DicomSource) -> Cohort:
    """Join the files with the rows of the spreadsheet.

    A patient is a PatientID. The device is the spreadsheet's if that has a column for it, else the file's.

    Raises:
        InputError: See `read_labels`.
    """
    headings = {ours: theirs for ours, theirs in params.columns.model_dump().items() if theirs is not None}
    rows, problems = read_labels(folder, params, headings)
    if params.key == "file":
        rows["key"] = [PureWindowsPath(cell).as_posix() if cell else "" for cell in rows["key"]]
    files, unread = _read_files(folder, params)
    problems += [*_row_problems(rows), *unread, *_unmatched(files, rows, params.key), *_shared_rows(files, rows)]
    sound = rows[~rows["row"].isin({problem.row for problem in problems})]
    named = files[files["patient"] != ""]
    if params.columns.device:
        named = named.drop(columns="device")
    else:
        sound = sound.drop(columns="device")
    joined = named.merge(sound, on="key", validate="many_to_one")
    owned = joined.drop_duplicates("row").set_index("row", drop=False)
    patients, contradictions = one_row_a_patient(owned, params.extra)
    joined = joined[~joined["row"].isin({problem.row for problem in contradictions})]
    images = image_rows(joined.explode("frame", ignore_index=True).astype({"frame": "int64"}))
    everything = (*problems, *contradictions)
    return Cohort(images, patients, everything, is_secret=params.patient_ids == "hash")


def _read_files(folder: Path, params: DicomSource) -> tuple[pd.DataFrame, list[Problem]]:
    """One row a readable file: `file`, `key`, `patient`, `device`, `frame` (a list of numbers) and `us_regions`."""
    found, problems = [], []
    for file, path in _places(folder, params.table):
        if path.is_symlink() and (leads_out(folder, file) or not path.is_file()):
            problems.append(Problem("link that leads out of the cohort's folder, or nowhere", "copy the file in", file))
        elif not is_dicom(path):
            if EXPECTED.fullmatch(path.suffix.lower()):
                problems.append(Problem("file that is not DICOM", "export it again, or take it out", file))
        else:
            try:
                head = header(path, modality=MODALITY)
            except DicomError as error:
                problems.append(Problem(error.problem, error.remedy, file, value=error.value))
                continue
            patient = head.ids["PatientID"]
            if not patient:
                problems.append(Problem("DICOM file without a PatientID", "fill it in, or take the file out", file))
            key = file if params.key == "file" else head.ids[params.key]
            chosen = {"first": [0], "middle": [head.n_frames // 2], "all": list(range(head.n_frames))}[params.frames]
            found.append((file, key, patient, head.device, chosen, region_text(head.regions)))
    columns = ["file", "key", "patient", "device", "frame", "us_regions"]
    return pd.DataFrame(found, columns=columns, dtype=object), problems  # text that is no UTF-8, too


def _places(folder: Path, table: str) -> Iterator[tuple[str, Path]]:
    """All files but the hidden ones, the spreadsheet and DICOMDIR, which lists the others; sorted by name."""
    places = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for file, path in sorted(places.items()):
        is_hidden = any(part.startswith(".") for part in file.split("/"))
        is_list = path.name.upper() == "DICOMDIR" or file == PureWindowsPath(table).as_posix()
        if (path.is_file() or path.is_symlink()) and not path.is_dir() and not is_hidden and not is_list:
            yield file, path


def _row_problems(rows: pd.DataFrame) -> list[Problem]:
    """Rows that name no file, or the same files as another."""
    no_key = rows["key"] == ""
    twice = rows.duplicated("key", keep=False) & ~no_key
    return [
        *(Problem("row without a key", "fill it in, or take the row out", row=int(row)) for row in rows.index[no_key]),
        *(Problem("key in several rows", "keep one row for each key", row=int(row)) for row in rows.index[twice]),
    ]


def _unmatched(files: pd.DataFrame, rows: pd.DataFrame, key: str) -> list[Problem]:
    """Files without a row and rows without a file; keys that differ in zeros and blanks only are said to."""
    loose_rows, loose_files = ({_loose(text) for text in keys["key"] if text} for keys in (rows, files))
    known = {*rows["key"]}
    problems = []
    for file, text in zip(files["file"], files["key"], strict=True):
        if not text and key != "PatientID":  # whose absence is a problem of its own
            remedy = "fill it in, choose another key, or take the file out"
            problems.append(Problem("DICOM file without its key", remedy, file, value=key))
        elif text and text not in known:
            what = ALMOST if _loose(text) in loose_rows else ("DICOM file without a row", "add a row, or take it out")
            problems.append(Problem(*what, file, value=text))
    known = {*files["key"], ""}
    for row, text in zip(rows["row"], rows["key"], strict=True):
        if text not in known:
            what = ALMOST if _loose(text) in loose_files else ("row without a DICOM file", "add one, or take it out")
            problems.append(Problem(*what, row=int(row), value=text))
    return problems


def _loose(key: str) -> str:
    """What a spreadsheet may have made of a key: no blanks, no zeros in front, no ".0" behind."""
    return re.sub(r"^0+(?=.)|\s|\.0+$", "", key)


def _shared_rows(files: pd.DataFrame, rows: pd.DataFrame) -> list[Problem]:
    """Rows whose files are of several patients, so that nobody knows whose labels they hold."""
    owners = files[files["patient"] != ""].groupby("key")["patient"].nunique()
    shared = rows[rows["key"].isin(owners.index[owners > 1])]
    remedy = "correct the key or the PatientID in the files, or take them out"
    return [Problem("row whose files are of several patients", remedy, row=int(row)) for row in shared["row"]]
