"""Looks a folder over: what `ingest` would list, what it would not, and what `split` would stop at."""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.cohorts.cohort import Cohort, image_rows, plain
from nonmass.cohorts.inventory import take_stock
from nonmass.cohorts.registry import Source, read_cohort
from nonmass.doctor.diagnosis import Diagnosis, Finding, Names
from nonmass.doctor.files import check_files, check_sizes, entries, is_no_file, pictures
from nonmass.doctor.labels import check_classes, check_copies, check_patients, meet_criteria
from nonmass.errors import InputError
from nonmass.images import FORMATS
from nonmass.parallel import ParallelParams
from nonmass.params import PARAMS_FILE, load, validate
from nonmass.pseudonyms import hidden_file, read_salt

MIN_SIDE_PX = 64  # no ultrasound screen is smaller; an icon or a crop of a crop is


@dataclass(frozen=True)
class Place:
    """A folder, and what params.yaml says of it.

    Attributes:
        raw_dir: Holds it, or a link to it.
        name: Its name there; the cohort's if `source` is known.
        source: Its entry in `sources`, or None.
        content: Of params.yaml; empty if there is none.
    """

    raw_dir: Path
    name: str
    source: Source | None
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.raw_dir / self.name


def find_place(folder: Path, raw_dir: Path = Path("data/raw"), params_file: Path = PARAMS_FILE) -> Place:
    """Which cohort a folder is: that to which a folder of `raw_dir` leads, or else that of its name.

    Raises:
        InputError: params.yaml is there, but not readable, or its entry for the cohort is wrong.
    """
    content = load(params_file) if params_file.is_file() else {}
    sources = content.get("sources") or {}
    absolute = Path(os.path.abspath(folder))  # noqa: PTH100 (keeps a link's own name, takes ".." out)
    same = [name for name in sources if os.path.realpath(raw_dir / name) == os.path.realpath(folder)]
    place, name = (raw_dir, same[0]) if same else (absolute.parent, absolute.name)
    if name not in sources:
        return Place(place, name, None, content)
    return Place(place, name, validate(sources[name], Source, f"{params_file}: sources.{name}"), content)


def examine(place: Place, show_names: bool = False) -> Diagnosis:
    """Every file is read once, as `ingest` reads it; labels are checked where `sources` tells how to read them.

    Args:
        place: The folder.
        show_names: Whether names of files that may be identities are shown beside their pseudonyms.

    Raises:
        InputError: `tasks` or `criteria` of params.yaml are wrong; what is wrong with the data is a finding.
    """
    is_secret = place.source is None or getattr(place.source.root, "patient_ids", "keep") == "hash"
    salt, findings = _salt(place) if is_secret else (None, [])
    names = Names(entries(place.folder), is_secret, salt, show_names)
    labelled, unread = _read(place)
    cohort = labelled or _only_files(place, names)
    # Names are given back below, so without a secret of the user's any will do.
    rows, patients, problems = _take_stock(place, cohort, salt or secrets.token_bytes(16))
    of_rows = _files(labelled.images) if labelled else set()
    # What is no file must not be told to get a row.
    problems = [one for one in problems if one.row or one.file in of_rows or not is_no_file(place.folder / one.file)]
    findings += [*unread, *problems, *check_files(place.folder, names.entries)]
    if len(rows):
        findings += [*check_copies(rows), *check_sizes(rows, MIN_SIDE_PX)]
    elif not unread and not problems:
        findings.append(Finding("error", "no images found", f"{', '.join(FORMATS)} and DICOM are read"))
    if len(rows) and labelled:
        left, unmet = meet_criteria(rows, patients, place.name, place.content)
        findings += [*check_patients(labelled.images), *unmet]
        findings += check_classes(left, patients, place.name, place.content)
    return Diagnosis(
        cohort=place.name if place.source else "",
        adapter=place.source.root.adapter if place.source and labelled else "",
        images=len(rows),
        patients=rows["patient_id"].nunique() if labelled else 0,
        findings=tuple(found._replace(file=names.of(found.file), other=names.of(found.other)) for found in findings),
        note=names.note() if any(found.file for found in findings) else "",
    )


def _salt(place: Place) -> tuple[bytes | None, list[Finding]]:
    """The secret of a cohort, and what is wrong with it; none for a folder that is no cohort's."""
    if place.source is None:
        return None, []
    try:
        return read_salt(place.name), []
    except InputError as error:
        return None, [
            Finding("error", "no secret for hashed patient ids", "set it before `dvc repro`", value=str(error))
        ]


def _read(place: Place) -> tuple[Cohort | None, list[Finding]]:
    if place.source is None:
        return None, []
    try:
        return read_cohort(place.folder, place.source), []
    except InputError as error:
        what = str(error).replace(str(place.folder), place.name)
        return None, [
            Finding("error", "cohort cannot be read", "mend this, then ask again: no label was checked", value=what)
        ]


def _only_files(place: Place, names: Names) -> Cohort:
    """All pictures of a folder, of whose labels nothing is known."""
    files = pd.DataFrame(pictures(place.folder, names.entries), columns=["file", "frame"])
    return Cohort(image_rows(files), pd.DataFrame({"patient": []}, dtype="string"), is_secret=names.is_secret)


def _files(images: pd.DataFrame) -> set[str]:
    """All images and masks of `Cohort.images`."""
    return {*images["file"], *(file for mask in images["mask"] for file in mask.split("|"))}


def _take_stock(place: Place, cohort: Cohort, secret: bytes) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Rows of `INVENTORY`, with the files' own names as their paths, and of `PATIENTS`; and all problems."""
    parallel = validate(
        place.content.get("parallel", {"dask_scheduler": ""}), ParallelParams, f"{PARAMS_FILE}: parallel"
    )
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal"
        rows, patients, problems = take_stock(place.raw_dir, place.name, cohort, journal, parallel, secret)
    named = _files(cohort.images) | {problem.file for problem in cohort.problems}
    known_as = {hidden_file(file, secret) if cohort.is_secret else plain(file): file for file in named}
    paths = [known_as[path.removeprefix(f"{place.name}/")] for path in rows["path"]]
    columns = ["problem", "remedy", "file", "row", "value"]
    found = [
        Finding("error", problem, remedy, known_as[file] if file else "", row=row, value=value)
        for problem, remedy, file, row, value in problems[columns].itertuples(index=False, name=None)
    ]
    return rows.assign(path=paths), patients, found
