"""The split certificate: what parts hold and what two of them share, counted from the finished table alone."""

from itertools import combinations
from typing import Any

import pandas as pd

from nonmass.assignment import assignment_hash
from nonmass.errors import InputError
from nonmass.files import metric_key
from nonmass.splitting import Split
from nonmass.tables import PARTS
from nonmass.tasks import TaskParams

GROUPS = ("patient_group", "duplicate_group")


def certify(split: Split, images: pd.DataFrame, task: TaskParams, name: str) -> dict[str, Any]:
    """What the parts hold and what each two of them share, counted anew from the finished table.

    Args:
        split: Result of `assign_parts`.
        images: As for `assign_parts`.
        task: The task; with unit "patient" nothing may be shared.
        name: The task's name.

    Returns:
        `assignment` (see `assignment_hash`), `unit`, `disjoint` (1 or 0; 0 also adds `NOT_DISJOINT`),
        `withheld_images`, `quarantined_images`, `unused_images` (usable, but of neither class, or asked for by
        neither `develop` nor `external`), `parts` (see `_contents`; device shares differ from those of train by
        `max_device_difference` at most), and `shared`: for each pair of parts the number of common patients, patient
        groups, duplicate groups and files (equal bytes, whatever the cohort).

    Raises:
        InputError: Unit "patient", and something is shared.
    """
    table = split.table.merge(images[["image_id", "device", *GROUPS]], on="image_id", validate="one_to_one")
    table["file"] = table["image_id"].str.split("-").str[1]  # after it, the frame of a multi-frame file
    parts = {part: table[table["part"] == part] for part in PARTS if (table["part"] == part).any()}
    shared = {
        f"{one}_{two}": {
            "patients": len(_common(parts[one], parts[two], "patient_id")),
            **{f"{group}s": len(_common(parts[one], parts[two], group)) for group in GROUPS},
            "images": len(_common(parts[one], parts[two], "file")),
        }
        for one, two in combinations(parts, 2)
    }
    overlaps = [f"{pair} {kind} {n}" for pair, counts in shared.items() for kind, n in counts.items() if n]
    if overlaps and task.unit == "patient":
        one, two = _example(parts)
        raise InputError(
            f"tasks.{name}: NOT DISJOINT: {', '.join(overlaps)}; such as images {one} and {two}; this split must not "
            "be used (if it is a frozen one, take the patients of one side out of its file)"
        )
    missing = {"withheld_images": len(split.withheld), "quarantined_images": len(split.quarantined)}
    return {
        "assignment": assignment_hash(split.table),
        "unit": task.unit,
        "disjoint": int(not overlaps),
        **({"NOT_DISJOINT": 1} if overlaps else {}),
        **missing,
        "unused_images": int((images["excluded"] == "").sum()) - len(table) - sum(missing.values()),
        "parts": _balance({part: _contents(rows) for part, rows in parts.items()}),
        "shared": shared,
    }


def _common(one: pd.DataFrame, two: pd.DataFrame, column: str) -> set[str]:
    return (set(one[column]) & set(two[column])) - {""}


def _example(parts: dict[str, pd.DataFrame]) -> tuple[str, str]:
    """Two images of different parts that share something."""
    for one, two in combinations(parts.values(), 2):
        for column in ("patient_id", *GROUPS, "file"):
            for value in sorted(_common(one, two, column)):
                first, second = (rows.loc[rows[column] == value, "image_id"].min() for rows in (one, two))
                return str(first), str(second)
    raise ValueError("the parts share nothing")


def _contents(rows: pd.DataFrame) -> dict[str, Any]:
    """Of one part: counts, share of positives and of each device; the latter both by images and by patients.

    A patient is positive if one of her images is, and counts for each device that she was seen with.
    """
    device = rows["device"].map(metric_key).replace("", "unknown")
    positive, by_device = rows[rows["truth"] == 1], rows.groupby(device)
    n_images, n_patients = len(rows), int(rows["patient_id"].nunique())
    n_positive = int(positive["patient_id"].nunique())
    return {
        "images": n_images,
        "patients": n_patients,
        "positive_images": len(positive),
        "positive_patients": n_positive,
        "positive_share": len(positive) / n_images,
        "positive_patient_share": n_positive / n_patients,
        "device_share": {str(device): len(seen) / n_images for device, seen in by_device},
        "device_patient_share": {str(device): seen["patient_id"].nunique() / n_patients for device, seen in by_device},
    }


def _balance(parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The parts, all but train with the largest difference of a device's share from that in train."""
    for name, part in parts.items():
        if name == "train":
            continue
        for label in ("device", "device_patient"):
            here, there = part[f"{label}_share"], parts["train"][f"{label}_share"]
            part[f"max_{label}_difference"] = max(abs(here.get(d, 0) - there.get(d, 0)) for d in {*here, *there})
    return parts
