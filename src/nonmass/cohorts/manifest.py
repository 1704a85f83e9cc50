"""From the inventories of all cohorts to one manifest: exact duplicates, and who was counted out."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, ConfigDict, Field, RootModel

from nonmass.linking import linked
from nonmass.tables import MANIFEST

CONTRADICTORY = "contradictory duplicate"  # same bytes, but another label or another patient
EXACT = "exact duplicate"  # same bytes, same cohort, same label and patient
FOREIGN = "duplicate in another cohort"  # same bytes and label in a cohort that comes earlier by name


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


def mark_copies(files: pd.DataFrame) -> pd.DataFrame:
    """The inventories of all cohorts, sorted by path, with `excluded` and `patient_group`.

    `excluded` says why a row is left out, or "". Files are the same if their ids agree but for the
    cohort: 64 bits of SHA-256. Patients are linked here, by all rows, since an excluded copy may be
    all that tells that two ids are one woman.
    """
    rows = files.sort_values("path", ignore_index=True)
    content = rows["image_id"].str.split("-").str[-1]
    labels = (rows["finding"] + "|" + rows["pathology"]).groupby(content).transform("nunique")
    patients = rows.groupby("image_id")["patient_id"].transform("nunique").groupby(content).transform("max")
    reasons = {
        CONTRADICTORY: (labels > 1) | (patients > 1),
        EXACT: rows.duplicated("image_id"),
        FOREIGN: content.duplicated(),
    }
    excluded = np.select([rule.to_numpy(bool) for rule in reasons.values()], list(reasons), "")
    return rows.assign(excluded=excluded, patient_group=linked(rows["patient_id"], content))


def merge_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """The manifest: of the rows that share an image id, the first one by path stays."""
    return rows.drop_duplicates("image_id")[list(MANIFEST.columns)]


def flow(rows: pd.DataFrame) -> dict[str, Any]:
    """Counts of images and patients for `metrics/data.json`, in all and by cohort.

    Args:
        rows: Result of `mark_copies`; each file counts once, under its reason if it is excluded.
    """
    by_cohort = {str(name): _counts(part) for name, part in rows.groupby("cohort")}
    return {"all": _counts(rows), **by_cohort}


def _counts(rows: pd.DataFrame) -> dict[str, Any]:
    used = rows[rows["excluded"] == ""]
    group = used["finding"] + np.where(used["pathology"] == "", "", "_" + used["pathology"])
    reasons = rows.loc[rows["excluded"] != "", "excluded"].str.replace(" ", "_").value_counts()
    excluded = {str(reason): int(n) for reason, n in reasons.items()}
    return {
        **_size(used),
        **({"excluded_images": excluded} if excluded else {}),
        **{str(name): _size(part) for name, part in used.groupby(group)},
    }


def _size(rows: pd.DataFrame) -> dict[str, int]:
    return {"images": len(rows), "patients": int(rows["patient_id"].nunique())}
