"""What of the table of measures stands in the metrics file, read as a diff: under 60 numbers a backbone."""

from typing import Any

import pandas as pd

_COUNTS = ("images", "patients", "positive_images", "positive_patients")
_OF_SEEDS = ("mean", "sd", "n")
_WHOLE = {*(("n", name) for name in _COUNTS), ("seeds", "n")}
_P_VALUES = ("p", "p_holm", "p_image", "p_patient", "p_calls")
_INTERVAL = ("est", "lo", "hi")
_PLAIN = ()

# (group, measure) -> what of it: some of est, lo and hi, or one plain number.
_OF_TESTED_PARTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "auc"): _INTERVAL,
    ("", "auc_image"): ("lo", "hi"),  # its estimate is that of `auc`
    ("", "auc_patient"): ("est",),
    **{("n", name): _PLAIN for name in _COUNTS},
    **{("as_published", name): ("est",) for name in ("sensitivity", "specificity")},
    ("frozen", "cutoff"): _PLAIN,
    **{("frozen", name): _INTERVAL for name in ("sensitivity", "specificity")},
    ("frozen", "accuracy"): ("est",),
    **{("frozen_sensitivity", name): ("est",) for name in ("sensitivity", "specificity")},
    **{("calibration_scaled", name): ("est",) for name in ("brier", "intercept", "slope")},
    **{("seeds", name): _PLAIN for name in _OF_SEEDS},
}
# Validation serves to choose, not to judge.
_OF_VALIDATION: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "auc"): ("est",),
    ("calibration_scaled", "temperature"): _PLAIN,
}
_OF_PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    **{("comparison", f"auc_difference{unit}"): _INTERVAL for unit in ("", "_image", "_patient")},
    **{("comparison", name): _PLAIN for name in (*_P_VALUES, "detectable_difference")},
}
_NAMES = {"seeds": "auc_seeds", "calibration_scaled": "calibration"}  # of groups, as the metrics call them


def key_figures(measures: pd.DataFrame) -> dict[str, Any]:
    """The metrics file: backbone > part > [group] > measure, and comparison > pair > part > measure.

    Args:
        measures: `tables.MEASURES`. Undefined values are left out; their reason is its `note`.
    """
    metrics: dict[str, Any] = {}
    for row in measures.to_dict("records"):
        is_pair = row["group"] == "comparison"
        wanted = _OF_PAIRS if is_pair else _OF_VALIDATION if row["part"] == "val" else _OF_TESTED_PARTS
        key = (row["group"], row["measure"])
        entry = _entry(row, wanted[key]) if key in wanted else None
        if entry in ({}, None):
            continue
        group = _NAMES.get(row["group"], row["group"])
        level = metrics
        for name in ("comparison", row["backbone"], row["part"]) if is_pair else (row["backbone"], row["part"], group):
            level = level.setdefault(name, {}) if name else level
        level[row["measure"]] = entry
    return metrics


def _entry(row: dict[Any, Any], fields: tuple[str, ...]) -> Any:
    texts = {"est": row["estimate"], "lo": row["lo"], "hi": row["hi"]}
    if fields:
        return {name: float(texts[name]) for name in fields if texts[name]}
    if not texts["est"]:
        return None
    value = float(texts["est"])
    if (row["group"], row["measure"]) in _WHOLE:
        return int(value)
    if row["measure"] == "cutoff" and round(value, 6) != value:
        return None  # rounded, it would call other images positive; the table has all its digits
    return max(value, 1e-6) if row["measure"] in _P_VALUES else value
