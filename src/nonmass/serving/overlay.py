"""Grad-CAM of the call, drawn on the field that the network saw."""

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nonmass.gallery import BAR_LABEL_PX, BAR_PX, RGB, draw
from nonmass.images import write_png
from nonmass.panels import PANEL_PX
from nonmass.saliency import enlarge
from nonmass.serving.answers import Answer
from nonmass.serving.prepare import Screen
from nonmass.serving.release import Release

PNG_LEVEL = 6
LINE = 50  # letters of a caption


def is_positive(answer: Answer) -> bool:
    """What is explained: the call, or the likelier class where nothing is called."""
    return bool(answer.is_positive if answer.is_positive is not None else answer.logit >= 0)


def heat_map(screen: Screen, answer: Answer, scorer: Any) -> NDArray[np.float32] | None:
    """(h, w), what each cell of the last feature map adds to the logit of the call, 0 or more; None if no graph does.

    Raises:
        ValueError: The screen has no square.
    """
    if screen.square is None:
        raise ValueError(f"{screen.name}: nothing to explain")
    maps = scorer.maps(screen.square[None], np.array([is_positive(answer)]))
    return None if maps is None else maps[0]


def overlay(screen: Screen, answer: Answer, release: Release, heat: NDArray[np.float32]) -> RGB:
    """The square beside itself with the heat map of what was called, on a colour scale of its own.

    A map that is 0 everywhere has no scale, and says so.

    Raises:
        ValueError: The screen has no square.
    """
    if screen.square is None:
        raise ValueError(f"{screen.name}: nothing to explain")
    side = len(screen.square)
    called, top = release.positive if is_positive(answer) else release.negative, float(heat.max())
    called = release.class_words.get(called, called)
    told = (
        f"Colour: what a cell adds to the logit of '{called}'" if top else f"No evidence for '{called}': the map is 0"
    )
    use = textwrap.wrap(f"Research use only. Learnt from {release.learnt_from}", LINE)
    picture = draw(screen.square, enlarge(heat, side), np.zeros((side, side), np.bool_), top or 1.0, (told, *use))
    if not top:
        picture[:PANEL_PX, -(BAR_PX + BAR_LABEL_PX) :] = 0
    return picture


def write_overlays(
    folder: Path,
    number: int,
    screen: Screen,
    answers: dict[str, Answer],
    releases: dict[str, Release],
    scorers: dict[str, Any],
) -> None:
    """Write a picture a task, named after the screen and its number; none for a doubtful field.

    A doubtful field may be the whole screen, with the patient's name on it.
    """
    if screen.fov is None or screen.fov.doubts or screen.square is None:
        return
    stem = re.sub(r"\W+", "_", Path(screen.name).stem, flags=re.ASCII)[:60]
    for task, answer in answers.items():
        heat = heat_map(screen, answer, scorers[task])
        if heat is not None:
            path = folder / f"{number:05d}-{stem}-{task}.png"
            write_png(path, overlay(screen, answer, releases[task], heat), PNG_LEVEL)
