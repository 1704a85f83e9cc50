"""How well features that say nothing of the lesion tell the classes apart; R gives the areas and intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.assignment import assignment_hash
from nonmass.determinism import seed_of
from nonmass.errors import InputError
from nonmass.roc import bridge
from nonmass.shortcut_table import BESIDE_THE_LESION, GROUPS, SHORTCUTS

FOLDS = 5
NO_DIFFERENCE = "the same for every image, or for all but a few"
TOO_FEW = "a class has fewer than two patients"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Column = tuple[str, str]  # group and feature


@dataclass(frozen=True)
class Audit:
    """Of one task.

    Attributes:
        table: `shortcut_table.SHORTCUTS`: groups, and single features of groups that have several.
        metrics: Key figures, for JSON: part > group > auc, part > n, and `assignment`.
    """

    table: pd.DataFrame
    metrics: dict[str, Any]


def audit(task: str, split: pd.DataFrame, patients: "pd.Series[str]", features: pd.DataFrame, level: float) -> Audit:
    """Areas under the curve of models that see one group of features, or one feature, alone.

    Images to develop on are cross-validated: each is scored by a model that has seen neither its patient nor a
    duplicate of it. External images are scored by a model of all the others.

    Args:
        task: Its name; it seeds the folds.
        split: Rows of `tables.SPLIT`.
        patients: Image id -> patient, those whom a duplicate links being one; see `splitting.linked_groups`.
        features: Result of `shortcut_features`.
        level: Of the intervals, e.g. 0.95.

    Raises:
        InputError: The split holds an image that the features do not.
    """
    strangers = sorted(set(split["image_id"]) - set(features.index))
    if strangers:
        raise InputError(f"tasks.{task}: the split holds {strangers[0]}, the manifest does not; run `dvc repro` again")
    rows = split.sort_values("image_id", ignore_index=True)
    truth = rows["truth"].to_numpy(np.int64)
    patient = pd.factorize(rows["image_id"].map(patients), sort=True)[0].astype(np.int64)
    values = features.loc[rows["image_id"]]
    outside = (rows["part"] == "external").to_numpy()
    fold = np.full(len(rows), FOLDS)
    fold[~outside] = patient_folds(truth[~outside], patient[~outside], task)
    tables = []
    for part, chosen in (("develop", ~outside), ("external", outside)):
        if not chosen.any():
            continue
        scores = {
            name: held_out_scores(values[columns].to_numpy(), truth, fold, np.unique(fold[chosen]))[chosen]
            for name, columns in _questions(values)
        }
        areas = _areas(scores, truth[chosen], patient[chosen], fold[chosen], level)
        counted = chosen & _has_both_classes(truth, fold)
        tables.append(areas.assign(part=part, images=int(counted.sum()), patients=len(np.unique(patient[counted]))))
    table = SHORTCUTS.check(pd.concat(tables).assign(task=task), f"{task}, shortcut audit")
    return Audit(table, {"assignment": assignment_hash(split), **_key_figures(table)})


def patient_folds(truth: Ints, patient: Ints, task: str) -> Ints:
    """Number of the fold of every image, a patient in one alone, classes as even as can be; -1 if there is none.

    There are `FOLDS`, or as many as the class with the fewest patients has; -1 where that is fewer than two.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, *(len(np.unique(patient[truth == label])) for label in (0, 1)))
    fold = np.full(len(truth), -1)
    if folds < 2:
        return fold
    draw = StratifiedGroupKFold(folds, shuffle=True, random_state=seed_of("shortcuts", task) % 2**32)
    for number, (_, held_out) in enumerate(draw.split(truth, truth, patient)):
        fold[held_out] = number
    return fold


def held_out_scores(values: Floats, truth: Ints, fold: Ints, scored: Ints) -> Floats:
    """Scores of the images of each fold to be scored, by a model of the images of the other folds.

    Args:
        values: `(n, features)`.
        truth: `(n,)`, 0 or 1.
        fold: `(n,)`; external images are in fold `FOLDS`, and never serve to fit.
        scored: Numbers of folds.

    Returns:
        `(n,)`, higher means more likely positive; 0 where there is no model.
    """
    scores = np.zeros(len(truth))
    for number in scored if values.shape[1] else ():
        known = (fold != number) & (fold != FOLDS)
        if len(np.unique(truth[known])) == 2 and number >= 0:
            scores[fold == number] = _fitted(values[known], truth[known])(values[fold == number])
    return scores


def _fitted(values: Floats, truth: Ints) -> Callable[[Floats], Floats]:
    """Boosted trees, as small as they serve.

    A class may be the darkest *and* the brightest images, which a logistic regression does not see; trees do, ask for
    no scaling, and take counts and categories as they are. scikit-learn's older boosting runs in one thread, so that
    no sum depends on how many there are, which its histogram-based one cannot promise.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(n_estimators=50, max_depth=2, min_samples_leaf=10, random_state=0)
    score: Callable[[Floats], Floats] = model.fit(values, truth).decision_function
    return score


def _questions(values: pd.DataFrame) -> list[tuple[Column, list[Column]]]:
    """(group, feature) -> columns that differ between images; "" is the whole group."""
    columns: list[Any] = values.columns[(values.nunique() > 1).to_numpy()].tolist()
    varying: list[Column] = columns
    questions: list[tuple[Column, list[Column]]] = []
    for group in GROUPS:
        members = BESIDE_THE_LESION if group == "all" else (group,)
        columns = [column for column in varying if column[0] in members]
        questions.append(((group, ""), columns))
        if group != "all" and len(columns) > 1:
            questions += [(column, [column]) for column in columns]
    return questions


def _has_both_classes(truth: Ints, fold: Ints) -> NDArray[np.bool_]:
    """Which images are in a fold that gives an area."""
    return np.asarray((pd.Series(truth).groupby(fold).transform("nunique").to_numpy() == 2) & (fold >= 0))


def _areas(scores: dict[Column, Floats], truth: Ints, patient: Ints, fold: Ints, level: float) -> pd.DataFrame:
    """Columns of `shortcut_table.SHORTCUTS` from `group` to `note`, but for the counts.

    Folds in which a class is missing give no area.
    """
    chosen = _has_both_classes(truth, fold)
    areas = pd.DataFrame(list(scores), columns=["group", "feature"])
    if not chosen.any():
        return areas.assign(auc="", lo="", hi="", note=TOO_FEW)
    results = bridge.call(
        "cross_validated",
        truth=truth[chosen].tolist(),
        patient=patient[chosen].tolist(),
        fold=fold[chosen].tolist(),
        scores={str(number): score[chosen].tolist() for number, score in enumerate(scores.values())},
        level=level,
    )
    digits = {name: ["" if np.isnan(x) else format(x, ".17g") for x in results[name]] for name in ("auc", "lo", "hi")}
    same = [pd.Series(score[chosen]).groupby(fold[chosen]).nunique().max() == 1 for score in scores.values()]
    return areas.assign(**digits, note=np.where(same, NO_DIFFERENCE, results["note"]))


def _key_figures(table: pd.DataFrame) -> dict[str, Any]:
    """Of whole groups; what is undefined leaves its key out, the table says why."""
    metrics: dict[str, Any] = {}
    for row in table[table["feature"] == ""].to_dict("records"):
        part = metrics.setdefault(row["part"], {"n": {"images": row["images"], "patients": row["patients"]}})
        found = {key: float(row[name]) for key, name in (("est", "auc"), ("lo", "lo"), ("hi", "hi")) if row[name]}
        if found:
            part[row["group"]] = {"auc": found}
    return metrics
