"""Predictions of several backbones in, measures with intervals and ROC curves out; R does the computing."""

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
from nonmass.roc.key_figures import key_figures
from nonmass.tables import CURVES, MEASURES, PREDICTIONS


class RocParams(Section):
    """How intervals are made and cut-offs are chosen.

    Attributes:
        confidence_level: Of all intervals.
        cutoff_rule: Which point of the curve becomes the cut-off.
        sensitivity: What a second frozen cut-off has to reach on validation.
    """

    confidence_level: float = Field(ge=0.5, lt=1)
    cutoff_rule: Literal["youden"]
    sensitivity: float = Field(default=0.95, gt=0, le=1)


EVALUATED_PARTS = ("val", "test", "external")

_WHO = ["image_id", "patient_id", "part", "truth"]


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
    clusters: "pd.Series[str] | None" = None,
) -> Evaluation:
    """The as-published and the sound analysis of every backbone, part and pair of backbones.

    Args:
        predictions: Backbone -> `tables.PREDICTIONS`. The logit is what is ranked.
        params: Confidence level and cut-off rule.
        where: Opens error messages, e.g. the task.
        seeds: Backbone -> `tables.SEED_PREDICTIONS`, what its `predictions` are the mean of; a single
            seed has no spread, and adds nothing.
        clusters: Image id -> unit of inference, patients whom a picture links being one; default the patients.

    Raises:
        InputError: The tables do not describe the same images, or a part has one class only; R or
            pROC is missing.
    """
    frames = {name: PREDICTIONS.check(frame, f"{where}, {name}") for name, frame in predictions.items()}
    results = bridge.call(
        "analyse",
        **images_and_scores(frames, where, clusters),
        patient=pd.factorize(next(iter(frames.values()))["patient_id"])[0].tolist(),
        level=params.confidence_level,
        rule=params.cutoff_rule,
        sensitivity=params.sensitivity,
    )
    spread = [_seed_spread(frames[name], members, f"{where}, {name}") for name, members in (seeds or {}).items()]
    found = (frame.assign(backbone=name) for name, frame in zip(seeds or {}, spread, strict=True) if frame is not None)
    measures = pd.concat([pd.DataFrame(results["measures"]), *found], ignore_index=True)
    checked = MEASURES.check(with_digits(measures, "estimate", "lo", "hi"), where)
    return Evaluation(
        metrics=key_figures(checked),
        measures=checked,
        curves=CURVES.check(with_digits(pd.DataFrame(results["curves"]), "threshold"), where),
        software={**results["software"], **_python_software()},
    )


def images_and_scores(
    frames: Mapping[str, pd.DataFrame], where: str, clusters: "pd.Series[str] | None" = None
) -> dict[str, Any]:
    """What every analysis in R is given: truth, unit of inference (`cluster`) and part of the images, and `scores`.

    Args:
        frames: Backbone -> checked `tables.PREDICTIONS`.
        where: Opens error messages.
        clusters: As for `evaluate`.

    Raises:
        InputError: As for `evaluate`.
    """
    images = _same_images(frames, where)
    _check_images(images, where)
    units = images["patient_id"] if clusters is None else images["image_id"].map(clusters)
    if units.isna().any():
        raise InputError(f"{where}: image {images.loc[units.isna(), 'image_id'].iloc[0]} is not in the manifest")
    return {
        "truth": images["truth"].tolist(),
        "cluster": pd.factorize(units)[0].tolist(),
        "part": images["part"].tolist(),
        "scores": {name: frame["logit"].tolist() for name, frame in frames.items()},
    }


def with_digits(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Numbers as texts of 17 digits, which give them back exactly; what is undefined as empty ones."""
    return frame.assign(**{name: frame[name].map(bridge.digits) for name in columns})


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
