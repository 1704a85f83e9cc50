"""From one cohort to one row an image: identity, size, patient; the same for every kind of source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.cohorts.cohort import Cohort, Problem, leads_out, plain
from nonmass.errors import InputError
from nonmass.images import refuse_no_file
from nonmass.parallel import ParallelParams, forget, map_images
from nonmass.pseudonyms import hidden_file, pseudonym, read_salt
from nonmass.screens import read_gray
from nonmass.tables import INVENTORY, PROBLEMS

Findings = dict[str, dict[str, Any]]  # of `_inspect`, by "file#frame"

# What can be wrong with a file, and what to do; what reading it says is its reason.
LEADS_OUT = ("file leads out of the cohort's folder", "copy it in, in the place of the link")
ODD_NAME = ("file name holds unprintable characters", "rename it in plain UTF-8 letters")
UNREADABLE = "file is no readable image"


def take_stock(
    raw_dir: Path, name: str, cohort: Cohort, journal: Path, params: ParallelParams, salt: bytes | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Look at every file of a cohort: rows of `INVENTORY`, of `PATIENTS` and of `PROBLEMS`.

    Every image and mask is decoded once, so that all damaged ones are known before anything else runs. Patient ids
    get the cohort's name in front, so that ids of two cohorts never meet; where the source has none, the
    image's own id stands in. Of a secret cohort, ids and file names become pseudonyms, and the adapter's problems lose
    their values, which may be cells or tags; what this module finds wrong with a file quotes neither.

    Args:
        raw_dir: The folder that holds one folder a cohort.
        name: The cohort's name and folder.
        cohort: Its content.
        journal: Of `map_images`.
        params: Where to work.
        salt: Of the pseudonyms of a secret cohort; default that of the environment.

    Raises:
        InputError: A secret cohort, and no secret.
    """
    salt = (salt or read_salt(name)) if cohort.is_secret else None
    images = cohort.images.sort_values(["file", "frame"], ignore_index=True)
    masks = images["mask"].map(lambda mask: [file for file in mask.split("|") if file])
    findings = _inspect_all(raw_dir / name, images, masks, journal, params, salt)
    told = [problem._replace(value="") if salt else problem for problem in cohort.problems]
    problems = [*told, *_file_problems(images, masks, findings)]
    blamed = {problem.file for problem in problems}
    faulty = images["file"].isin(blamed) | masks.map(lambda files: not blamed.isdisjoint(files)).astype(bool)
    rows = _rows(name, images[~faulty], masks[~faulty], findings, salt)
    forget(journal)
    return rows[list(INVENTORY.columns)], _patients(rows, name, cohort, salt), _problem_rows(name, problems, salt)


def _rows(
    name: str, images: pd.DataFrame, masks: "pd.Series[Any]", findings: Findings, salt: bytes | None
) -> pd.DataFrame:
    def shown(file: str) -> str:
        return f"{name}/{_shown(file, salt)}"

    seen = [findings[_key(*frame)] for frame in _frames(images)]
    image_id = pd.Series([f"{name}-{finding['id']}" for finding in seen], index=images.index, dtype="string")
    patient = images["patient"].map(lambda text: pseudonym(text, salt) if salt and text else text)
    patient = patient.astype("string")
    return images.assign(
        image_id=image_id,
        cohort=name,
        path=images["file"].map(shown),
        patient=patient,
        patient_id=(name + "-" + patient).where(patient != "", image_id),
        width_px=[finding["width_px"] for finding in seen],
        height_px=[finding["height_px"] for finding in seen],
        mask_path=masks.map(lambda files: "|".join(map(shown, files))),
        mask_id=masks.map(lambda files: _joint_id([findings[_key(file, 0)]["id"] for file in files])),
    )


def _patients(rows: pd.DataFrame, name: str, cohort: Cohort, salt: bytes | None) -> pd.DataFrame:
    """One row a patient of the inventory, with the source's further columns; "" where unknown."""
    ids = cohort.patients["patient"].map(lambda text: f"{name}-{pseudonym(text, salt) if salt else text}")
    known = cohort.patients.assign(patient_id=ids.astype("string")).drop(columns="patient")
    seen = rows[["patient_id", "cohort"]].drop_duplicates()
    return seen.merge(known, on="patient_id", how="left", validate="one_to_one").fillna("")


def _problem_rows(name: str, problems: list[Problem], salt: bytes | None) -> pd.DataFrame:
    """Rows of `PROBLEMS`."""
    rows = pd.DataFrame(problems, columns=list(Problem._fields)).assign(cohort=name)
    rows["file"] = [_shown(file, salt) if file else "" for file in rows["file"]]
    rows["value"] = rows["value"].map(plain)
    return rows[list(PROBLEMS.columns)].drop_duplicates(list(PROBLEMS.key))


def _shown(file: str, salt: bytes | None) -> str:
    """What tables call a file: its name, or its pseudonym."""
    return hidden_file(file, salt) if salt else plain(file)


def _inspect_all(
    folder: Path,
    images: pd.DataFrame,
    masks: "pd.Series[Any]",
    journal: Path,
    params: ParallelParams,
    salt: bytes | None,
) -> Findings:
    """What `_inspect` finds in every image and mask."""
    frames = list(dict.fromkeys([*_frames(images), *((file, 0) for files in masks for file in files)]))

    def jobs() -> Iterator[tuple[str, tuple[Any, ...]]]:
        for file, frame in frames:
            key = [hidden_file(file, salt) if salt else file, frame, *_state(folder / file)]
            yield str(key), (folder.absolute(), file, frame, _shown(file, salt))

    found = map_images(_inspect, jobs(), len(frames), journal, str(folder), params, f"reading {folder.name}")
    return dict(zip((_key(*frame) for frame in frames), found.values(), strict=True))


def _state(path: Path) -> list[int]:
    """Size and time of a file, for one that changed since an earlier run was killed is another one; [] if unknown."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


def _inspect(folder: Path, file: str, frame: int, name: str) -> dict[str, Any]:
    """Decode one frame of a file: `sha256` and size, or what is `wrong` with it: problem, remedy and reason."""
    if leads_out(folder, file):
        return {"wrong": (*LEADS_OUT, "")}
    if not file.isprintable():  # tables hold it as an escape, under which nobody would find it again
        return {"wrong": (*ODD_NAME, "")}
    try:
        refuse_no_file(folder / file, name)
        height, width = read_gray(folder / file, frame, name).shape
    except InputError as error:
        reason, _, remedy = str(error).removeprefix(f"{name}: ").rpartition("; ")
        return {"wrong": (UNREADABLE, remedy, reason)}
    digits = hashlib.sha256((folder / file).read_bytes()).hexdigest()[:16]
    return {"id": f"{digits}-{frame}" if frame else digits, "width_px": width, "height_px": height}


def _file_problems(images: pd.DataFrame, masks: "pd.Series[Any]", findings: Findings) -> list[Problem]:
    """Files that cannot be used, and masks that are not as large as their image."""
    problems = []
    for (name, frame), files in zip(_frames(images), masks, strict=True):
        image = findings[_key(name, frame)]
        for file, finding in [(name, image), *((file, findings[_key(file, 0)]) for file in files)]:
            if "wrong" in finding:
                problem, remedy, reason = finding["wrong"]
                problems.append(Problem(problem, remedy, file, value=reason))
            elif "wrong" not in image and _size(finding) != _size(image):
                reason = f"{_size(finding)} px, its image {_size(image)} px"
                problems.append(
                    Problem("mask is not as large as its image", "export it again at the image's size", file, 0, reason)
                )
    return problems


def _size(finding: dict[str, Any]) -> str:
    return f"{finding['width_px']} x {finding['height_px']}"


def _frames(images: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(images["file"].tolist(), images["frame"].tolist(), strict=True))


def _key(file: str, frame: int) -> str:
    return f"{file}#{frame}"


def _joint_id(ids: list[str]) -> str:
    """First 16 hex digits of the SHA-256 of the masks' ids; so a changed mask shows in the tables, too."""
    return hashlib.sha256("".join(ids).encode()).hexdigest()[:16] if ids else ""
