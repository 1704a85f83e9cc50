"""The depth ruler beside or within the field of view: small level marks, one below the other, evenly spaced.

It begins with the field and ends with it or less than a mark before, so it tells the lower side of a field
whose depth is black.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.images import Gray

MARK_LEVELS = 50  # how much brighter than above and below it a mark is
MARK_SHARE = 1 / 40  # of the screen's width: the longest mark
THICK_PX = 7  # thicker is no mark
FEW_MARKS = 5
OFF_PX = 2.0  # how far marks are from even spacing, and from one line
SPACING_PX = 10  # marks that are closer are letters
START_SHARE = 0.012  # of the field's height, how far the first mark is from the top
REACH_SHARE = 0.2  # of the field's width, to both sides of its sides


@dataclass(frozen=True)
class Ruler:
    """Rows of its first and last mark, and the spacing, pixels."""

    first: int
    last: int
    spacing_px: float


def find_ruler(gray: Gray, box: Box) -> Ruler | None:
    """The ruler that begins with the top of a box and reaches furthest down; None if there is none.

    Args:
        gray: `(H, W)` uint8, the screen with all its marks.
        box: The field; its lower side may be wrong.
    """
    reach = round(REACH_SHARE * box.width)
    best: Ruler | None = None
    for side in (box.x0, box.x1):
        first = max(side - reach, 0)
        marks = _marks(gray[:, first : side + reach], gray.shape[1])
        for key in range(3):  # aligned left, right, or at their middle
            for ruler in _rulers(marks[:, key], marks[:, 3], box):
                if best is None or ruler.last > best.last:
                    best = ruler
    return best


def _marks(strip: Gray, width: int) -> NDArray[np.float64]:
    """Left, right, middle column and row of each small level mark, `(n, 4)`."""
    opened = cv2.morphologyEx(strip, cv2.MORPH_OPEN, np.ones((THICK_PX, 1), np.uint8))
    thin = cv2.threshold(cv2.subtract(strip, opened), MARK_LEVELS, 1, cv2.THRESH_BINARY)[1]
    count, _, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    x, y, wide, high = (stats[1:count, column].astype(np.float64) for column in range(4))
    small = (wide >= 2) & (wide <= max(MARK_SHARE * width, 8)) & (high < THICK_PX)
    return np.asarray(np.stack([x, x + wide, x + wide / 2, y + high / 2], axis=1)[small])


def _rulers(columns: NDArray[np.float64], rows: NDArray[np.float64], box: Box) -> list[Ruler]:
    """Evenly spaced marks on one line that begin at the top of the box, or one spacing below it.

    The first mark may be lost in the bright line of the skin.
    """
    near = max(START_SHARE * box.height, 4)
    below = rows >= box.y0 - near
    columns, rows = columns[below], rows[below]
    found = []
    for column in np.unique(columns):
        on_line = np.unique(rows[np.abs(columns - column) <= OFF_PX])
        for start in on_line[on_line <= box.y0 + box.height / FEW_MARKS]:
            late = start - box.y0
            # The next mark is one of those below; bright spots of tissue may lie between.
            for spacing in on_line[on_line > start] - start:
                if spacing < SPACING_PX or min(abs(late), abs(late - spacing)) > near:
                    continue
                count = _run(on_line, float(start), float(spacing))
                if count >= FEW_MARKS and 2 * count >= len(on_line):
                    found.append(Ruler(round(start), round(start + (count - 1) * spacing), float(spacing)))
    return found


def _run(rows: NDArray[np.float64], start: float, spacing: float) -> int:
    """How many marks follow each other from `start` on; each may be a little off the one before."""
    count, row = 1, start
    while (near := np.abs(rows - row - spacing)).min() <= OFF_PX:
        count, row = count + 1, float(rows[near.argmin()])
    return count
