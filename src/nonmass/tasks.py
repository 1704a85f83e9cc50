"""Which images a task is about: filters over the manifest and over the sources' own columns."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field

from nonmass.errors import InputError
from nonmass.params import Section
from nonmass.tables import MANIFEST

# Of the manifest; any column of the table of patients may serve as well.
FILTER_COLUMNS = ("cohort", "finding", "pathology", "device")
_OF_PATIENTS = "patients."  # keeps a source's own columns apart from ours


def _texts(value: Any) -> Any:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, int | float):
            raise ValueError(f"filters compare texts; put {item} in quotes")
    return tuple(value) if isinstance(value, list) else value


Condition = dict[str, Annotated[str | tuple[str, ...], BeforeValidator(_texts)]]


def _possible(condition: Condition) -> Condition:
    for column, value in condition.items():
        allowed = MANIFEST.allowed.get(column, _values(value))
        wrong = sorted(set(_values(value)) - set(allowed))
        if wrong:
            raise ValueError(f"{column} cannot be {wrong[0]!r}; allowed: {', '.join(map(repr, allowed))}")
    return condition


# All columns must agree; of several values one must.
Filter = Annotated[Condition, Field(min_length=1), AfterValidator(_possible)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TaskParams(Section):
    """Which images a task is about, and how they are parted.

    Attributes:
        positive: Images with truth 1.
        negative: Images with truth 0.
        develop: Only these are trained, validated and tested on; default all of both classes.
        test: Of these, the test part, and nothing else is; the others are shared out by the first two
            numbers of `ratio`. Default: drawn.
        external: These are a test set of their own and never used in development.
        ratio: Train, validation and test images.
        unit: "patient", or "image", which leaks patients between parts and only serves to measure
            what that buys.
    """

    positive: Filter
    negative: Filter
    develop: Filter | None = None
    test: Filter | None = None
    external: Filter | None = None
    ratio: tuple[Share, Share, Share]
    unit: Literal["patient", "image"]


def join_patients(images: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """The images with the columns of `tables.PATIENTS`, under names that only filters know; "" where unknown."""
    key = ["cohort", "patient_id"]
    columns = {name: f"{_OF_PATIENTS}{name}" for name in patients.columns}
    named = patients.assign(**{name: patients[name] for name in key}).rename(columns=columns)
    joined = images.merge(named.assign(**{name: patients[name] for name in key}), on=key, how="left")
    return joined.fillna(dict.fromkeys(columns.values(), ""))


def select(images: pd.DataFrame, task: TaskParams, name: str) -> pd.DataFrame:
    """The images of a task, with `truth` (1 or 0) and `asked`: the part that a filter asks for, or "".

    Args:
        images: Manifest, perhaps after `join_patients`.
        task: The task's filters.
        name: The task's name.

    Raises:
        InputError: A class is empty, an image is of both classes, or a filter names an unknown column.
    """
    match = {
        label: _matches(images, condition, f"tasks.{name}.{label}")
        for label in ("positive", "negative", "develop", "test", "external")
        if (condition := getattr(task, label))
    }
    if n_both := int((match["positive"] & match["negative"]).sum()):
        raise InputError(
            f"tasks.{name}: {n_both} image(s) match both positive and negative; make the filters exclusive"
        )
    for label in ("positive", "negative"):
        if not match[label].any():
            raise InputError(f"tasks.{name}: no image matches {label} ({getattr(task, label)}); change tasks.{name}")
    nothing = np.zeros(len(images), np.bool_)
    external = match.get("external", nothing)
    develop = ~external & match.get("develop", ~nothing)
    asked = np.select([external, match.get("test", nothing)], ["external", "test"], "")
    used = (match["positive"] | match["negative"]) & (develop | external)
    return images.assign(truth=match["positive"].astype(int), asked=asked)[used]


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _matches(images: pd.DataFrame, condition: Condition, where: str) -> "npt.NDArray[np.bool_]":
    hits = np.ones(len(images), np.bool_)
    for name, value in condition.items():
        column = name if name in FILTER_COLUMNS else f"{_OF_PATIENTS}{name}"
        if column not in images.columns:
            own = [str(one).removeprefix(_OF_PATIENTS) for one in images.columns if str(one).startswith(_OF_PATIENTS)]
            known = ", ".join([*FILTER_COLUMNS, *sorted(set(own) - set(FILTER_COLUMNS))])
            raise InputError(
                f"{where}: no column '{name}' in the manifest or the table of patients; there are: {known}"
            )
        hits &= images[column].isin(_values(value)).to_numpy(np.bool_)
    return hits
