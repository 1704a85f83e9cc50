"""The outline of a field of view that is no rectangle: a trapezoid, or the sector of a curved or phased array.

All are a wedge between two straight sides that spread evenly with depth, cut above and below by level lines or
by arcs around the point where the sides would meet. A polygon is given only where such a wedge is seen: a
rectangle whose corner or depth is black has no pair of straight, even, spreading sides.
"""

import math
from dataclasses import dataclass
from operator import itemgetter

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.estimators import Gray, Mask
from nonmass.geometry import Box

Polygon = tuple[tuple[int, int], ...]
Values = NDArray[np.float64]

WORK_PX = 320  # longer side of the box at which the wedge is fitted
BLACK_LEVELS = 8  # on a gray shell, the screen around the field is still black
RECTANGLE_FILL = 0.95  # a box filled so far is a rectangle
LEAST_SPREAD = 0.03  # of the box's width, that each side must move outwards
SIDE_SHARE = 0.55  # least share of a side's rows that lie on its line
EVEN = 0.12  # the sides' slopes may differ by this share of the steeper one
GATE_IOU = 0.96  # of polygon and filled component (CADBUSI's gate)
BEYOND_SHARE = 0.01  # of the component, that may stick out of a polygon with black parts inside
DARK_FILL = 0.6  # least share of a polygon with black parts that is filled
END_SHARE = 0.02  # of the box's height, that the foot of a seen depth may be above the box's
NEAR_PX = 1.5  # directions that end so near to each other end alike
CUT_SHARE = 0.15  # least share of the directions that end on an arc, and on the level where the display cuts it
CUT_GAIN = 0.05  # by how many more directions an arc with a cut must fit than any single end
NOTCH_AT = 0.15  # of the wedge's height, measured from its top
NOTCH_SHARE = 0.05  # of what is seen there, that may be black: two fields side by side leave a V between them
SIMPLER_PX = 1.0  # Douglas-Peucker tolerance


@dataclass(frozen=True)
class _Side:
    """A straight side: x = at + slope * y, the share of its rows on the line, and the first and last such row."""

    at: float
    slope: float
    share: float
    first: int
    last: int


def outline(gray: Gray, mask: Mask, box: Box) -> Polygon:
    """The field's outline where it is no rectangle.

    Args:
        gray: `(H, W)` uint8.
        mask: `(H, W)`, 1 off the background.
        box: The field's box; a black depth reaches its foot. Or the whole screen, to look for a field on it.

    Returns:
        Vertices (x, y), screen pixels within the box, clockwise from the top left one, at most about 40, as
        `cv2.fillPoly` takes them (border pixels belong to the field); empty for a rectangle.
    """
    scale = max(1.0, max(box.width, box.height) / WORK_PX)
    component = _component(gray, mask, box, scale)
    if component.mean() >= RECTANGLE_FILL:
        return ()
    whole_screen = (box.height, box.width) == gray.shape
    wedge = _wedge(component, None if whole_screen else float(len(component)))
    if wedge is None:
        return ()
    fine = _raster(wedge, component.shape)
    if not _fits(fine, component) or _is_notched(fine, component):
        return ()
    size = (box.height, box.width)
    ratio = (box.width / component.shape[1], box.height / component.shape[0])
    whole = _raster([(x * ratio[0], y * ratio[1]) for x, y in wedge], size)
    return _simplified(whole, box)


def _component(gray: Gray, mask: Mask, box: Box, scale: float) -> Mask:
    """What is off the background and not black in the box, closed and without holes, at `1 / scale`."""
    rows, columns = box.slices
    lit = mask[rows, columns] & cv2.threshold(gray[rows, columns], BLACK_LEVELS, 1, cv2.THRESH_BINARY)[1]
    size = (max(8, round(box.width / scale)), max(8, round(box.height / scale)))
    small = np.asarray(cv2.resize(lit * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 127, np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    padded = cv2.copyMakeBorder(small, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))[9:-9, 9:-9]
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(small)
    if contours:
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled


def _wedge(component: Mask, foot: float | None) -> list[tuple[float, float]] | None:
    """The polygon of the wedge seen in a component, or None where its sides are not straight, even and spreading.

    `foot` is the row at which the field ends if its depth is black; None if not known.
    """
    rows = np.flatnonzero(component.any(axis=1))
    if len(rows) < 16:
        return None
    left = component[rows].argmax(axis=1).astype(float)
    right = component.shape[1] - component[rows, ::-1].argmax(axis=1).astype(float)
    width = component.shape[1]
    middle = rows.astype(np.float64) + 0.5
    one, other = _side(middle, -left, 0.0), _side(middle, right, float(width))
    if one is None or other is None:
        return None
    a, b = _Side(-one.at, -one.slope, one.share, one.first, one.last), other
    spread = LEAST_SPREAD * width
    if -a.slope * (a.last - a.first) < spread or b.slope * (b.last - b.first) < spread:
        return None
    if abs(a.slope + b.slope) > EVEN * max(-a.slope, b.slope):
        return None
    apex_y = (a.at - b.at) / (b.slope - a.slope)
    apex_x = a.at + a.slope * apex_y
    return _cut(component, (apex_x, apex_y), (a, b), float(rows[-1] + 1) if foot is None else foot)


def _side(rows: Values, outer: Values, limit: float) -> _Side | None:
    """The straight line on which most of a side's rows lie, none far outside of it; `outer` grows outwards.

    Rows at the limit of the box are cut off and count for nothing: a wide sector ends with the screen.
    """
    free = np.abs(outer - limit) > 1.5
    y, x = rows[free], outer[free]
    if len(y) < 16:
        return None
    picks = np.linspace(0, len(y) - 1, min(len(y), 28)).round().astype(int)
    first, second = (picks[index] for index in np.triu_indices(len(picks), k=4))
    slopes = (x[second] - x[first]) / np.maximum(y[second] - y[first], 1)
    starts = x[first] - slopes * y[first]
    off = x - (starts[:, None] + slopes[:, None] * y)
    score = (np.abs(off) <= 1.5).sum(axis=1) - 3.0 * (off > 3).sum(axis=1)
    best = int(score.argmax())
    near = np.abs(off[best]) <= 1.5
    if near.sum() < 12:
        return None
    slope, start = np.polyfit(y[near], x[near], 1)
    near = np.abs(x - (start + slope * y)) <= 1.5
    on_line = y[near]
    if len(on_line) < 12:
        return None
    low, high = np.percentile(on_line, (2, 98))
    inside = (y >= low) & (y <= high)
    return _Side(float(start), float(slope), float(near[inside].mean()), int(low), int(high))


def _cut(
    component: Mask, apex: tuple[float, float], sides: tuple[_Side, _Side], foot: float
) -> list[tuple[float, float]] | None:
    """The wedge's polygon, its top and bottom a level line or an arc around the apex, whichever is seen."""
    left, right = sides
    if min(left.share, right.share) < SIDE_SHARE:
        return None
    y, x = np.nonzero(component)
    x_centre, y_centre = x + 0.5, y + 0.5
    half = float(np.arctan((right.slope - left.slope) / 2))
    angle = np.arctan2(x_centre - apex[0], y_centre - apex[1])
    radius = np.hypot(x_centre - apex[0], y_centre - apex[1])
    inside = np.abs(angle) < half
    if inside.sum() < 64:
        return None
    bins = ((angle[inside] / half + 1) * 20).astype(int)
    near, far = _ends(bins, radius[inside], y_centre[inside] - apex[1])
    top = _top(near, -apex[1])
    bottom = _bottom(far, top, foot - apex[1], END_SHARE * foot)
    angles = np.linspace(-half, half, 25)
    return _points(apex, angles, top) + _points(apex, angles[::-1], bottom)


@dataclass(frozen=True)
class _Ends:
    """Where the component begins or ends in some directions: how far from the apex, and how far below it."""

    radius: Values
    depth: Values


@dataclass(frozen=True)
class _End:
    """The upper or lower end of a wedge: its points lie `arc + level / cos(angle)` from the apex, none below `cut`.

    A level alone is a level line, an arc alone an arc around the apex. Both are an end that all lines of a flat
    probe reach at the same length. The display may cut off an arc.
    """

    arc: float = 0.0
    level: float = 0.0
    cut: float = math.inf

    @property
    def foot(self) -> float:
        """How far below the apex it reaches."""
        return min(self.arc + self.level, self.cut)


def _ends(bins: NDArray[np.intp], radius: Values, depth: Values) -> tuple[_Ends, _Ends]:
    """Where the component begins and ends in each of forty directions."""
    near, far = np.full((2, 40), np.inf), np.full((2, 40), -np.inf)
    for row, values in enumerate((radius, depth)):
        np.minimum.at(near[row], bins, values)
        np.maximum.at(far[row], bins, values)
    seen = np.isfinite(near[0])
    return _Ends(*(near[:, seen] - 0.5)), _Ends(*(far[:, seen] + 0.5))


def _top(ends: _Ends, start: float) -> _End:
    """An arc or a level line, as most directions have it; else level at `start`, where the box begins."""
    (n_arc, arc), (n_level, level) = _vote(ends.radius), _vote(ends.depth)
    if max(n_arc, n_level) < len(ends.depth) / 3:
        return _End(level=start)
    return _End(arc=arc) if n_arc >= n_level else _End(level=level)


def _bottom(ends: _Ends, top: _End, foot: float, tolerance: float) -> _End:
    """An arc, a level line, or where lines of one length end that began at a level top, as most directions have it.

    Where a depth is black the box decides: nothing is cut off short of its `foot`.
    """
    (n_arc, arc), (n_level, level) = _vote(ends.radius), _vote(ends.depth)
    most, end = max(((n_arc, _End(arc)), (n_level, _End(level=level))), key=itemgetter(0))
    if top.arc == 0:
        n_lines, length = _vote(ends.radius * (1 - top.level / ends.depth))
        most, end = max(((most, end), (n_lines, _End(length, top.level))), key=itemgetter(0))
    all_of_them = len(ends.depth)
    above = (ends.depth < level - NEAR_PX) & (ends.radius > level)  # a display cuts what would reach below
    n_beside, beside = _vote(ends.radius[above]) if above.any() else (0, 0.0)
    if min(n_level, n_beside) >= CUT_SHARE * all_of_them and n_level + n_beside >= most + CUT_GAIN * all_of_them:
        most, end = n_level + n_beside, _End(beside, cut=level)
    return end if most >= all_of_them / 3 and foot - end.foot <= tolerance else _End(level=foot)


def _vote(values: Values) -> tuple[int, float]:
    """How many values are nearly the same, and which."""
    near = np.abs(values[:, None] - values) <= NEAR_PX
    best = int(near.sum(axis=1).argmax())
    return int(near[best].sum()), float(np.median(values[near[best]]))


def _points(apex: tuple[float, float], angles: Values, end: _End) -> list[tuple[float, float]]:
    """Points of an end in the directions `angles` from the apex."""
    lengths = np.minimum(end.arc + end.level / np.cos(angles), end.cut / np.cos(angles))
    return [(apex[0] + r * np.sin(t), apex[1] + r * np.cos(t)) for r, t in zip(lengths, angles, strict=True)]


def _raster(points: list[tuple[float, float]], shape: tuple[int, ...]) -> Mask:
    """A polygon of continuous coordinates as pixels: those whose centre is inside, nearly."""
    canvas = np.zeros(shape[:2], np.uint8)
    fixed = np.round((np.array(points) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 1, shift=4)
    return canvas


def _fits(wedge: Mask, component: Mask) -> bool:
    """Whether the wedge is the component; or holds it, with black parts of its own."""
    both = int((wedge & component).sum(dtype=np.int64))
    either = int((wedge | component).sum(dtype=np.int64))
    size, filled = int(wedge.sum(dtype=np.int64)), int(component.sum(dtype=np.int64))
    if both >= GATE_IOU * either:
        return True
    return filled - both <= BEYOND_SHARE * filled and both >= DARK_FILL * size


def _is_notched(wedge: Mask, component: Mask) -> bool:
    """Whether the component is open at the top, as two wedges are that touch at their feet."""
    middle = wedge[:, round(float(np.nonzero(wedge)[1].mean()))]  # where an upper arc hangs lowest
    rows = np.flatnonzero(middle)
    lit = np.flatnonzero(component[rows[0] + round(NOTCH_AT * len(rows))])
    return len(lit) == 0 or 1 - len(lit) / (lit[-1] - lit[0] + 1) > NOTCH_SHARE


def _simplified(whole: Mask, box: Box) -> Polygon:
    """Vertices of a filled shape after Douglas-Peucker, clockwise on the screen, from the top left one."""
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return ()
    contour = max(contours, key=cv2.contourArea)
    tolerance = SIMPLER_PX
    points = cv2.approxPolyDP(contour, tolerance, True)[:, 0]
    while len(points) > 40:
        tolerance *= 1.5
        points = cv2.approxPolyDP(contour, tolerance, True)[:, 0]
    if cv2.contourArea(points.astype(np.float32), oriented=True) < 0:  # y points down: positive is clockwise
        points = points[::-1]
    start = int(np.lexsort((points[:, 0], points[:, 1]))[0])
    return tuple((int(x) + box.x0, int(y) + box.y0) for x, y in np.roll(points, -start, axis=0))
