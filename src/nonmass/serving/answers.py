"""From a screen and the logits of its square to what people and programs read: a record, and a row of a table."""

import json
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from nonmass.ensemble import probabilities
from nonmass.errors import InputError
from nonmass.geometry import Box
from nonmass.serving.novelty import distances
from nonmass.serving.prepare import Screen
from nonmass.serving.release import OWN_IMAGES, RESEARCH_USE, Release, learnt_from

Record = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What an ensemble says of a screen.

    Attributes:
        logit: Mean of its members'.
        probability: Logistic function of the logit.
        calibrated_probability: Of logit / temperature; None where no temperature was fitted.
        is_positive: At or above the cut-off; None where there is no cut-off.
        distance: From the training images; None where that is not known.
        is_unlike: Whether the distance is beyond its limit.
    """

    logit: float
    probability: float
    calibrated_probability: float | None
    is_positive: bool | None
    distance: float | None
    is_unlike: bool | None


def answer(logit: float, screen: Screen, release: Release) -> Answer:
    """Judge a logit by the release's frozen numbers.

    Raises:
        InputError: The logit is not finite.
    """
    if not math.isfinite(logit):
        raise InputError(f"{release.task}: {release.backbone} gives {logit}; its weights are damaged, train it again")
    distance = None
    if release.novelty:
        distance = float(distances(np.array([screen.features]), release.novelty)[0])
    return Answer(
        logit=logit,
        probability=probability_of(logit),
        calibrated_probability=probability_of(logit / release.temperature) if release.temperature else None,
        is_positive=None if release.cutoff_logit is None else logit >= release.cutoff_logit,
        distance=distance,
        is_unlike=None if distance is None or not release.novelty else distance > release.novelty.limit,
    )


def record(screen: Screen, answers: Mapping[str, Answer], releases: Mapping[str, Release]) -> Record:
    """A screen as `nonmass predict` prints it; docs/serving.md explains the keys, which are always all there.

    Args:
        screen: A file that could be read.
        answers: Task -> answer; none for a refused screen.
        releases: Task -> release.

    Raises:
        ValueError: The file could not be read.
    """
    fov = screen.fov
    if fov is None:
        raise ValueError(f"no field of view: {screen.fault}")
    return {
        "file": screen.name,
        "sha256": screen.sha256,
        "use": RESEARCH_USE,
        "learnt_from": learnt_from(releases),
        "fov": {
            "box": _corners(fov.box),
            "confidence": round(float(fov.confidence), 4),
            "accepted": fov.accepted,
            "doubtful": bool(fov.doubts),
            "reject": fov.reject or None,
            "method": fov.method,
            "flags": list(fov.flags),
            "device_from": screen.device_from,
        },
        "marks": [{"kind": mark.kind, "box": _corners(mark.box)} for mark in screen.marks],
        "covered_lines": len(screen.covered),
        **{task: _answer(answers[task], release) if task in answers else None for task, release in releases.items()},
    }


def row(content: Record) -> dict[str, str]:
    """A record as a row of `tables.ANSWERS`; what is undefined is empty."""
    fov, learnt = content["fov"], content["learnt_from"]
    cells: dict[str, Any] = {
        "file": content["file"].encode("utf-8", "backslashreplace").decode(),  # names need not be UTF-8
        "use": content["use"] + (f"; learnt from {learnt}" if learnt != OWN_IMAGES else ""),
        **dict(zip(("x0_px", "y0_px", "x1_px", "y1_px"), fov["box"], strict=True)),
        **{name: fov[name] for name in ("confidence", "accepted", "doubtful", "reject", "method", "device_from")},
        "flags": "|".join(fov["flags"]),
        "marks": "|".join(mark["kind"] for mark in content["marks"]),
        "covered_lines": content["covered_lines"],
    }
    for task in ("detect", "classify"):
        one = content.get(task) or {}
        cells |= {f"{task}_{name}": one.get(name) for name in _COLUMNS}
    return {name: _cell(value) for name, value in cells.items()}


def json_line(content: Record) -> str:
    """One line of strict JSON; floats with all their digits."""
    return json.dumps(content, allow_nan=False)


_COLUMNS = (
    *("backbone", "logit", "probability", "calibrated_probability"),
    *("cutoff_logit", "call", "distance", "unlike_training"),
)


def _answer(one: Answer, release: Release) -> Record:
    call = {None: None, True: release.positive, False: release.negative}[one.is_positive]
    return {
        "backbone": release.backbone,
        "logit": one.logit,
        "probability": one.probability,
        "calibrated_probability": one.calibrated_probability,
        "cutoff_logit": release.cutoff_logit,
        "call": call,
        "distance": one.distance,
        "distance_limit": release.novelty.limit if release.novelty else None,
        "unlike_training": one.is_unlike,
    }


def probability_of(logit: float) -> float:
    """The logistic function."""
    return float(probabilities(np.array([logit]))[0])


def _corners(box: Box) -> list[int]:
    return [int(corner) for corner in astuple(box)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return format(value, ".17g") if isinstance(value, float) else str(value)
