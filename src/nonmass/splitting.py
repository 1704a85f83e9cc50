"""Shares a task's images out to parts, by patient and duplicate group, in one of three ways."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from nonmass.drawing import Ratio, draw_by_hash, draw_evenly
from nonmass.errors import InputError
from nonmass.frozen import keep_parts
from nonmass.linking import linked
from nonmass.params import Section
from nonmass.quarantine import exclude_refused, is_contradictory
from nonmass.tables import PARTS, SPLIT
from nonmass.tasks import TaskParams, select

_FAR_FROM_TRAINING = {"": 0, **{part: rank for rank, part in enumerate(PARTS)}}


class SplitParams(Section):
    """How parts are drawn.

    Attributes:
        seed: Draws another assignment of the same shape.
        assignment: "balanced" meets the ratio within one group, and an addition may move anybody. "hashed" lets
            a patient's own id decide, so that nobody ever moves; the ratio is met in expectation. "frozen"
            keeps the parts of a file of Git, and new patients make up the ratio; of one picture that stands in
            several parts, the images nearer to training are withheld.
        conflicts: What becomes of near-duplicates with contradictory labels: "quarantine" leaves them out of
            every part, "keep" does not.
    """

    seed: int
    assignment: Literal["balanced", "hashed", "frozen"] = "balanced"
    conflicts: Literal["quarantine", "keep"] = "quarantine"


@dataclass(frozen=True)
class Split:
    """One task's parts.

    Attributes:
        table: The columns of `tables.SPLIT`.
        withheld: Ids of images that the task asks for, left out because they would link two parts.
        quarantined: Ids of images that the task asks for, left out because their label is doubtful.
    """

    table: pd.DataFrame
    withheld: tuple[str, ...]
    quarantined: tuple[str, ...]


def join_fields(manifest: pd.DataFrame, fov_index: pd.DataFrame) -> pd.DataFrame:
    """The manifest with the column `duplicate_group`; refused fields of view are excluded, with the reason.

    `duplicate_group` is "" for excluded images.

    Raises:
        InputError: An image that is not excluded has no row in the field-of-view index.
    """
    lost = set(manifest.loc[manifest["excluded"] == "", "image_id"]) - set(fov_index["image_id"])
    if lost:
        raise InputError(f"{len(lost)} image(s) have no field of view, such as {min(lost)}; run `dvc repro fov`")
    groups = fov_index[["image_id", "duplicate_group"]]
    joined = exclude_refused(manifest, fov_index).merge(groups, on="image_id", how="left")
    return joined.fillna({"duplicate_group": ""})


def linked_groups(images: pd.DataFrame) -> "pd.Series[str]":
    """Name of the group each image belongs to: patients are one group if duplicates link them.

    Byte-identical files have done so in the manifest, where those that are excluded were still seen.
    """
    return linked(images["patient_group"], _own_picture(images))


def _own_picture(images: pd.DataFrame) -> "pd.Series[str]":
    return images["duplicate_group"].where(images["duplicate_group"] != "", images["image_id"])


def assign_parts(
    images: pd.DataFrame, task: TaskParams, name: str, params: SplitParams, frozen: pd.DataFrame | None = None
) -> Split:
    """Share a task's images out to train, val, test and external.

    What a model is tested on must not depend on what it was trained on: of patients whom a duplicate links, those
    in the part furthest from training stay (external before test, test before val), the others' images are withheld.

    Args:
        images: Manifest with the column `duplicate_group`, perhaps after `tasks.join_patients`; any order.
        task: The task's filters, ratio and unit.
        name: The task's name; two tasks are drawn independently.
        params: How parts are drawn.
        frozen: Rows of `frozen.FROZEN`; needed if `params.assignment` is "frozen", else ignored.

    Raises:
        InputError: A class is empty as a whole or in one part, an image is of both classes, or a frozen split does
            not fit.
    """
    chosen = usable_images(images, task, name, params)
    used = chosen[~chosen["is_quarantined"]]
    if params.assignment == "frozen":
        part = _assign_frozen(used, task, name, params.seed, frozen)
    else:
        part = _assign_anew(used, task, name, params)
    withheld = part == "withheld"
    table = used.assign(part=part)[~withheld]
    check_classes(table, task, name)
    return Split(
        table[list(SPLIT.columns)],
        tuple(sorted(used.loc[withheld, "image_id"])),
        tuple(sorted(chosen.loc[chosen["is_quarantined"], "image_id"])),
    )


def usable_images(images: pd.DataFrame, task: TaskParams, name: str, params: SplitParams) -> pd.DataFrame:
    """The images of a task, sorted by id: columns of `tasks.select`, `group` and `is_quarantined`.

    Patients are linked here by all images that are not excluded, those in quarantine and of other tasks included.
    """
    images = images[images["excluded"] == ""].sort_values("image_id", ignore_index=True)
    doubtful = is_contradictory(images) & (params.conflicts == "quarantine")
    return select(images.assign(group=linked_groups(images), is_quarantined=doubtful), task, name)


def furthest_from_training(part: "pd.Series[str]", group: "pd.Series[str]") -> "pd.Series[bool]":
    """Of groups in several parts, the images in the part furthest from training; of other groups, all images."""
    rank = part.map(_FAR_FROM_TRAINING)
    return rank == rank.groupby(group).transform("max")


def _assign_anew(images: pd.DataFrame, task: TaskParams, name: str, params: SplitParams) -> "pd.Series[str]":
    part = images["asked"].astype("string")
    stays = furthest_from_training(part, images["group"])
    free = images[stays & (part == "")]
    if params.assignment == "hashed":
        key = free["image_id"] if task.unit == "image" else free["patient_id"]
        part[free.index] = draw_by_hash(key, _ratio(task), name, params.seed)
        if task.unit == "patient":
            stays &= furthest_from_training(part, images["group"])
    else:
        unit = free["image_id"] if task.unit == "image" else free["group"]
        standing = images.assign(part=part).iloc[:0]
        part[free.index] = draw_evenly(free.assign(group=unit), standing, _ratio(task), name, params.seed)
    return part.where(stays, "withheld")


def _assign_frozen(
    images: pd.DataFrame, task: TaskParams, name: str, seed: int, frozen: pd.DataFrame | None
) -> "pd.Series[str]":
    if task.unit == "image" or frozen is None:
        raise InputError(f"tasks.{name}: unit '{task.unit}' cannot be frozen; change split.assignment")
    fixed = frozenset({"external"} | ({"test"} if task.test else set()))
    part = keep_parts(images, frozen, fixed, name)
    # A new picture may show that old ones of two parts are the same: nobody moves, but only one side is used.
    part = part.where(furthest_from_training(part, _own_picture(images)), "withheld")
    is_new = part == ""
    part[is_new] = images.loc[is_new, "asked"]
    stays = furthest_from_training(part.where(is_new, ""), images["group"]) | ~is_new
    free = images[stays & (part == "")]
    standing = images.assign(part=part)[part.isin(set(PARTS) - fixed)]
    part[free.index] = draw_evenly(free, standing, _ratio(task), name, seed)
    return part.where(stays, "withheld")


def _ratio(task: TaskParams) -> Ratio:
    train, val, test = task.ratio
    return (train, val, 0.0) if task.test else (train, val, test)


def check_classes(table: pd.DataFrame, task: TaskParams, name: str, of_which: str = "") -> None:
    """Both classes in every part, or an `InputError` that says which one is missing where (`of_which` fold)."""
    for truth, label in ((1, "positive"), (0, "negative")):
        of_class = table[table["truth"] == truth]
        for part in PARTS if task.external else PARTS[:3]:
            if not (of_class["part"] == part).any():
                n_patients = of_class["patient_id"].nunique()
                raise InputError(
                    f"tasks.{name}: no {label} image ({getattr(task, label)}) in part {part}{of_which}; the class "
                    f"has {len(of_class)} image(s) of {n_patients} patient(s): add data or change tasks.{name}"
                )
