"""The quick way: a screen whose field fills the box of its layout, and that shows nothing else worth a look.

All is looked at on a small scale, and by the strictest of the limits that the slow way has. Whoever sees more than a
plain field here says no, and the slow way decides.
"""

import cv2
import numpy as np

from nonmass.fov import evidence
from nonmass.fov.estimators import Gray, View, view_of
from nonmass.fov.scale import scaled, thinned
from nonmass.fov.traces import may_be_trace
from nonmass.geometry import Box
from nonmass.images import Picture

WORK_PX = 512  # longer side, about, of the screen at which it is looked at
ROW_STEP = 4  # one row in so many tells the background
BESIDE_SHARE = 0.1  # of the box: half of the least second field or trace; a menu or a legend is smaller
SPARSE_LEVELS = 76  # of 255: three tenths of the pixels around are off the background
CORNER_SHARE, CORNER_FILL = 0.03, 0.5  # of the box's sides; a wedge leaves its upper corners empty


def is_plain(picture: Picture, box: Box) -> bool:
    """Whether nothing but tissue fills a box whose four sides are clear, and nothing wide is outside of it.

    Args:
        picture: The screen.
        box: Its field of view, by what is known of the layout.
    """
    step = max(1, max(picture.gray.shape) // WORK_PX)
    small = Picture(thinned(picture.gray, step), thinned(picture.chroma, step))
    view, seen = view_of(small.gray, ROW_STEP), scaled(box, 1 / step)
    return (
        _has_upper_corners(view, seen)
        and not evidence.runs_on(view.mask, seen)
        and not _something_beside(view, seen)
        and not evidence.is_split(view, seen)
        and not may_be_trace(small, seen)
    )


def _something_beside(view: View, box: Box) -> bool:
    """Whether something wider than lines of text is outside the box, be it as sparse as a spectrum of flow."""
    coarse = cv2.resize(view.mask * np.uint8(255), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    window = 2 * (max(coarse.shape) // 84) + 1
    spread = cv2.threshold(cv2.blur(coarse, (window, window)), SPARSE_LEVELS, 1, cv2.THRESH_BINARY)[1]
    inner = scaled(box, 0.5)
    # The mean reaches half a window beyond the box.
    reach = slice(max(inner.y0 - window, 0), inner.y1 + window), slice(max(inner.x0 - window, 0), inner.x1 + window)
    most = BESIDE_SHARE * inner.area
    if cv2.countNonZero(spread) - cv2.countNonZero(spread[reach]) <= most:
        return False  # however wide it is
    wide = cv2.morphologyEx(spread, cv2.MORPH_OPEN, np.ones((2 * window + 1, 2 * window + 1), np.uint8))
    return cv2.countNonZero(wide) - cv2.countNonZero(wide[reach]) > most


def _has_upper_corners(view: View, box: Box) -> bool:
    """Whether the field reaches into both upper corners of the box, as a rectangle does and no wedge."""
    mask: Gray = view.mask[box.slices]
    high, wide = (max(3, round(CORNER_SHARE * size)) for size in mask.shape)
    return all(
        cv2.mean(np.ascontiguousarray(corner))[0] >= CORNER_FILL for corner in (mask[:high, :wide], mask[:high, -wide:])
    )
