"""What leaking folds buy: their area minus that of the clean folds, on the same images."""

import math
from typing import Any

import pandas as pd

from nonmass.roc import bridge


def leak_gain(clean: pd.DataFrame, other: pd.DataFrame, level: float) -> dict[str, Any]:
    """Area of both, and the difference, each with an interval by patient.

    Args:
        clean: `image_id`, `patient` (who is independent of whom), `truth`, `fold` and `logit` of every image, each
            scored by the model that was not trained on its fold.
        other: The same images in other folds.
        level: Confidence level.

    Returns:
        `auc_clean`, `auc_leaking` and `auc_gain`, each with `est`, `lo`, `hi`; the last with `p`. What is undefined is
        left out, with the reason in `note`.
    """
    first, second = (frame.sort_values("image_id", ignore_index=True) for frame in (clean, other))
    if not first[["image_id", "truth"]].equals(second[["image_id", "truth"]]):
        raise ValueError("not the same images")
    found = bridge.call(
        "fold_gain",
        truth=first["truth"].tolist(),
        patient=first["patient"].tolist(),
        clean_fold=first["fold"].tolist(),
        clean=first["logit"].tolist(),
        other_fold=second["fold"].tolist(),
        other=second["logit"].tolist(),
        level=level,
    )
    names = {"clean": "auc_clean", "other": "auc_leaking", "gain": "auc_gain"}
    return {name: _defined(found[key]) for key, name in names.items()}


def _defined(values: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in values.items() if name != "note" and not math.isnan(value)}
    return numbers | ({"note": values["note"]} if values["note"] else {})
