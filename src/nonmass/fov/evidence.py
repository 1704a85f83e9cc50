"""What speaks against a box on a screen: what is outside, what is inside, and what a layout knows."""

from dataclasses import astuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.estimators import Gray, Mask, View
from nonmass.fov.sides import BLOCK, CLEAR_LEVELS, SEEN_SHARE, SIDES, medians, side_of, snap
from nonmass.geometry import Box

EMPTY_SHARE = 0.1  # less foreground is a gap between things
LIT_PX, REACH_SHARE = 3, 0.015  # so many pixels light a column; of the width: so close to the box it is lit
WIDE_SHARE, NOTHING_SHARE = 0.03, 0.01  # of the field's width: so wide, with so little in it, a gap parts two things
EVEN_LEVELS = 2.0  # rows that vary less are a gap, or black
GAP_SHARE = 0.008  # of the height of the screen: narrower gaps may be noise
BRIGHT_LEVEL, BRIGHT_SHARE, BRIGHT_PX = 100, 0.15, 16  # in so many rows, along so much of them
EVEN_SHARE = 0.4  # of what is usual in the field, likewise, if that is less
LINE_SHARE = 0.7  # more foreground across is a line of the field
FEW_LINES = 3  # so many, and they are no accident
FACE_SHARE, FACE_LINES = 0.03, 2  # of the field's height: there is the face of the probe, at least so many lines
RUN_SHARE, RUN_ON = 0.04, 0.95  # of the field's width: so far and so densely it goes on, and it is no ruler
LOW_SHARE = 0.25  # of the field: higher is a second field or a trace
FLAT_SHARE = 0.5  # more constant pixels are a bar, not tissue
CHROME_SHARE = 0.0005  # less foreground outside the box is no user interface


def last_row(mask: Mask, box: Box) -> int:
    """Below the last row at which the box's columns hold texture, followed down from the middle of the box."""
    start = (box.y0 + box.y1) // 2
    filled = mask[start:, box.x0 : box.x1].mean(axis=1) >= EMPTY_SHARE
    return start + (len(filled) if filled.all() else int(filled.argmin()))


def at_border(mask: Mask, box: Box) -> set[str]:
    """The sides at which the box ends with the screen."""
    height, width = mask.shape
    ends = (box.x0 == 0, box.y0 == 0, box.x1 == width, box.y1 == height)
    return {side for side, end in zip(SIDES, ends, strict=True) if end}


def alone(mask: Mask, box: Box) -> bool:
    """Whether next to nothing is outside the box."""
    outside = int(cv2.countNonZero(mask)) - int(cv2.countNonZero(mask[box.slices]))
    return outside < CHROME_SHARE * mask.size


def beside(dense: Mask, box: Box) -> float:
    """How much wide texture is outside the box, as a share of that inside; `dense` is `estimators.dense`."""
    inside = int(cv2.countNonZero(np.ascontiguousarray(dense[box.slices])))
    return (int(cv2.countNonZero(dense)) - inside) / max(inside, 1)


def flat_sides(view: View, box: Box) -> set[str]:
    """Sides with a constant strip inside: a bar is glued on. Not the top, where gel and skin saturate."""
    rows, columns = box.slices
    gray = view.gray[rows, columns]
    flat = (view.texture[rows, columns] <= 2) & (gray > CLEAR_LEVELS)
    strips = {"left": flat[:, 1:7], "right": flat[:, -7:-1], "bottom": flat[-7:-1]}
    return {side for side, strip in strips.items() if strip.size and strip.mean() > FLAT_SHARE}


def is_split(view: View, box: Box) -> bool:
    """Whether a gap divides the box: two panels, a trace, thumbnails or text beside the field.

    A field ends at such a gap with a straight edge. A gap at which the larger part fades, or begins gradually, is
    a black part of the field: an empty probe shows lines at the top, and noise in depth. But beyond a depth that is
    black across, nothing belongs to the field.
    """
    inside = view.mask[box.slices]
    columns, rows = (np.asarray(cv2.reduce(inside, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F)).ravel() for axis in (0, 1))
    filled = rows >= EMPTY_SHARE
    spread = _spread(view.gray[box.slices])
    usual = float(medians(spread[filled].astype(np.float32))) if filled.any() else 0.0
    even = min(EVEN_LEVELS, EVEN_SHARE * usual)
    lively = filled & (spread > even)
    for start, stop in _gaps_in(lively):
        if 2 * start < len(rows) - (stop - start):
            continue
        above, below = _parts(box, 1, start, stop)
        edges = (side_of(view.gray, above, "bottom", stop - start), side_of(view.gray, below, "top", stop - start))
        if any(edge.step >= SEEN_SHARE for edge in edges):  # rows of faint noise are even by chance
            return True
    if any(stop - start >= WIDE_SHARE * box.width for start, stop in _gaps_in(columns >= NOTHING_SHARE)):
        return True  # a shadow begins under the skin, and even that is not here
    for axis, lines, names in ((0, columns >= EMPTY_SHARE, ("right", "left")), (1, filled, ("bottom", "top"))):
        for start, stop in _gaps_in(lines):
            parts = _parts(box, axis, start, stop)
            larger = 0 if start >= len(lines) - stop else 1
            wide = stop - start >= max(5, GAP_SHARE * len(view.mask))
            if axis == 1 and larger == 0 and wide and _is_bright(view.gray, parts[1]):
                return True
            ends = side_of(view.gray, parts[larger], names[larger], stop - start).seen
            if ends and (axis == 0 or not _are_lines(view.mask, parts[0], box)):
                return True
    return False


def _gaps_in(lively: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where two or more entries in a row are False, between others that are True."""
    lines = np.flatnonzero(lively)
    return [(int(lines[gap]) + 1, int(lines[gap + 1])) for gap in np.flatnonzero(np.diff(lines) > 2)]


def _is_bright(gray: Gray, part: Box) -> bool:
    """Whether there is something bright along much of a part's upper rows, as text; what is left of a depth is dim."""
    rows = gray[part.y0 : min(part.y0 + BRIGHT_PX, part.y1), part.x0 : part.x1]
    return bool((rows.max(axis=0) > BRIGHT_LEVEL).mean() >= BRIGHT_SHARE)


def _spread(gray: Gray) -> NDArray[np.int16]:
    """Median deviation from the median along each row: small in a gap, however JPEG has frayed it."""
    some = gray[:, :: max(1, gray.shape[1] // 128)].astype(np.int16)  # numpy orders bytes far slower
    half = some.shape[1] // 2
    middle = np.partition(some, half, axis=1)[:, half : half + 1]
    return np.partition(np.abs(some - middle), half, axis=1)[:, half]


def ends_within(view: View, box: Box, inner: Box, name: str) -> bool:
    """Whether the field may end with `inner`, whose side `name` lies within the box, straight and clear."""
    rest = {
        "left": Box(box.x0, box.y0, max(inner.x0, box.x0 + 1), box.y1),
        "top": Box(box.x0, box.y0, box.x1, max(inner.y0, box.y0 + 1)),
        "right": Box(min(inner.x1, box.x1 - 1), box.y0, box.x1, box.y1),
        "bottom": Box(box.x0, min(inner.y1, box.y1 - 1), box.x1, box.y1),
    }[name]
    if inner.area < box.area / 2 or (name == "top" and _are_lines(view.mask, rest, box)):
        return False
    inner = snap(view.gray, inner, 3)
    return any(side_of(view.gray, inner, name, outer).seen for outer in (4, BLOCK))


def _are_lines(mask: Mask, part: Box, box: Box) -> bool:
    """Whether a low part of the box holds nothing but lines as wide as the box."""
    drawn = int((mask[part.slices].mean(axis=1) >= EMPTY_SHARE).sum())
    return part.height < LOW_SHARE * box.height and int(_full_lines(mask, part).sum()) >= LINE_SHARE * drawn


def _parts(box: Box, axis: int, start: int, stop: int) -> tuple[Box, Box]:
    """What is before and after the columns (axis 0) or rows (axis 1) from `start` to `stop` of a box."""
    if axis == 0:
        return Box(box.x0, box.y0, box.x0 + start, box.y1), Box(box.x0 + stop, box.y0, box.x1, box.y1)
    return Box(box.x0, box.y0, box.x1, box.y0 + start), Box(box.x0, box.y0 + stop, box.x1, box.y1)


def goes_on(mask: Mask, box: Box) -> bool:
    """Whether lines go on above the box that are as wide as it is, and no wider.

    Then it is a part of the field: the depth of one whose probe has no contact, with lines at the top.
    """
    return box.y0 > 3 and int(_full_lines(mask, Box(box.x0, 0, box.x1, box.y0 - 2)).sum()) >= FEW_LINES


def unreached(mask: Mask, box: Box) -> set[str]:
    """Left or right, if what is lit in the box ends well before it.

    A sector whose arc the display cuts off flat ends where side and arc meet, not where the side would meet the cut.
    """
    lit = np.flatnonzero(mask[box.slices].sum(axis=0, dtype=np.int64) >= LIT_PX)
    if not len(lit):
        return {"left", "right"}
    gaps = {"left": int(lit[0]), "right": box.width - 1 - int(lit[-1])}
    return {side for side, gap in gaps.items() if gap > REACH_SHARE * box.width}


def runs_on(mask: Mask, box: Box) -> set[str]:
    """The sides beyond which the lines at the top of the box go on.

    They are the face of the probe; where it has no contact, the field under it is black, and ends no sooner than it.
    """
    reach = max(12, round(RUN_SHARE * box.width))
    top = mask[max(box.y0 - 2, 0) : box.y0 + max(4, round(FACE_SHARE * box.height))]
    strips = {"left": top[:, max(box.x0 - reach, 0) : box.x0 + 6], "right": top[:, box.x1 - 6 : box.x1 + reach]}
    return {
        side
        for side, strip in strips.items()
        if strip.shape[1] >= reach and int((strip.mean(axis=1) >= RUN_ON).sum()) >= FACE_LINES
    }


def _full_lines(mask: Mask, part: Box) -> NDArray[np.bool_]:
    """Which rows of a part are foreground all along, and background to the left or right of it."""
    rows, columns = part.slices
    line = mask[rows, columns]
    inside = (line.mean(axis=1) >= LINE_SHARE) & (line[:, :8].mean(axis=1) > 0.5) & (line[:, -8:].mean(axis=1) > 0.5)
    flanks = [mask[rows, max(part.x0 - 20, 0) : max(part.x0 - 4, 0)], mask[rows, part.x1 + 4 : part.x1 + 20]]
    shares = [flank.mean(axis=1) for flank in flanks if flank.shape[1]]
    # One is enough: a logo or a ruler may be at the other.
    return np.asarray(inside & (np.min(shares, axis=0) < EMPTY_SHARE)) if shares else inside


def tolerance(mask: Mask) -> int:
    """How far a side may be off the layout's and still be it, pixels."""
    return max(8, *(int(size) // 100 for size in mask.shape))


def sides_match(mask: Mask, box: Box, layout_box: Box, open_sides: set[str]) -> bool:
    """Whether two sides or more, those in doubt aside, are where the layout has them, and none is elsewhere."""
    gaps = [gap for side, gap in _gaps(box, layout_box).items() if side not in open_sides]
    return len(gaps) >= 2 and max(gaps) <= tolerance(mask)


def _gaps(box: Box, other: Box) -> dict[str, int]:
    return {side: abs(a - b) for side, a, b in zip(SIDES, astuple(box), astuple(other), strict=True)}


def merge(box: Box, layout_box: Box, open_sides: set[str]) -> Box:
    """The box, with the layout's sides where it is in doubt."""
    pairs = zip(SIDES, astuple(box), astuple(layout_box), strict=True)
    return Box(*(known if side in open_sides else own for side, own, known in pairs))
