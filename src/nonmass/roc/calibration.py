"""Whether scores mean what they say, and what acting on them is worth; R does the computing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from pydantic import Field

from nonmass.params import Section
from nonmass.roc import bridge
from nonmass.roc.analysis import RocParams, images_and_scores, with_digits
from nonmass.tables import DECISIONS, MEASURES, PREDICTIONS, RELIABILITY


class CalibrationParams(Section):
    """Points of the curves.

    Attributes:
        bins: Of a reliability curve, each of as many images.
        thresholds: Probabilities at which net benefit is computed.
    """

    bins: int = Field(ge=1)
    thresholds: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)]


@dataclass(frozen=True)
class Calibration:
    """Of the backbones of one task, before and after temperature scaling.

    Attributes:
        measures: `tables.MEASURES`, groups `calibration_raw` and `calibration_scaled`.
        reliability: `tables.RELIABILITY`.
        decisions: `tables.DECISIONS`, of scaled probabilities.
    """

    measures: pd.DataFrame
    reliability: pd.DataFrame
    decisions: pd.DataFrame


def calibrate(
    predictions: Mapping[str, pd.DataFrame],
    roc: RocParams,
    params: CalibrationParams,
    where: str,
    clusters: "pd.Series[str] | None" = None,
) -> Calibration:
    """Fit a temperature on validation, and see how probabilities agree with the truth on every part.

    Args:
        predictions: Backbone -> `tables.PREDICTIONS`; the logistic function of the logit is the probability.
        roc: Of its confidence level.
        params: Points of the curves.
        where: Opens error messages.
        clusters: As for `analysis.evaluate`.

    Raises:
        InputError: As for `analysis.evaluate`.
    """
    frames = {name: PREDICTIONS.check(frame, f"{where}, {name}") for name, frame in predictions.items()}
    found = bridge.call(
        "calibrate",
        **images_and_scores(frames, where, clusters),
        level=roc.confidence_level,
        bins=params.bins,
        thresholds=sorted(set(params.thresholds)),
    )
    measures, reliability, decisions = (pd.DataFrame(found[name]) for name in ("measures", "reliability", "decisions"))
    return Calibration(
        MEASURES.check(with_digits(measures, "estimate", "lo", "hi"), where),
        RELIABILITY.check(with_digits(reliability, "lo", "hi"), where),
        DECISIONS.check(with_digits(decisions, "lo", "hi"), where),
    )
