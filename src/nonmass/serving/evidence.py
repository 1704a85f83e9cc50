"""How scores like one's own fared on parts that no network learnt from: the evaluation's numbers, looked up.

Nothing is estimated here. Shares, intervals and numbers of images and patients are those that R gave the stage `eval`:
its bins of scores (`tables.RELIABILITY`) and its rates at the frozen cut-off (`tables.MEASURES`).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.errors import InputError
from nonmass.params import Section
from nonmass.selection import EXPLAINED_PARTS


class Rate(Section):
    """A share with its interval by patients, 0 to 1; no interval where it is undefined."""

    estimate: float
    lo: float | None
    hi: float | None


class Band(Section):
    """Images of a part with neighbouring scores.

    Attributes:
        from_logit: The lowest.
        to_logit: The highest.
        images: How many.
        patients: Whose they are.
        positive_images: How many of them are of the positive class.
        share: Of these, with its interval by patients.
    """

    from_logit: float
    to_logit: float
    images: int
    patients: int
    positive_images: int
    share: Rate


class Evidence(Section):
    """How an ensemble did on a part that it neither learnt from nor was chosen on.

    Attributes:
        shows: What it was narrowed to, such as "mass"; "" if it holds all of both classes.
        images: Of the part.
        patients: Whose they are.
        sensitivity: At the frozen cut-off; None where there is none.
        specificity: Likewise.
        auc: With its interval by patients; None where it is undefined.
        brier_as_trained: Brier score of the probabilities as trained; None where it is undefined.
        brier_calibrated: Likewise of those that the temperature of validation calibrated.
        bands: From low to high scores; together all images of the part.
        min_patients: A band of fewer is not spoken of.
        confidence_level: Of all intervals.
    """

    shows: str
    images: int
    patients: int
    sensitivity: Rate | None
    specificity: Rate | None
    auc: Rate | None
    brier_as_trained: float | None
    brier_calibrated: float | None
    bands: tuple[Band, ...]
    min_patients: int
    confidence_level: float


def evidence_of(
    measures: pd.DataFrame,
    reliability: pd.DataFrame,
    predictions: pd.DataFrame,
    shows: Mapping[str, str],
    min_patients: int,
    confidence_level: float,
    where: str,
) -> dict[str, Evidence]:
    """Part -> what is known of it.

    Args:
        measures: Rows of `tables.MEASURES`, of one backbone.
        reliability: Rows of `tables.RELIABILITY`, likewise.
        predictions: Rows of `tables.PREDICTIONS`, likewise.
        shows: Part -> see `Evidence`.
        min_patients: Likewise.
        confidence_level: That the tables were made with.
        where: Opens error messages.

    Raises:
        InputError: The bins are not those of these predictions.
    """
    found = {}
    for part in (part for part in EXPLAINED_PARTS if (predictions["part"] == part).any()):
        rows = predictions[predictions["part"] == part].sort_values(["logit", "truth"])
        bins = reliability[(reliability["part"] == part) & (reliability["scale"] == "raw")].sort_values("bin")
        found[part] = Evidence(
            shows=shows.get(part, ""),
            images=len(rows),
            patients=int(rows["patient_id"].nunique()),
            sensitivity=_measured(measures, part, "frozen", "sensitivity"),
            specificity=_measured(measures, part, "frozen", "specificity"),
            auc=_measured(measures, part, "", "auc"),
            brier_as_trained=_brier(measures, part, "raw"),
            brier_calibrated=_brier(measures, part, "scaled"),
            bands=_bands(
                bins, rows["logit"].to_numpy(np.float64), rows["truth"].to_numpy(np.int64), f"{where}: {part}"
            ),
            min_patients=min_patients,
            confidence_level=confidence_level,
        )
    return found


def like(logit: float, evidence: Evidence) -> tuple[Band | None, str]:
    """The images of a part that were scored like this, or why none are spoken of.

    A score between two bands counts to the nearer one.
    """
    bands = evidence.bands
    if not bands or not bands[0].from_logit <= logit <= bands[-1].to_logit:
        return None, f"no image of this part was scored so {'low' if bands and logit < bands[0].from_logit else 'high'}"
    borders = [(lower.to_logit + upper.from_logit) / 2 for lower, upper in pairwise(bands)]
    band = bands[int(np.searchsorted(borders, logit))]
    if band.patients < evidence.min_patients:
        return None, f"of only {band.patients} patients; nothing is said of fewer than {evidence.min_patients}"
    return band, ""


def _bands(bins: pd.DataFrame, logits: NDArray[np.float64], truth: NDArray[np.int64], where: str) -> tuple[Band, ...]:
    """R's bins hold neighbours in the order of their scores, so their sizes say where each begins and ends."""
    ends = np.cumsum(bins["images"].to_numpy(np.int64))
    starts = ends - bins["images"].to_numpy(np.int64)
    positives = [int(truth[start:end].sum()) for start, end in zip(starts, ends, strict=True)]
    expected = (bins["observed"] * bins["images"]).round().astype(int).tolist()
    if len(ends) == 0 or ends[-1] != len(logits) or positives != expected:
        raise InputError(f"{where}: the reliability curve is not of these predictions; run `dvc repro`")
    found: Iterable[Any] = bins.itertuples()
    return tuple(
        Band(
            from_logit=float(logits[start]),
            to_logit=float(logits[end - 1]),
            images=int(end - start),
            patients=int(row.patients),
            positive_images=positive,
            share=Rate(estimate=float(row.observed), lo=_number(row.lo), hi=_number(row.hi)),
        )
        for start, end, positive, row in zip(starts, ends, positives, found, strict=True)
    )


def _brier(measures: pd.DataFrame, part: str, scale: str) -> float | None:
    found = _measured(measures, part, f"calibration_{scale}", "brier")
    return found.estimate if found else None


def _measured(measures: pd.DataFrame, part: str, group: str, name: str) -> Rate | None:
    rows = measures[
        (measures["part"] == part)
        & (measures["group"] == group)
        & (measures["measure"] == name)
        & (measures["estimate"] != "")
    ]
    found: Iterable[Any] = rows.itertuples()
    return next((Rate(estimate=float(row.estimate), lo=_number(row.lo), hi=_number(row.hi)) for row in found), None)


def _number(digits: str) -> float | None:
    return float(digits) if digits else None
