"""Who is judged otherwise now: patients that went from right to wrong or back, and what that is worth."""

import json
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nonmass.gate.compare import Key, Pair
from nonmass.gate.rules import Rules
from nonmass.lineage.revisions import Revision
from nonmass.roc import bridge


@dataclass(frozen=True)
class Flip:
    """A patient whose call changed between right and wrong.

    Attributes:
        patient: Pseudonym, as in the predictions.
        truth: 1 positive, 0 negative.
        image: Of hers, the one whose logit moved most.
        before: Mean logit of her images in the baseline.
        now: Mean logit in the new revision.
    """

    patient: str
    truth: int
    image: str
    before: float
    now: float


@dataclass(frozen=True)
class Benefit:
    """Net benefit on both sides, per image, and its change with limits; None where undefined."""

    base: float
    head: float
    change: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class Calls:
    """What the frozen cut-offs make of one row of the table.

    Attributes:
        key: The row.
        cutoff_before: Frozen cut-off of the baseline, logit.
        cutoff_now: Of the new revision.
        lost: Patients right before, wrong now, by pseudonym.
        won: Patients wrong before, right now.
        benefit: Net benefit of the calls.
    """

    key: Key
    cutoff_before: float
    cutoff_now: float
    lost: tuple[Flip, ...]
    won: tuple[Flip, ...]
    benefit: Benefit


def call_changes(base: Revision, head: Revision, pairs: dict[Key, Pair], rules: Rules) -> list[Calls]:
    """One entry for every row whose frozen cut-off stands in the metrics of both sides."""
    found = []
    for key, pair in pairs.items():
        before, now = (frozen_cutoff(side, key) for side in (base, head))
        if before is not None and now is not None:
            flips = flipped(pair.images, before, now)
            found.append(
                Calls(
                    key,
                    before,
                    now,
                    lost=tuple(flip for flip, is_lost in flips if is_lost),
                    won=tuple(flip for flip, is_lost in flips if not is_lost),
                    benefit=_benefit(pair, before, now, rules),
                )
            )
    return found


def frozen_cutoff(revision: Revision, key: Key) -> float | None:
    """The cut-off that validation chose, which the metrics give beside the parts it is applied to."""
    try:
        metrics: Any = json.loads((revision.folder / "metrics" / f"{key.task}.json").read_text(encoding="utf-8"))
        parts = metrics[key.backbone].values()
        found = [float(part["frozen"]["cutoff"]) for part in parts if "cutoff" in part.get("frozen", {})]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found[0] if found and math.isfinite(found[0]) else None


def flipped(images: pd.DataFrame, before: float, now: float) -> list[tuple[Flip, bool]]:
    """Patients whose call is right on one side only, with whether it is the baseline's; sorted by pseudonym.

    A patient is called by the mean logit of her images; one with images of both classes is called for either.

    Args:
        images: See `Pair.images`.
        before: Cut-off of the baseline, logit; positive at or above it.
        now: Of the new revision.
    """
    found = []
    for key, of_patient in images.groupby(["patient_id", "truth"], sort=True):
        patient, truth = str(key[0]), int(str(key[1]))
        means = of_patient["base"].mean(), of_patient["head"].mean()
        was_right, is_right = (
            (mean >= cutoff) == bool(truth) for mean, cutoff in zip(means, (before, now), strict=True)
        )
        if was_right != is_right:
            moved = (of_patient["head"] - of_patient["base"]).abs().to_numpy()
            image = str(of_patient["image_id"].iloc[int(moved.argmax())])
            found.append((Flip(patient, truth, image, *map(float, means)), bool(was_right)))
    return found


def _benefit(pair: Pair, before: float, now: float, rules: Rules) -> Benefit:
    found = bridge.call(
        "net_benefit_change",
        truth=pair.images["truth"].tolist(),
        patient=pair.patients,
        base=(pair.images["base"] >= before).tolist(),
        head=(pair.images["head"] >= now).tolist(),
        threshold=rules.act_at,
        level=rules.level,
    )
    limits = {name: None if pd.isna(found[name]) else float(found[name]) for name in ("lo", "hi")}
    return Benefit(float(found["base"]), float(found["head"]), float(found["change"]), **limits)
