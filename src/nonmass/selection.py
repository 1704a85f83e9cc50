"""Which backbone stands for a task, and what it calls each image: chosen on validation, never on test."""

import numpy as np
import pandas as pd

from nonmass.errors import InputError

EXPLAINED_PARTS = ("test", "external")


def best_backbone(measures: pd.DataFrame, backbones: tuple[str, ...]) -> str:
    """The backbone with the highest AUC on validation; of equal ones the first in `backbones`.

    Args:
        measures: Rows of `tables.MEASURES`.
        backbones: Which ones compete.

    Raises:
        InputError: A backbone has no AUC on validation.
    """
    aucs = {name: _estimate(measures, name, "val", "", "auc") for name in backbones}
    without = [name for name, auc in aucs.items() if auc is None]
    if without or not aucs:
        raise InputError(
            f"no AUC on validation for backbone(s) {', '.join(without) or '(none named)'}; "
            "run the evaluation again, and see its table of measures for the reason"
        )
    return max(aucs, key=lambda name: aucs[name] or 0.0)


def frozen_cutoffs(measures: pd.DataFrame, backbone: str) -> dict[str, float]:
    """Part -> the cut-off on the logit that validation fixed; a part without one is absent."""
    cutoffs = {part: _estimate(measures, backbone, part, "frozen", "cutoff") for part in measures["part"].unique()}
    return {part: cutoff for part, cutoff in cutoffs.items() if cutoff is not None}


def explained_images(predictions: pd.DataFrame, measures: pd.DataFrame, backbone: str) -> pd.DataFrame:
    """The test and external images, judged by the frozen cut-off; training and validation have seen the others.

    Args:
        predictions: Rows of `tables.PREDICTIONS`, of `backbone`.
        measures: Rows of `tables.MEASURES`.
        backbone: Whose cut-off is taken.

    Returns:
        Rows of `judge`.
    """
    unseen = predictions[predictions["part"].isin(EXPLAINED_PARTS)]
    return judge(unseen, frozen_cutoffs(measures, backbone))


def judge(predictions: pd.DataFrame, cutoffs: dict[str, float]) -> pd.DataFrame:
    """What the network calls each image.

    Args:
        predictions: Rows of `tables.PREDICTIONS`.
        cutoffs: Part -> cut-off on the logit; an image is positive at or above it.

    Returns:
        The rows with `called` (positive or negative; at probability 0.5 in a part without cut-off), `outcome`
        (TP, TN, FP or FN; empty in a part without cut-off) and `margin` (distance of the logit from the cut-off).
    """
    margin = predictions["logit"] - predictions["part"].map(cutoffs).fillna(0.0)
    positive = (margin >= 0).to_numpy()
    right = predictions["truth"].to_numpy() == positive
    outcome = np.where(positive, np.where(right, "TP", "FP"), np.where(right, "TN", "FN"))
    return predictions.assign(
        called=np.where(positive, "positive", "negative"),
        outcome=np.where(predictions["part"].isin(cutoffs), outcome, ""),
        margin=margin.abs(),
    )


def _estimate(measures: pd.DataFrame, backbone: str, part: str, group: str, measure: str) -> float | None:
    wanted = {"backbone": backbone, "part": part, "group": group, "measure": measure}
    found = measures.loc[(measures[list(wanted)] == pd.Series(wanted)).all(axis=1), "estimate"]
    return float(found.iloc[0]) if len(found) and found.iloc[0] else None
