"""Measuring marks burned into the field: as common on one finding as on any other, and as far apart."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.phantom.screen import Layout, Screen

COUNTS, SHARES = (0, 2, 4), (0.55, 0.25, 0.20)
# What is measured in normal tissue, as shares of the field: with the mean and spread of non-mass lesions' masks, since
# the length of a line must not tell what lies under it.
SMALLEST, LARGEST = (0.32, 0.21), (0.68, 0.55)
ARM_PX = 7


@dataclass(frozen=True)
class Caliper:
    """Two marks and the dotted line between them, in pixels of the screen."""

    start: tuple[int, int]
    end: tuple[int, int]


def draw_calipers(rng: np.random.Generator, box: Box, mask: NDArray[np.uint8]) -> list[Caliper]:
    """Choose what is measured: the lesion's width and height, or some normal structure of like size.

    Args:
        rng: Source of draws; how many are drawn does not depend on the mask.
        box: The field of view.
        mask: (height, width) lesion on the screen; all 0 for normal tissue.
    """
    n_lines = int(rng.choice(COUNTS, p=SHARES)) // 2
    along, down, *shares = rng.uniform((0, 0, *SMALLEST), (1, 1, *LARGEST))
    width, height = shares * np.array((box.width, box.height))
    x = box.x0 + width / 2 + along * (box.width - width)
    y = box.y0 + height / 2 + down * (box.height - height)
    if mask.any():
        left, top, width, height = cv2.boundingRect(mask)
        x, y = left + width / 2, top + height / 2
    slip = rng.normal(0, 3, 4)  # a hand set them
    half_width = min(width / 2, x - box.x0 - 2 * ARM_PX, box.x1 - x - 2 * ARM_PX)
    half_height = min(height / 2, y - box.y0 - 2 * ARM_PX, box.y1 - y - 2 * ARM_PX)
    lines = [
        Caliper((round(x - half_width), round(y + slip[0])), (round(x + half_width), round(y + slip[1]))),
        Caliper((round(x + slip[2]), round(y - half_height)), (round(x + slip[3]), round(y + half_height))),
    ]
    return lines[:n_lines]


def mark(screen: Screen, layout: Layout, calipers: list[Caliper]) -> None:
    """Draw calipers into the screen."""
    for number, caliper in enumerate(calipers, 1):
        for x, y in (caliper.start, caliper.end):
            cv2.line(screen, (x - ARM_PX, y), (x + ARM_PX, y), layout.caliper, 1)
            cv2.line(screen, (x, y - ARM_PX), (x, y + ARM_PX), layout.caliper, 1)
        start, end = np.array(caliper.start), np.array(caliper.end)
        for along in np.arange(0.0, 1.0, 8 / max(8.0, float(np.hypot(*(end - start))))):
            x, y = np.round(start + along * (end - start)).astype(int)
            screen[y, x] = layout.caliper
        at = (caliper.start[0] + 4, caliper.start[1] - 4)
        cv2.putText(screen, str(number), at, cv2.FONT_HERSHEY_PLAIN, 0.8, layout.caliper, 1, cv2.LINE_AA)
