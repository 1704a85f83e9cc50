"""Patients and their clinical columns by class: who counts where, and which column can describe a group."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nonmass.tables import FINDINGS, PATHOLOGIES

Kind = Literal["number", "category"]

PATIENT = ["cohort", "patient_id"]

# A text column with more values than this (a comment, an accession number) describes no group.
MAX_LEVELS = 12

# The last word of a column's name, if that is a unit: then few different numbers are numbers all the same.
UNIT_WORDS = ("years", "months", "days", "mm", "cm", "kg")


@dataclass(frozen=True)
class Clinical:
    """The included patients.

    Attributes:
        classes: (finding, pathology) -> their rows of tables.PATIENTS; only classes that have any. A
            patient with lesions of two classes is in both.
        kinds: Column -> what it holds, in the order of the source; only those that describe a group.
        left_out: Columns with more words than a category has, so that they describe none.
    """

    classes: dict[tuple[str, str], pd.DataFrame]
    kinds: dict[str, Kind]
    left_out: tuple[str, ...]


def clinical_data(manifest: pd.DataFrame, patients: pd.DataFrame) -> Clinical:
    """Group the patients of all images that are not excluded.

    Args:
        manifest: tables.MANIFEST.
        patients: tables.PATIENTS; every further column is a characteristic, empty where unknown.
    """
    images = manifest[manifest["excluded"] == ""]
    included = images[PATIENT].drop_duplicates().merge(patients, on=PATIENT, how="left")
    classes = {}
    for finding in FINDINGS:
        for pathology in ("", *PATHOLOGIES):
            is_member = (images["finding"] == finding) & (images["pathology"] == pathology)
            members = images.loc[is_member, PATIENT].drop_duplicates()
            if len(members):
                classes[finding, pathology] = members.merge(included, on=PATIENT, how="left")
    columns = [name for name in patients.columns if name not in PATIENT and len(known(included[name]))]
    kinds = {name: kind for name in columns if (kind := _kind(included[name]))}
    return Clinical(classes, kinds, tuple(name for name in columns if name not in kinds))


def known(values: "pd.Series[str]") -> "pd.Series[str]":
    """The values that are not empty."""
    return values[values.notna() & (values != "")]


def _kind(values: "pd.Series[str]") -> Kind | None:
    """Numbers have a unit in their name or more values than a category has; else few values are a category."""
    found = known(values)
    numbers = pd.to_numeric(found, errors="coerce").to_numpy(float)
    has_unit = str(values.name).split("_")[-1] in UNIT_WORDS
    is_many = found.nunique() > MAX_LEVELS
    if np.isfinite(numbers).all() and (has_unit or is_many):
        return "number"
    return None if is_many else "category"
