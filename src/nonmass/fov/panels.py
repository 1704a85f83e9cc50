"""Several fields of view on one screen: dual view, or B-mode beside Doppler or an elastogram."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.colour import COLOUR_SHARE, colour_share
from nonmass.fov.estimators import Gray, Mask
from nonmass.geometry import Box
from nonmass.images import Picture

WORK_PX = 512  # longer side of the screen at which panels are looked for
BLACK_LEVELS = 8  # on a gray shell, the screen around the fields is still black
PANEL_SHARE = 0.06  # least area of a panel, of the screen
LIKE = 0.12  # share by which the sizes of two fields may differ
GAP_FILL = 0.1  # of the gap between two fields: a ruler or a few words stand there
GAP_SHARE = 0.3  # widest gap, of a field's width or height
EDGE_STEP = 0.5  # least rise of the filled share within a hundredth of the field at both sides of the gap
LARGER = 1.1  # a field larger by this is chosen before the first


def find_panels(gray: Gray, mask: Mask) -> tuple[Box, ...]:
    """The fields of view of a screen that shows several of like size, side by side or one above the other.

    A shadow or a cyst may divide one field too; between two fields the gap is empty and its sides are straight.

    Args:
        gray: `(H, W)` uint8.
        mask: `(H, W)`, 1 off the background.

    Returns:
        Boxes, left to right, then top to bottom; empty if there is one field, or none.
    """
    step = max(1, max(gray.shape) // WORK_PX)
    lit = (mask[::step, ::step] & (gray[::step, ::step] > BLACK_LEVELS)).astype(np.uint8)
    boxes = sorted(_candidates(lit), key=lambda box: -box.area)
    if len(boxes) < 2:
        return ()
    for across in (True, False):
        rest = lit if across else np.ascontiguousarray(lit.T)
        turned = boxes if across else [_turned(box) for box in boxes]
        row = _row_of(rest, turned)
        if len(row) > 1:
            found = [_grown(box, step, gray.shape) for box in (row if across else [_turned(box) for box in row])]
            return tuple(sorted(found, key=lambda box: (box.x0, box.y0)))
    return ()


def choose_panel(picture: Picture, panels: tuple[Box, ...]) -> int:
    """Index of the field to use: gray ones before coloured ones, then the larger, then the first.

    The left or upper one of two alike is where devices put B-mode beside Doppler or an elastogram.

    Raises:
        ValueError: There is no panel.
    """
    if not panels:
        raise ValueError("no panel to choose from")
    gray = [index for index, box in enumerate(panels) if colour_share(picture, box) <= COLOUR_SHARE]
    among = gray or list(range(len(panels)))
    largest = max(panels[index].area for index in among)
    return next(index for index in among if panels[index].area * LARGER >= largest)


def _candidates(lit: Mask) -> list[Box]:
    """Boxes of wide dense areas, divided where a straight empty line runs through them."""
    coarse = np.ascontiguousarray(lit[::2, ::2])
    window = 2 * (max(coarse.shape) // 100) + 1
    dense = cv2.threshold(cv2.blur(coarse * np.uint8(255), (window, window)), 127, 1, cv2.THRESH_BINARY)[1]
    opened = cv2.morphologyEx(dense, cv2.MORPH_OPEN, np.ones((3 * window, 3 * window), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    found = []
    for x, y, width, height in (2 * stats[1:count, :4]).tolist():
        box = _settled(lit, Box(x, y, x + width, y + height))
        for part in _divided(lit, box):
            turned = _divided(np.ascontiguousarray(lit.T), _turned(part))
            found += [_turned(piece) for piece in turned]
    return [box for box in found if box.area >= PANEL_SHARE * lit.size]


def _divided(lit: Mask, box: Box) -> list[Box]:
    """The box, cut at its empty columns."""
    filled = np.concatenate([[False], lit[box.slices].mean(axis=0) > GAP_FILL, [False]])
    turns = np.flatnonzero(np.diff(filled.astype(np.int8)))
    return [Box(box.x0 + int(a), box.y0, box.x0 + int(b), box.y1) for a, b in zip(turns[::2], turns[1::2], strict=True)]


def _row_of(lit: Mask, boxes: list[Box]) -> list[Box]:
    """The largest box and those beside it that are like it, with a clear gap to each neighbour."""
    first = boxes[0]
    alike = sorted(box for box in boxes if _alike(first, box))
    row = [first]
    at = alike.index(first)
    for neighbour in alike[at + 1 :]:
        if _apart(lit, row[-1], neighbour):
            row.append(neighbour)
    for neighbour in reversed(alike[:at]):
        if _apart(lit, neighbour, row[0]):
            row.insert(0, neighbour)
    return row


def _alike(one: Box, other: Box) -> bool:
    """Whether two boxes have like widths and heights, and begin at the same row."""
    near = max(2.0, LIKE * one.height)
    return (
        abs(one.width - other.width) <= LIKE * max(one.width, other.width)
        and abs(one.height - other.height) <= LIKE * max(one.height, other.height)
        and abs(one.y0 - other.y0) <= near / 2
    )


def _apart(lit: Mask, left: Box, right: Box) -> bool:
    """Whether an empty gap with two straight sides is between two boxes."""
    if not 0 < right.x0 - left.x1 <= GAP_SHARE * left.width:
        return False
    y0, y1 = max(left.y0, right.y0), min(left.y1, right.y1)
    reach = max(4, left.width // 20)
    x0, x1 = max(left.x1 - reach, 0), min(right.x0 + reach, lit.shape[1])
    columns = lit[y0:y1, x0:x1].mean(axis=0)
    empty = np.flatnonzero(columns <= GAP_FILL)
    if not len(empty):
        return False
    near = max(2, left.width // 100)
    before = columns[max(empty[0] - near, 0) : empty[0]]
    after = columns[empty[-1] + 1 : empty[-1] + 1 + near]
    return bool(before.size and after.size and min(before.max(), after.max()) >= EDGE_STEP)


def _settled(lit: Mask, box: Box) -> Box:
    """The box moved to where its rows and columns fill or empty: smoothing has rounded it."""
    x0, x1 = _ends(lit[box.y0 : box.y1].mean(axis=0), box.x0, box.x1)
    y0, y1 = _ends(lit[:, x0:x1].mean(axis=1), box.y0, box.y1)
    return Box(x0, y0, x1, y1)


def _ends(filled: NDArray[np.float64], start: int, stop: int) -> tuple[int, int]:
    """Where near start and stop a profile falls below a tenth, looking outwards from inside."""
    reach = max(4, (stop - start) // 20)
    low = np.flatnonzero(filled[max(start - reach, 0) : start + reach] <= GAP_FILL)
    high = np.flatnonzero(filled[stop - reach : stop + reach] <= GAP_FILL)
    first = max(start - reach, 0) + int(low[-1]) + 1 if len(low) else max(start - reach, 0)
    last = stop - reach + int(high[0]) if len(high) else min(stop + reach, len(filled))
    return (first, last) if last > first else (start, stop)


def _turned(box: Box) -> Box:
    return Box(box.y0, box.x0, box.y1, box.x1)


def _grown(box: Box, step: int, shape: tuple[int, ...]) -> Box:
    return Box(box.x0 * step, box.y0 * step, min(box.x1 * step, shape[1]), min(box.y1 * step, shape[0]))
