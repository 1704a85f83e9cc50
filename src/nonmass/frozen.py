"""A split that is kept: a file of Git says where each image stands, and only new images are looked at."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from nonmass.errors import InputError
from nonmass.tables import SPLIT

FROZEN = replace(SPLIT, name="frozen split")


def read_frozen(path: Path) -> pd.DataFrame:
    """A finished split, as `freeze` left it.

    Raises:
        InputError: File missing or damaged, or a patient in several parts.
    """
    if not path.is_file():
        raise InputError(f"{path}: frozen split not found; write it with `nonmass freeze`, or change split.assignment")
    return _check(FROZEN.read(path), path)


def freeze(splits_dir: Path, frozen_dir: Path, tasks: tuple[str, ...]) -> list[Path]:
    """Keep the finished splits of tasks; returns the files that were written.

    Raises:
        InputError: A split is missing or damaged, or parts its images by image, not by patient; nothing is written.
    """
    splits = {name: _check(SPLIT.read(splits_dir / f"{name}.csv"), splits_dir / f"{name}.csv") for name in tasks}
    for name, split in splits.items():
        FROZEN.write(split, frozen_dir / f"{name}.csv")
    return [frozen_dir / f"{name}.csv" for name in tasks]


def _check(split: pd.DataFrame, path: Path) -> pd.DataFrame:
    parts = split.groupby("patient_id")["part"].agg(lambda part: " and ".join(sorted(set(part))))
    several = parts[parts.str.contains(" ")]
    if len(several):
        raise InputError(
            f"{path}: {len(several)} patient(s) stand in several parts, such as {several.index[0]} in "
            f"{several.iloc[0]}; a frozen split needs each patient in one"
        )
    return split


def keep_parts(images: pd.DataFrame, frozen: pd.DataFrame, fixed: frozenset[str], name: str) -> "pd.Series[str]":
    """Part of each image that the file settles; "" for one yet to be drawn, "withheld" for one that must not be used.

    An image of the file stays where it is. A new image goes to the part of its linked group. It is withheld where
    the group stands in several parts that it may be linking, and where a filter asks for another part. (Images of
    the file in several parts that turn out to show one picture are the caller's to withhold.)

    Args:
        images: A task's images with `patient_id`, `group`, `duplicate_group` and `asked`.
        frozen: Rows of `FROZEN`.
        fixed: Parts that are settled by a filter of the task.
        name: The task's name.

    Raises:
        InputError: The file and a filter of the task disagree, an image of the file belongs to another patient now,
            or the file knows none of the patients.
    """
    _refuse_other_patients(images, frozen, name)
    known = images["patient_id"].map(frozen.groupby("patient_id")["part"].first()).fillna("")
    if not (known != "").any():
        raise InputError(
            f"tasks.{name}: the frozen split knows no image and no patient of the task, so it is of other data: look "
            "whether `cohorts`, the raw data and the file are those that were meant; a split for a new study is drawn "
            "with split.assignment set to balanced, and frozen after that"
        )
    is_old = images["image_id"].isin(frozen["image_id"])
    by_group = known.where(known != "").groupby(images["group"])
    part = known.where(known != "", by_group.transform("first").fillna(""))
    may_link = (by_group.transform("nunique") > 1) & ((known == "") | (images["duplicate_group"] != ""))
    asks_otherwise = (part != "") & (images["asked"] != part) & ((images["asked"] != "") | part.isin(fixed))
    disputed = images.loc[is_old & asks_otherwise, "image_id"]
    if len(disputed):
        first = disputed.index[0]
        raise InputError(
            f"tasks.{name}: the frozen split puts {disputed.iloc[0]} into {part[first]}, the filters into "
            f"{images.loc[first, 'asked'] or 'another part'}; change the filter or `nonmass freeze` again"
        )
    return part.mask(~is_old & (may_link | asks_otherwise), "withheld").astype("string")


def _refuse_other_patients(images: pd.DataFrame, frozen: pd.DataFrame, name: str) -> None:
    """Image ids are digits of the files and stay, so new patient ids would have old patients drawn anew, unseen."""
    was = images["image_id"].map(frozen.set_index("image_id")["patient_id"])
    moved = images[was.notna() & (was != images["patient_id"])]
    if len(moved):
        stages = " ".join(f"ingest@{cohort}" for cohort in sorted(moved["cohort"].unique()))
        raise InputError(
            f"tasks.{name}: {len(moved)} image(s) of the frozen split belong to other patients now, such as "
            f"{moved['image_id'].min()}; if NONMASS_SALT was changed, use the old one and run `dvc repro -f {stages}`; "
            "if ids were corrected, `nonmass freeze` anew and say so"
        )
