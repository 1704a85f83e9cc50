"""Splits that leak on purpose, to measure what that buys: the same images in folds that forget who belongs together."""

from typing import Annotated, Any, Literal, get_args

import pandas as pd
from pydantic import AfterValidator

from nonmass.assignment import ON_PURPOSE
from nonmass.certificate import certify
from nonmass.errors import InputError
from nonmass.folds import assign_folds
from nonmass.splitting import Split, SplitParams
from nonmass.tasks import TaskParams

# By linked patients, as everywhere else; by patient, near-duplicates under another name kept apart; by image.
Arm = Literal["patient", "duplicates", "image"]
CLEAN: Arm = "patient"
LEAKING: tuple[Arm, ...] = tuple(arm for arm in get_args(Arm) if arm != CLEAN)


def _once_each(tasks: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(tasks)) < len(tasks):
        raise ValueError("names a task twice")
    return tasks


LeakTasks = Annotated[tuple[Literal["detect", "classify"], ...], AfterValidator(_once_each)]


def assign_arm(
    images: pd.DataFrame, task: TaskParams, name: str, params: SplitParams, n_folds: int, arm: Arm
) -> dict[int, Split]:
    """Fold, from 1 -> its parts, in all arms of the same images: those that the clean one has.

    Args:
        images: As for `assign_folds`.
        task: The task's filters.
        name: The task's name.
        params: Seed and conflicts.
        n_folds: 3 or more.
        arm: What is kept together.

    Raises:
        InputError: As `assign_folds`.
    """
    folds = assign_folds(images, task, name, params, n_folds)
    if arm == CLEAN:
        return folds
    used = images[images["image_id"].isin(folds[1].table["image_id"])]
    group = used["image_id"] if arm == "image" else used["patient_id"]
    return assign_folds(used.assign(patient_group=group, duplicate_group=""), task, name, params, n_folds)


def certify_arm(folds: dict[int, Split], images: pd.DataFrame, task: TaskParams, name: str, arm: Arm) -> dict[str, Any]:
    """Certificates of an arm by fold; those of a leaking one say so, and no other stage takes them.

    Raises:
        InputError: The clean arm leaks, or a leaking one does not: then there is nothing to measure.
    """
    # With unit "image" what is shared is counted, not refused.
    by = task.model_copy(update={"unit": "patient" if arm == CLEAN else "image"})
    drawn_by = "image" if arm == "image" else "patient"
    certificates = {str(n): {**certify(split, images, by, name), "unit": drawn_by} for n, split in folds.items()}
    if arm == CLEAN:
        return certificates
    if all(certificate["disjoint"] for certificate in certificates.values()):
        raise InputError(
            f"leak: {name}: nothing leaks in arm '{arm}': the data have no near-duplicates under two names, or one "
            "image a patient; for phantoms set phantom.registered_twice"
        )
    return {ON_PURPOSE: arm, **certificates}
