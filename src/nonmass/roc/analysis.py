"""Predictions of several backbones in, measures with intervals and ROC curves out; roc.R does the computing."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from nonmass.errors import InputError
from nonmass.params import Section
from nonmass.roc import bridge
from nonmass.tables import CURVES, MEASURES, PREDICTIONS


class RocParams(Section):
    """How intervals are made and the cut-off is chosen."""

    confidence_level: float = Field(ge=0.5, lt=1)
    cutoff_rule: Literal["youden"]


EVALUATED_PARTS = ("val", "test", "external")

_WHO = ["image_id", "patient_id", "part", "truth"]
_COUNTS = ("images", "patients", "positive_images", "positive_patients", "tp", "fp", "tn", "fn")
_INTERVAL = ("est", "lo", "hi")
_PLAIN = ()

# (group, measure) -> what of it stands in the metrics file: some of est, lo and hi, or one plain number. People read
# that file as a diff, so it holds fewer than 60 numbers a backbone; the table of measures holds them all.
_HEADLINES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "auc"): _INTERVAL,
    ("", "auc_image"): _INTERVAL,
    **{("n", name): _PLAIN for name in _COUNTS[:4]},
    **{(rule, "cutoff"): _PLAIN for rule in ("as_published", "frozen")},
    **{(rule, name): _INTERVAL for rule in ("as_published", "frozen") for name in ("sensitivity", "specificity")},
    **{(rule, "accuracy"): ("est",) for rule in ("as_published", "frozen")},
    ("comparison", "auc_difference"): _INTERVAL,
    ("comparison", "p"): _PLAIN,
    ("comparison", "auc_difference_image"): _INTERVAL,
    ("comparison", "p_image"): _PLAIN,
}
_OF_SEEDS = ("mean", "sd", "min", "max", "n")
_HEADLINES |= {("seeds", name): _PLAIN for name in _OF_SEEDS}
# It serves to choose, not to judge.
_OF_VALIDATION = (("", "auc"), *(("n", name) for name in _COUNTS[:4]), *(("seeds", name) for name in _OF_SEEDS))


@dataclass(frozen=True)
class Evaluation:
    """What is known of the backbones of one task.

    Attributes:
        metrics: Key figures, for JSON.
        measures: All measures, `tables.MEASURES`.
        curves: ROC curves, `tables.CURVES`.
        software: What computed them -> its version: another one may give other digits.
    """

    metrics: dict[str, Any]
    measures: pd.DataFrame
    curves: pd.DataFrame
    software: dict[str, str]


def evaluate(
    predictions: Mapping[str, pd.DataFrame],
    params: RocParams,
    where: str,
    seeds: Mapping[str, pd.DataFrame] | None = None,
) -> Evaluation:
    """The as-published and the sound analysis of every backbone, part and pair of backbones.

    Args:
        predictions: Backbone -> `tables.PREDICTIONS`. The logit is what is ranked.
        params: Confidence level and cut-off rule.
        where: Opens error messages, e.g. the task.
        seeds: Backbone -> `tables.SEED_PREDICTIONS`, what its `predictions` are the mean of; a single
            seed has no spread, and adds nothing.

    Raises:
        InputError: The tables do not describe the same images, or a part has one class only; R or
            pROC is missing.
    """
    frames = {name: PREDICTIONS.check(frame, f"{where}, {name}") for name, frame in predictions.items()}
    images = _same_images(frames, where)
    _check_images(images, where)
    patients, _ = pd.factorize(images["patient_id"])
    results = bridge.call(
        "analyse",
        truth=images["truth"].tolist(),
        patient=patients.tolist(),
        part=images["part"].tolist(),
        scores={name: frame["logit"].tolist() for name, frame in frames.items()},
        level=params.confidence_level,
        rule=params.cutoff_rule,
    )
    spread = [_seed_spread(frames[name], members, f"{where}, {name}") for name, members in (seeds or {}).items()]
    found = (frame.assign(backbone=name) for name, frame in zip(seeds or {}, spread, strict=True) if frame is not None)
    measures = pd.concat([pd.DataFrame(results["measures"]), *found], ignore_index=True)
    texts = {name: measures[name].map(_digits) for name in ("estimate", "lo", "hi")}
    curves = pd.DataFrame(results["curves"])
    return Evaluation(
        metrics=_key_figures(measures),
        measures=MEASURES.check(measures.assign(**texts), where),
        curves=CURVES.check(curves.assign(threshold=curves["threshold"].map(_digits)), where),
        software={**results["software"], **_python_software()},
    )


def _seed_spread(ensemble: pd.DataFrame, members: pd.DataFrame, where: str) -> pd.DataFrame | None:
    """Measures of group `seeds`, or None if there is one seed alone.

    Args:
        ensemble: `tables.PREDICTIONS`.
        members: `tables.SEED_PREDICTIONS` behind it.
        where: Opens error messages.
    """
    logits = members.pivot(index="image_id", columns="seed", values="logit").reindex(ensemble["image_id"])
    if len(members) != logits.size or not np.allclose(logits.mean(axis=1), ensemble["logit"]):
        raise InputError(f"{where}: scores are not the mean of those of the seeds; predict again with `dvc repro`")
    if logits.shape[1] < 2:
        return None
    spread = bridge.call(
        "seed_spread",
        truth=ensemble["truth"].tolist(),
        part=ensemble["part"].tolist(),
        scores={f"seed_{seed}": logits[seed].tolist() for seed in logits},
    )
    return pd.DataFrame(spread).assign(group="seeds", lo=np.nan, hi=np.nan, note="")


def _python_software() -> dict[str, str]:
    packages = {package: version(package) for package in ("numpy", "pandas", "rpy2")}
    return {"python": platform.python_version(), **packages}


def _same_images(frames: Mapping[str, pd.DataFrame], where: str) -> pd.DataFrame:
    """Image, patient, part and truth, which all backbones must share: pairs are made by row."""
    (first, reference), *others = [(name, frame[_WHO].set_index("image_id")) for name, frame in frames.items()]
    for name, frame in others:
        if not frame.equals(reference):
            odd = sorted(set(reference.index) ^ set(frame.index))
            odd = odd or reference.index[(reference != frame).any(axis=1)].tolist()
            raise InputError(
                f"{where}: predictions of {first} and {name} disagree on image, patient, part or truth of "
                f"{len(odd)} image(s), first {odd[0]}; predict both again on one split"
            )
    return reference.reset_index()


def _check_images(images: pd.DataFrame, where: str) -> None:
    if not len(images):
        raise InputError(f"{where}: predictions hold no image")
    nameless = images.loc[images["patient_id"] == "", "image_id"]
    if len(nameless):
        raise InputError(
            f"{where}: predictions of {nameless.iloc[0]} name no patient; patients are the unit of inference"
        )
    for part, truth in images.groupby(images["part"].map(str))["truth"]:
        if part not in EVALUATED_PARTS:
            raise InputError(f"{where}: predictions hold part {part}; evaluated are {', '.join(EVALUATED_PARTS)}")
        if truth.nunique() < 2:
            absent = "negative" if truth.iloc[0] else "positive"
            raise InputError(f"{where}: part {part} holds no {absent} image, so it has no ROC curve; change the split")


def _key_figures(measures: pd.DataFrame) -> dict[str, Any]:
    """The metrics file: backbone > part > [group] > measure, and comparison > pair > part > measure.

    The group `seeds` is called `auc_seeds` there.
    """
    metrics: dict[str, Any] = {}
    for row in measures.to_dict("records"):
        key = (row["group"], row["measure"])
        is_pair = row["group"] == "comparison"
        if key not in _HEADLINES or (row["part"] == "val" and not is_pair and key not in _OF_VALIDATION):
            continue
        group = "auc_seeds" if row["group"] == "seeds" else row["group"]
        place = ["comparison", row["backbone"], row["part"]] if is_pair else [row["backbone"], row["part"], group]
        entry = _entry(row, _HEADLINES[key])
        if entry in ({}, None):
            continue
        level = metrics
        for name in filter(None, place):
            level = level.setdefault(name, {})
        level[row["measure"]] = entry
    return metrics


def _entry(row: dict[Any, Any], fields: tuple[str, ...]) -> Any:
    """Undefined values are left out; their reason is the `note` of the table of measures."""
    values = {"est": row["estimate"], "lo": row["lo"], "hi": row["hi"]}
    if fields:
        return {name: values[name] for name in fields if pd.notna(values[name])}
    value = row["estimate"]
    if pd.isna(value):
        return None
    if row["measure"] in (*_COUNTS, "n"):
        return int(value)
    if row["measure"] == "cutoff" and round(value, 6) != value:
        return None  # rounded, it would call other images positive; the table has all its digits
    return max(value, 1e-6) if row["measure"] in ("p", "p_image") else value


def _digits(value: float) -> str:
    return "" if np.isnan(value) else format(value, ".17g")
