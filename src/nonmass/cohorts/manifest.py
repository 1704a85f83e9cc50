"""From the inventories of all cohorts to one manifest: what is excluded and why, and who is left after each step."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, ConfigDict, Field, RootModel

from nonmass.cohorts.criteria import COPY_REASONS, Criteria, apply_criteria
from nonmass.errors import InputError
from nonmass.files import metric_key
from nonmass.linking import linked
from nonmass.params import Section
from nonmass.tables import COPIES, MANIFEST


def _usable(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice; each cohort is a folder of its own")
    if "all" in names:
        raise ValueError("'all' is the name of the total over all cohorts; choose another")
    return names


class CohortNames(
    RootModel[
        Annotated[
            tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], ...],
            Field(min_length=1),
            AfterValidator(_usable),
        ]
    ]
):
    """The section `cohorts`: which folders of the raw data serve; each has an entry in `sources`."""

    model_config = ConfigDict(frozen=True, strict=True)


class IngestParams(Section):
    """What becomes of a source's faulty rows and files: the run stops, or goes on without them."""

    on_problem: Literal["stop", "exclude"]


def refuse_problems(problems: pd.DataFrame, params: IngestParams, problems_csv: Path) -> None:
    """Stop at problems, unless params say to go on without the files concerned.

    Args:
        problems: Rows of `tables.PROBLEMS`, of all cohorts.
        params: The section `ingest`.
        problems_csv: Where a person finds them.

    Raises:
        InputError: How many problems of which kind in which cohorts, and where they are listed.
    """
    if params.on_problem == "exclude" or problems.empty:
        return
    kinds = ", ".join(f"{kind} ({n})" for kind, n in problems["problem"].value_counts().sort_index().items())
    cohorts = ", ".join(sorted(problems["cohort"].unique()))
    raise InputError(
        f"{len(problems)} problem(s) in {cohorts}: {kinds}; see {problems_csv}; mend them, "
        "or set ingest.on_problem to exclude, which goes on without these files"
    )


def mark_copies(files: pd.DataFrame) -> pd.DataFrame:
    """The inventories of all cohorts, sorted by path, with `excluded` and `patient_group`.

    `excluded` is one of `COPY_REASONS`, or "". Files are the same if their digits agree: 64 bits of SHA-256.
    Only the same frame of a file is a copy, but labels and patients are those of the file, whichever frame a
    cohort takes of it. Patients are linked here, by all rows, since an excluded copy may be all that tells that
    two ids are one woman.
    """
    rows = files.sort_values(["path", "frame"], ignore_index=True)
    file = file_digits(rows)
    in_cohort = rows["cohort"] + "-" + file
    # An unknown patient is called by her image, frame included; the frames of a file are no several patients.
    patient = rows["patient_id"].where(rows["patient_id"] != rows["image_id"], in_cohort)
    labels = (rows["finding"] + "|" + rows["pathology"]).groupby(file).transform("nunique")
    patients = patient.groupby(in_cohort).transform("nunique").groupby(file).transform("max")
    is_copy = pd.DataFrame({"file": file, "frame": rows["frame"]}).duplicated()
    rules = [(labels > 1) | (patients > 1), rows.duplicated("image_id"), is_copy]
    excluded = np.select([rule.to_numpy(bool) for rule in rules], COPY_REASONS, "")
    return rows.assign(excluded=excluded, patient_group=linked(rows["patient_id"], file))


def file_digits(rows: pd.DataFrame) -> "pd.Series[str]":
    """Of each image id, the digits that name the file's bytes: without the cohort before and the frame after them.

    Args:
        rows: With `image_id` and `cohort`, which is any folder's name where `doctor` asks.
    """
    ids = zip(rows["image_id"], rows["cohort"], strict=True)
    digits = [image_id.removeprefix(f"{cohort}-").partition("-")[0] for image_id, cohort in ids]
    return pd.Series(digits, index=rows.index, dtype="string")


def exclude(rows: pd.DataFrame, patients: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """The rows of `mark_copies`; those that are not excluded yet, but fail a rule, get its name as their reason."""
    left = rows["excluded"] == ""
    return rows.assign(excluded=rows["excluded"].mask(left, apply_criteria(rows[left], patients, criteria)))


def merge_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """The manifest: of the rows that share an image id, the first one by path stays."""
    return rows.drop_duplicates("image_id")[list(MANIFEST.columns)]


def merged_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that `merge_copies` leaves out, those of `tables.COPIES`."""
    return rows.loc[rows.duplicated("image_id"), list(COPIES.columns)]


def flow(rows: pd.DataFrame, criteria: Criteria, problems: pd.DataFrame) -> dict[str, Any]:
    """Counts of images and patients for `metrics/data.json`, in all and by cohort.

    `read`, then under `steps` what each reason excluded and what it left, in order; then what is
    used, as a whole and by class. A patient is excluded by the step that leaves her without an
    image. So `read` less all that is excluded is what is used, for images and for patients.

    Args:
        rows: Result of `exclude`; each file counts once.
        criteria: The rules, for those without effect are steps, too.
        problems: Rows of `tables.PROBLEMS`; their files are not among `rows`.
    """
    reasons = (*COPY_REASONS, *(rule.name for rule in criteria.root))
    counts = {"all": _counts(rows, reasons, problems)}
    for name in sorted({*rows["cohort"], *problems["cohort"]}):
        counts[name] = _counts(rows[rows["cohort"] == name], reasons, problems[problems["cohort"] == name])
    return counts


def _counts(rows: pd.DataFrame, reasons: tuple[str, ...], problems: pd.DataFrame) -> dict[str, Any]:
    used = rows[rows["excluded"] == ""]
    group = used["finding"] + np.where(used["pathology"] == "", "", "_" + used["pathology"])
    kinds = problems["problem"].map(metric_key).value_counts()
    return {
        **({"problems": {str(kind): int(n) for kind, n in kinds.items()}} if len(kinds) else {}),
        "read": _size(rows),
        "steps": _steps(rows, reasons),
        **_size(used),
        **{str(name): _size(part) for name, part in used.groupby(group)},
    }


def _steps(rows: pd.DataFrame, reasons: tuple[str, ...]) -> dict[str, Any]:
    """Reason -> what it excluded and what it left; numbers in front keep the order where keys are sorted."""
    steps = {}
    before = _size(rows)
    for number, reason in enumerate(reasons, start=1):
        rows = rows[rows["excluded"] != reason]
        left = _size(rows)
        excluded = {what: before[what] - left[what] for what in left}
        steps[f"{number:0{len(str(len(reasons)))}}_{metric_key(reason)}"] = {"excluded": excluded, "left": left}
        before = left
    return steps


def _size(rows: pd.DataFrame) -> dict[str, int]:
    return {"images": len(rows), "patients": int(rows["patient_id"].nunique())}
