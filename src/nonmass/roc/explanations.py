"""How explanations stand their tests: numbers of images in, means with intervals by patient out; means.R computes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from nonmass.roc import bridge
from nonmass.tables import EXPLANATION_MEASURES

LOCALISATION = ("pointing_game", "energy_in_lesion", "iou")
ALL = "all"
OWN, BASELINES = "gradcam", ("centre", "random")
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Question:
    """One mean.

    Attributes:
        name: Columns of `tables.EXPLANATION_MEASURES` that say what it is the mean of.
        values: One an image.
        patients: Of the images.
        bounds: Smallest and largest value there can be.
        is_difference: Whether zero means that there is none.
    """

    name: dict[str, str]
    values: "pd.Series[float]"
    patients: "pd.Series[str]"
    bounds: tuple[float, float] = UNBOUNDED
    is_difference: bool = field(default=False)


def measure_explanations(
    matches: pd.DataFrame, randomised: pd.DataFrame, perturbed: pd.DataFrame, level: float
) -> pd.DataFrame:
    """Every mean of the three checks.

    Args:
        matches: Rows of `tables.LESION_MATCHES`.
        randomised: Rows of `tables.RANDOMISED`.
        perturbed: Rows of `tables.PERTURBED`.
        level: Of the intervals, e.g. 0.95.

    Returns:
        Rows of `tables.EXPLANATION_MEASURES`.
    """
    questions = [*_localisation(matches), *_randomisation(randomised), *_perturbation(perturbed)]
    if not questions:
        return pd.DataFrame(columns=list(EXPLANATION_MEASURES.columns))
    answers = pd.DataFrame(
        bridge.call("clustered_means", samples={str(at): _sample(one) for at, one in enumerate(questions)}, level=level)
    )
    texts = {name: answers[name].map(bridge.digits) for name in ("estimate", "lo", "hi", "p")}
    texts["p"] = texts["p"].where(np.array([one.is_difference for one in questions]), "")
    named = pd.DataFrame([one.name for one in questions])
    return EXPLANATION_MEASURES.check(named.join(answers.assign(**texts)), "explanations")


def _localisation(matches: pd.DataFrame) -> Iterator[Question]:
    for names, rows in _groups(matches):
        of_map = {str(name): some.set_index("image_id") for name, some in rows.groupby("map")}
        own = of_map[OWN]
        for measure in LOCALISATION:
            about = {"check": "localisation", **names, "measure": measure}
            for name, some in of_map.items():
                yield Question({**about, "subject": name}, some[measure], some["patient_id"], (0.0, 1.0))
            for other in BASELINES:
                less = own[measure] - of_map[other][measure].reindex(own.index)
                subject = f"{OWN}-{other}"
                yield Question({**about, "subject": subject}, less, own["patient_id"], (-1.0, 1.0), is_difference=True)


def _randomisation(randomised: pd.DataFrame) -> Iterator[Question]:
    for layers, rows in randomised.groupby("layers"):
        for measure in ("spearman", "ssim"):
            about = {"check": "randomisation", "part": ALL, "outcome": ALL, "subject": f"{layers:04d}"}
            yield Question({**about, "measure": measure}, rows[measure], rows["patient_id"], (-1.0, 1.0))


def _perturbation(perturbed: pd.DataFrame) -> Iterator[Question]:
    for target, of_target in perturbed.groupby("target"):
        for names, rows in _groups(of_target):
            about = {"check": "perturbation", **names, "measure": "drop"}
            drops = {str(target): rows["drop"], "elsewhere": rows["drop_elsewhere"]}
            for subject, values in drops.items():
                prefix = "" if subject == target else f"{target}_"
                yield Question({**about, "subject": f"{prefix}{subject}"}, values, rows["patient_id"])
            less = rows["drop"] - rows["drop_elsewhere"]
            subject = f"{target}-{target}_elsewhere"
            yield Question({**about, "subject": subject}, less, rows["patient_id"], is_difference=True)


def _groups(rows: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Each part, and in it each outcome."""
    for part, of_part in rows.groupby("part"):
        yield {"part": str(part), "outcome": ALL}, of_part
        for outcome, some in of_part[of_part["outcome"] != ""].groupby("outcome"):
            yield {"part": str(part), "outcome": str(outcome)}, some


def _sample(question: Question) -> dict[str, Any]:
    least, most = question.bounds
    codes = pd.factorize(question.patients)[0].tolist()
    return {"value": question.values.tolist(), "patient": codes, "least": least, "most": most}


def key_figures(measures: pd.DataFrame) -> dict[str, Any]:
    """What of the measures stands in the metrics file: whole parts, and the network that has lost all weights.

    `<part>.<measure>`: `est`, `lo`, `hi` of Grad-CAM, `centre_baseline`, `random_baseline`, and `above_centre` and
    `above_random` with intervals; `<part>.drop.<target>` likewise, with `elsewhere` and `more_than_elsewhere`;
    `randomised.<measure>`. What is undefined leaves its key out.
    """
    figures: dict[str, Any] = {}
    whole = measures[measures["outcome"] == ALL]
    for row in whole[whole["check"] == "localisation"].to_dict("records"):
        place = figures.setdefault(row["part"], {}).setdefault(row["measure"], {})
        if row["subject"] == OWN:
            place |= _interval(row)
            figures[row["part"]].setdefault("n", {}).update(images=row["images"], patients=row["patients"])
        elif row["subject"] in BASELINES:
            place[f"{row['subject']}_baseline"] = float(row["estimate"])
        else:
            place[f"above_{row['subject'].partition('-')[2]}"] = _interval(row)
    for row in whole[whole["check"] == "perturbation"].to_dict("records"):
        target = row["subject"].partition("-")[0].removesuffix("_elsewhere")
        place = figures.setdefault(row["part"], {}).setdefault("drop", {}).setdefault(target, {})
        if row["subject"] == target:
            place |= _interval(row)
        elif "-" in row["subject"]:
            place["more_than_elsewhere"] = _interval(row)
        else:
            place["elsewhere"] = float(row["estimate"])
    of_randomised = measures[measures["check"] == "randomisation"]
    for row in of_randomised[of_randomised["subject"] == of_randomised["subject"].max()].to_dict("records"):
        figures.setdefault("randomised", {})[row["measure"]] = _interval(row)
    return figures


def _interval(row: dict[Any, Any]) -> dict[str, float]:
    found = {"est": row["estimate"], "lo": row["lo"], "hi": row["hi"]}
    return {name: float(text) for name, text in found.items() if text}
