"""Shares a task's images out to parts, by patient and duplicate group, evenly by class and device."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, Field

from nonmass.determinism import seed_of
from nonmass.errors import InputError
from nonmass.linking import linked
from nonmass.params import Section
from nonmass.tables import MANIFEST, PARTS, SPLIT

FilterColumn = Literal["cohort", "finding", "pathology", "device"]
Condition = dict[FilterColumn, str | tuple[str, ...]]


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


class SplitParams(Section):
    """`seed` draws another assignment of the same shape."""

    seed: int


class TaskParams(Section):
    """Which images a task is about, and how they are parted.

    Attributes:
        positive: Images with truth 1.
        negative: Images with truth 0.
        develop: Only these are trained, validated and tested on; default all of both classes.
        external: These are a test set of their own and never used in development.
        ratio: Train, validation and test images.
        unit: "patient", or "image", which leaks patients between parts and only serves to measure
            what that buys.
    """

    positive: Filter
    negative: Filter
    develop: Filter | None = None
    external: Filter | None = None
    ratio: tuple[Share, Share, Share]
    unit: Literal["patient", "image"]


@dataclass(frozen=True)
class Split:
    """One task's parts.

    Attributes:
        table: The columns of `tables.SPLIT`.
        withheld: Ids of images that `develop` asks for, left out because their patient or duplicate
            group is in the external set.
    """

    table: pd.DataFrame
    withheld: tuple[str, ...]


def join_duplicates(manifest: pd.DataFrame, fov_index: pd.DataFrame) -> pd.DataFrame:
    """The manifest with the column `duplicate_group`, which is "" for excluded images.

    Raises:
        InputError: An image that is not excluded has no row in the field-of-view index.
    """
    lost = set(manifest.loc[manifest["excluded"] == "", "image_id"]) - set(fov_index["image_id"])
    if lost:
        raise InputError(f"{len(lost)} image(s) have no field of view, such as {min(lost)}; run `dvc repro crop`")
    joined = manifest.merge(fov_index[["image_id", "duplicate_group"]], on="image_id", how="left")
    return joined.fillna({"duplicate_group": ""})


def assign_parts(images: pd.DataFrame, task: TaskParams, name: str, seed: int) -> Split:
    """Share a task's images out to train, val, test and external.

    The external set is as its filter says; a patient with images in both belongs to it alone, since
    what a model is tested on must not depend on what it was trained on.

    Args:
        images: Manifest with the column `duplicate_group` of the field-of-view index; any order.
        task: The task's filters, ratio and unit.
        name: The task's name; two tasks are drawn independently.
        seed: `SplitParams.seed`.

    Raises:
        InputError: A class is empty as a whole or in one part, or an image is of both classes.
    """
    chosen = select(images, task, name)
    group = linked_groups(chosen)
    is_external = chosen["is_external"].groupby(group).transform("any")
    withheld = chosen.loc[is_external & ~chosen["is_external"], "image_id"]
    develop = chosen[~is_external]
    unit = develop["image_id"] if task.unit == "image" else group[develop.index]
    parts = pd.Series("external", index=chosen.index, dtype="string")
    parts[develop.index] = _draw(develop.assign(group=unit), task.ratio, name, seed)
    table = chosen.assign(part=parts)[~chosen["image_id"].isin(withheld)]
    _check_classes(table, task, name)
    return Split(table[list(SPLIT.columns)], tuple(sorted(withheld)))


def select(images: pd.DataFrame, task: TaskParams, name: str) -> pd.DataFrame:
    """The images of a task with `truth` (1 or 0) and `is_external`, sorted by id; excluded ones left out."""
    images = images[images["excluded"] == ""].sort_values("image_id", ignore_index=True)
    positive, negative = _matches(images, task.positive), _matches(images, task.negative)
    if n_both := int((positive & negative).sum()):
        raise InputError(
            f"tasks.{name}: {n_both} image(s) match both positive and negative; make the filters exclusive"
        )
    for label, of_class in (("positive", positive), ("negative", negative)):
        if not of_class.any():
            raise InputError(f"tasks.{name}: no image matches {label} ({getattr(task, label)}); change tasks.{name}")
    external = _matches(images, task.external) if task.external else np.zeros(len(images), bool)
    develop = ~external & (_matches(images, task.develop) if task.develop else True)
    used = (positive | negative) & (develop | external)
    return images.assign(truth=positive.astype(int), is_external=external)[used]


def linked_groups(images: pd.DataFrame) -> "pd.Series[str]":
    """Name of the group each image belongs to: patients are one group if duplicates link them.

    Byte-identical files have done so in the manifest, where those that are excluded were still seen.
    """
    own = images["duplicate_group"].where(images["duplicate_group"] != "", images["image_id"])
    return linked(images["patient_group"], own)


def part_sizes(n: int, ratio: tuple[float, float, float]) -> tuple[int, int, int]:
    """Sizes of train, val and test: test is cut off first, then val from the rest, both rounded up.

    That is scikit-learn's `train_test_split` used twice, and gives the paper's 1310, 188 and 375
    for 1873 images at 7:1:2. (Exact arithmetic: 0.7 in binary is not 7/10.)
    """
    train, val, test = (Fraction(str(share)) for share in ratio)
    n_test = -int(-n * test // (train + val + test))
    n_val = -int(-(n - n_test) * val // (train + val))
    return n - n_test - n_val, n_val, n_test


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _matches(images: pd.DataFrame, condition: Condition) -> "npt.NDArray[np.bool_]":
    hits = np.ones(len(images), np.bool_)
    for column, value in condition.items():
        hits &= images[column].isin(_values(value)).to_numpy(np.bool_)
    return hits


def _draw(images: pd.DataFrame, ratio: tuple[float, float, float], name: str, seed: int) -> "pd.Series[str]":
    """Part of each image; groups stay whole, and each class comes within one group of its share."""
    by_group = images.groupby("group").agg(
        truth=("truth", "max"), device=("device", "min"), n=("image_id", "size")
    )  # a group with images of both classes is shared out with the positive ones
    by_group["lot"] = [seed_of(seed, "split", name, str(group)) for group in by_group.index]
    # Neighbours are of one device, so that drawing evenly along the line balances devices too.
    by_group = by_group.sort_values(["truth", "device", "lot"])
    _, n_val, n_test = part_sizes(len(images), ratio)
    part = pd.Series("train", index=by_group.index, dtype="string")
    for label, n_part in (("test", n_test), ("val", n_val)):
        rest = by_group[part == "train"]
        quota = _shares(n_part, rest.groupby("truth")["n"].sum())
        for truth, of_class in rest.groupby("truth"):
            taken = _evenly(of_class["n"].to_numpy(), quota[truth])
            part[of_class.index[taken]] = label
    return images["group"].map(part)


def _shares(total: int, sizes: "pd.Series[int]") -> dict[Any, int]:
    """Share out `total` in proportion to `sizes` by largest remainder (Hamilton's rule)."""
    quotas = {key: Fraction(total * int(size), int(sizes.sum())) for key, size in sizes.items()}
    shares = {key: int(quota) for key, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda key: shares[key] - quotas[key])
    for key in by_remainder[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def _evenly(sizes: "npt.NDArray[np.int64]", target: int) -> list[int]:
    """Positions of groups, evenly along the line, that together hold about `target` images.

    Systematic sampling: take the next group once the images passed so far owe it. The debt stays
    within half the largest group of zero all along, and whether a group is taken depends on those
    before it, never on its own size, so that patients with many images land in no part by preference.
    """
    share = Fraction(target, int(sizes.sum()))
    debt, taken = Fraction(0), []
    due = (Fraction(1, 2) - share) * int(sizes.max())
    for position, size in enumerate(sizes.tolist()):
        if debt >= due and share > 0:
            taken.append(position)
            debt -= size
        debt += share * size
    return taken


def _check_classes(table: pd.DataFrame, task: TaskParams, name: str) -> None:
    for truth, label in ((1, "positive"), (0, "negative")):
        of_class = table[table["truth"] == truth]
        for part in PARTS if task.external else PARTS[:3]:
            if not (of_class["part"] == part).any():
                raise InputError(
                    f"tasks.{name}: no {label} image ({getattr(task, label)}) in part {part}; the class has "
                    f"{len(of_class)} image(s) of {of_class['patient_id'].nunique()} patient(s): add data or change "
                    f"tasks.{name}"
                )
