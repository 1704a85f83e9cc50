"""How well networks do on some of the patients: which group an image is in, and the areas that R gives."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from nonmass.clinical import PATIENT
from nonmass.params import Section
from nonmass.roc import bridge
from nonmass.roc.analysis import RocParams, images_and_scores, with_digits
from nonmass.tables import PREDICTIONS, SUBGROUPS

JUDGED_PARTS = ("test", "external")


def _rising(begins: tuple[float, ...]) -> tuple[float, ...]:
    if list(begins) != sorted(set(begins)):
        raise ValueError("bands must rise")
    return begins


Begins = Annotated[tuple[Annotated[float, Field(gt=0)], ...], AfterValidator(_rising)]


class SubgroupParams(Section):
    """Where the second and further bands of a number begin, and how many patients a group needs.

    Attributes:
        min_patients: Of either class; a smaller group gets no number.
        age_years: Bands of age.
        lesion_size_mm: Bands of the lesion's longest diameter.
    """

    min_patients: int = Field(ge=2)
    age_years: Begins
    lesion_size_mm: Begins


def characteristics(
    manifest: pd.DataFrame, patients: pd.DataFrame, marks: pd.DataFrame, params: SubgroupParams
) -> pd.DataFrame:
    """The group that each image is in, one column a characteristic, "" where unknown.

    Args:
        manifest: `tables.MANIFEST`.
        patients: `tables.PATIENTS`; a column that no source has is unknown of every image.
        marks: `tables.MARKS`.
        params: Bands of numbers.

    Returns:
        Columns `device`, `age_years`, `birads`, `lesion_size_mm` and `caliper`, indexed by image id.
    """
    images = manifest.merge(patients.drop(columns="device", errors="ignore"), on=PATIENT, how="left")
    known = images.reindex(columns=["age_years", "birads", "lesion_size_mm"], fill_value="").fillna("")
    bears = images["image_id"].isin(marks.loc[marks["kind"] == "caliper", "image_id"])
    return pd.DataFrame(
        {
            "device": images["device"],
            "age_years": _bands(known["age_years"], params.age_years),
            "birads": known["birads"],
            "lesion_size_mm": _bands(known["lesion_size_mm"], params.lesion_size_mm),
            "caliper": np.where(bears, "found", "none found"),
        }
    ).set_axis(images["image_id"])


def _bands(values: "pd.Series[str]", begins: Begins) -> "pd.Series[str]":
    """Such as "0 to < 40", "40 to < 50", "50 or more"; "" (unknown) for what is no number, such as "45-50"."""
    edges = [0.0, *begins]
    names = [f"{low:g} to < {high:g}" for low, high in pairwise(edges)]
    numbers = pd.to_numeric(values, errors="coerce")
    band = pd.cut(numbers, [*edges, np.inf], right=False, labels=[*names, f"{edges[-1]:g} or more"])
    return band.astype("object").fillna("").astype("string")


def subgroup_areas(
    predictions: Mapping[str, pd.DataFrame],
    groups: pd.DataFrame,
    clusters: "pd.Series[str]",
    roc: RocParams,
    params: SubgroupParams,
    where: str,
) -> pd.DataFrame:
    """Areas under the curve of every group of the test and external images, or why there is none.

    Images whose group is unknown are counted in a row of their own, unless all of the part are.

    Args:
        predictions: Backbone -> `tables.PREDICTIONS`.
        groups: Of `characteristics`.
        clusters: As for `roc.analysis.evaluate`.
        roc: Of its confidence level.
        params: How many patients a group needs.
        where: Opens error messages.

    Returns:
        `tables.SUBGROUPS`.

    Raises:
        InputError: As for `roc.analysis.evaluate`.
    """
    frames = {name: PREDICTIONS.check(frame, f"{where}, {name}") for name, frame in predictions.items()}
    judged = {name: frame[frame["part"].isin(JUDGED_PARTS)].reset_index(drop=True) for name, frame in frames.items()}
    arguments = images_and_scores(judged, where, clusters)
    of_images = groups.loc[next(iter(judged.values()))["image_id"]]
    found = bridge.call(
        "subgroup_areas",
        **arguments,
        groups={name: of_images[name].tolist() for name in of_images},
        level=roc.confidence_level,
        fewest=params.min_patients,
    )
    return SUBGROUPS.check(with_digits(pd.DataFrame(found), "auc", "lo", "hi"), where)
