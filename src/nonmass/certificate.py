"""The split certificate: what two parts of a task share, counted from the finished table alone."""

import hashlib
from itertools import combinations
from typing import Any

import pandas as pd

from nonmass.errors import InputError
from nonmass.splitting import Split, TaskParams
from nonmass.tables import PARTS

GROUPS = ("patient_group", "duplicate_group")


def certify(split: Split, images: pd.DataFrame, task: TaskParams, name: str) -> dict[str, Any]:
    """What the parts hold and what each two of them share, counted anew from the finished table.

    Args:
        split: Result of `assign_parts`.
        images: As for `assign_parts`.
        task: The task; with unit "patient" nothing may be shared.
        name: The task's name.

    Returns:
        `assignment` (16 hex digits of the SHA-256 of the sorted lines "image_id,part"), `unit`,
        `disjoint` (1 or 0), `withheld_images`, `unused_images` (usable, but of neither class, or
        asked for by neither `develop` nor `external`), `parts`, and `shared`: for each pair of parts
        the number of common patients, patient groups, duplicate groups and files (equal bytes,
        whatever the cohort).

    Raises:
        InputError: Unit "patient", and something is shared.
    """
    table = split.table.merge(images[["image_id", *GROUPS]], on="image_id", validate="one_to_one")
    table["file"] = table["image_id"].str.split("-").str[-1]
    parts = {part: table[table["part"] == part] for part in PARTS if (table["part"] == part).any()}
    shared = {
        f"{one}_{two}": {
            "patients": _n_common(parts[one], parts[two], "patient_id"),
            **{f"{group}s": _n_common(parts[one], parts[two], group) for group in GROUPS},
            "images": _n_common(parts[one], parts[two], "file"),
        }
        for one, two in combinations(parts, 2)
    }
    overlaps = [f"{pair} {kind} {n}" for pair, counts in shared.items() for kind, n in counts.items() if n]
    if overlaps and task.unit == "patient":
        raise InputError(f"tasks.{name}: NOT DISJOINT: {', '.join(overlaps)}; this split must not be used")
    return {
        "assignment": assignment_hash(split.table),
        "unit": task.unit,
        "disjoint": int(not overlaps),
        "withheld_images": len(split.withheld),
        "unused_images": int((images["excluded"] == "").sum()) - len(table) - len(split.withheld),
        "parts": {part: _part_counts(rows) for part, rows in parts.items()},
        "shared": shared,
    }


def assignment_hash(table: pd.DataFrame) -> str:
    """First 16 hex digits of the SHA-256 of the sorted lines "image_id,part"."""
    lines = sorted(f"{row.image_id},{row.part}\n" for row in table.itertuples())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _n_common(one: pd.DataFrame, two: pd.DataFrame, column: str) -> int:
    return len((set(one[column]) & set(two[column])) - {""})


def _part_counts(rows: pd.DataFrame) -> dict[str, int]:
    positive = rows[rows["truth"] == 1]
    return {
        "images": len(rows),
        "patients": int(rows["patient_id"].nunique()),
        "positive_images": len(positive),
        "positive_patients": int(positive["patient_id"].nunique()),
    }
