"""Cross-validation by patient: every image for development is tested on in exactly one fold."""

from collections import Counter
from typing import Annotated

import pandas as pd
from pydantic import AfterValidator

from nonmass.determinism import seed_of
from nonmass.splitting import Split, SplitParams, check_classes, furthest_from_training, usable_images
from nonmass.tables import SPLIT
from nonmass.tasks import TaskParams


def _counted(folds: tuple[int, ...]) -> tuple[int, ...]:
    if folds != tuple(range(1, len(folds) + 1)) or len(folds) in (1, 2):
        raise ValueError("folds are counted: [1, 2, 3, ...] up to their number, or [] for none")
    return folds


# None, or at least one to test on, one to validate on and one to train on.
Folds = Annotated[tuple[int, ...], AfterValidator(_counted)]


def assign_folds(
    images: pd.DataFrame, task: TaskParams, name: str, params: SplitParams, n_folds: int
) -> dict[int, Split]:
    """Fold, from 1 -> its parts: test on that fold, validate on the next one, train on the rest.

    Groups of linked patients stay whole, whatever `task.unit` says. The external set is as ever; what the task
    asks for by `test` is shared out like the rest, since every image is tested on.

    Args:
        images: As for `assign_parts`.
        task: The task's filters.
        name: The task's name; two tasks are drawn independently.
        params: Seed and conflicts; `assignment` plays no part.
        n_folds: 3 or more.

    Raises:
        InputError: As `assign_parts`.
    """
    everything = task.model_copy(update={"test": None, "unit": "patient"})
    chosen = usable_images(images, everything, name, params)
    quarantined = tuple(sorted(chosen.loc[chosen["is_quarantined"], "image_id"]))
    used = chosen[~chosen["is_quarantined"]]
    stays = furthest_from_training(used["asked"], used["group"])
    withheld = tuple(sorted(used.loc[~stays, "image_id"]))
    free = stays & (used["asked"] == "")
    fold = draw_folds(used[free], name, params.seed, n_folds)
    splits = {}
    for test in range(1, n_folds + 1):
        part = used["asked"].astype("string")
        part[fold.index] = fold.map({test: "test", test % n_folds + 1: "val"}).fillna("train")
        table = used.assign(part=part)[stays]
        check_classes(table, everything, name, f" of fold {test}")
        splits[test] = Split(table[list(SPLIT.columns)], withheld, quarantined)
    return splits


def draw_folds(images: pd.DataFrame, name: str, seed: int, n_folds: int) -> "pd.Series[int]":
    """Fold of each image, 1 to `n_folds`; groups stay whole, classes and devices come close to even.

    Groups are dealt one by one, by class and device, each to the fold that has the fewest images of that class, of
    equal ones the fewest of that device. So two folds differ by no more images of a class than the largest group has.

    Args:
        images: With `group`, `truth` and `device`.
        name: Two tasks are drawn independently.
        seed: Draws other folds.
        n_folds: Their number.
    """
    by_group = images.groupby("group").agg(truth=("truth", "max"), device=("device", "min"), n=("truth", "size"))
    by_group["lot"] = [seed_of(seed, "folds", name, str(group)) for group in by_group.index]
    by_group = by_group.sort_values(["truth", "device", "lot"])
    n: Counter[tuple[int, int] | tuple[int, int, str]] = Counter()  # images by fold and class, and also by device
    found: dict[str, int] = {}
    for group, truth, device, size in zip(
        by_group.index, *(by_group[c] for c in ("truth", "device", "n")), strict=True
    ):
        fold = min(range(1, n_folds + 1), key=lambda f: (n[f, truth], n[f, truth, device], f))
        n[fold, truth] += size
        n[fold, truth, device] += size
        found[group] = fold
    return images["group"].map(found).astype("int64")
