"""Cheap guesses at the field of view on one screen; each looks at something else, so each fails elsewhere.

All take a `View` of the screen and give a `Box`, or None where they see nothing. The ideas are from the tools
named in each docstring; thresholds are ours.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box

Gray = NDArray[np.uint8]  # (H, W)
Mask = NDArray[np.uint8]  # 0 or 1

CONTRAST_LEVELS = 8  # gray levels beyond the background's; JPEG ringing stays below
STROKE_SHARE = 1 / 110  # of the screen's longer side: the widest upright stroke of text or line taken away
STROKE_LEVELS = 60  # how much brighter than both its sides a stroke is


@dataclass(frozen=True, eq=False)  # one is another, however alike: what is known of one may be remembered
class View:
    """What the estimators and the evidence look at, each `(H, W)` uint8.

    Attributes:
        gray: The screen without narrow bright upright strokes: text, lines, frames; tissue lies in layers.
        contrast: How far `gray` is from the background, gray levels.
        texture: Range of `gray` over 3 x 3 pixels: 0 in bars, buttons and background.
        mask: 1 off the background, but for areas of constant gray.
    """

    gray: Gray
    contrast: Gray
    texture: Gray
    mask: Mask


def view_of(gray: Gray, row_step: int = 1) -> View:
    """Look at a screen, `(H, W)` uint8; one in `row_step` rows tells its background."""
    gray = without_strokes(gray, stroke_px(gray))
    far = np.asarray(cv2.absdiff(gray, np.full_like(gray, background_level(gray[::row_step]))), np.uint8)
    small, wide = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
    texture = np.asarray(cv2.subtract(cv2.dilate(gray, small), cv2.erode(gray, small)), np.uint8)
    rough = cv2.threshold(texture, 1, 1, cv2.THRESH_BINARY)[1]
    # The edge between two constant areas is rough too, but only as wide as the 3 x 3 pixels.
    alive = cv2.morphologyEx(cv2.morphologyEx(rough, cv2.MORPH_CLOSE, small), cv2.MORPH_OPEN, wide)
    mask = cv2.threshold(far, CONTRAST_LEVELS, 1, cv2.THRESH_BINARY)[1] & alive
    return View(gray, far, np.asarray(texture * alive, np.uint8), np.asarray(mask, np.uint8))


def within(view: View, bound: Box) -> View:
    """The view with nothing outside of `bound`."""
    planes = []
    for plane in (view.contrast, view.texture, view.mask):
        inner = np.zeros_like(plane)
        inner[bound.slices] = plane[bound.slices]
        planes.append(inner)
    return View(view.gray, *planes)


def stroke_px(gray: Gray) -> int:
    """The widest stroke of text or line on a screen, pixels."""
    return max(5, _odd(max(gray.shape) * STROKE_SHARE))


def without_strokes(gray: Gray, width_px: int) -> Gray:
    """`(H, W)` with bright structures that are at most `width_px` wide replaced by what is beside them."""
    opened = cv2.morphologyEx(gray, cv2.MORPH_OPEN, np.ones((1, width_px), np.uint8))
    strokes = cv2.threshold(cv2.subtract(gray, opened), STROKE_LEVELS, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.copyTo(opened, strokes, gray.copy()), np.uint8)


def background_level(image: Gray) -> int:
    """The gray level of the user interface: the peak of the histogram if it is a peak, else black.

    Tissue has a broad histogram: its fullest five levels hold a few percent of the pixels. Images without a
    user interface have no peak, and their margins are black.
    """
    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).ravel() / image.size
    peak = int(counts.argmax())
    return peak if counts[max(peak - 2, 0) : peak + 3].sum() > 0.2 else 0


def dense(view: View) -> Mask:
    """1 where rough pixels off the background are dense over a wide area, at half the screen's resolution.

    Constant bars, buttons and banners are not; nor are lines of text, and what is not wider than two of them.
    """
    rough = cv2.bitwise_and(view.mask, cv2.threshold(view.texture, 2, 1, cv2.THRESH_BINARY)[1])
    half = _half(rough * np.uint8(255))
    window = _odd(max(half.shape) / 42)
    density = cv2.blur(half, (window, window), borderType=cv2.BORDER_REPLICATE)
    # A line of text, blurred, is about a window high; opening by two windows takes it away.
    wide = np.ones((2 * window + 1, 2 * window + 1), np.uint8)
    return np.asarray(cv2.morphologyEx((density > 127).astype(np.uint8), cv2.MORPH_OPEN, wide), np.uint8)


def texture_core(view: View) -> Box | None:
    """The largest area of dense texture.

    Fails on black depths and smooth tissue: too small.
    """
    return _doubled(_solid_box(_largest(dense(view))), view.mask)


def largest_component(view: View) -> Box | None:
    """Largest connected area off the background (as BUSClean, doi:10.1371/journal.pone.0315434).

    Fails on rulers and bars that touch the field: the box is too large.
    """
    half = (_half(view.mask * np.uint8(255)) > 127).astype(np.uint8)
    closed = cv2.morphologyEx(half, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return _doubled(_solid_box(_largest(np.asarray(closed, np.uint8)), share=0.25), view.mask)


def inward_out(view: View) -> Box | None:
    """Walk out from the middle of the brightest region until rows and columns are background.

    The idea of ITK-POCUS (`inward_out_crop`). Fails on a dark centre and on text close by.
    """
    mask = view.mask
    height, width = mask.shape
    coarse = cv2.resize(mask * np.float32(1), (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    spread = cv2.blur(coarse, (_odd(width / 24), _odd(height / 24)), borderType=cv2.BORDER_CONSTANT)
    row, column = np.unravel_index(int(spread.argmax()), spread.shape)
    if spread[row, column] < 0.1:
        return None
    x, y = 8 * int(column) + 4, 8 * int(row) + 4
    x0, x1 = max(x - width // 10, 0), min(x + width // 10, width)
    y0, y1 = max(y - height // 10, 0), min(y + height // 10, height)
    gap = max(3, max(height, width) // 200)
    for _ in range(3):
        x0, x1 = _walk(_share(mask[y0:y1], 0), x0, x1, gap)
        y0, y1 = _walk(_share(mask[:, x0:x1], 1), y0, y1, gap)
    return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _share(mask: Mask, axis: int) -> NDArray[np.float32]:
    return np.asarray(cv2.reduce(mask, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32).ravel()


def _half(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = values.shape
    return np.asarray(cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def _doubled(box: Box | None, mask: Mask) -> Box | None:
    """A box on half the screen; where it ends with the half screen, on the whole one too."""
    height, width = mask.shape
    if box is None:
        return None
    x1 = width if box.x1 >= width // 2 else 2 * box.x1
    y1 = height if box.y1 >= height // 2 else 2 * box.y1
    return Box(2 * box.x0, 2 * box.y0, x1, y1)


def _walk(profile: NDArray[np.float32], start: int, stop: int, gap: int) -> tuple[int, int]:
    """Grow `[start, stop)` until `gap` entries in a row are below 10 %."""
    empty = profile < 0.1
    run = np.convolve(empty, np.ones(gap), mode="valid") == gap  # run[i]: i .. i + gap - 1 are empty
    before = np.flatnonzero(run[: max(start - gap + 1, 0)])
    after = np.flatnonzero(run[stop:])
    return (int(before[-1]) + gap if len(before) else 0), (stop + int(after[0]) if len(after) else len(profile))


def _largest(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), np.uint8)


def _solid_box(mask: Mask, share: float = 0.5) -> Box | None:
    """Rows and columns that are filled to at least `share` of the fullest; drops tails such as a glued ruler."""
    columns, rows = mask.sum(axis=0, dtype=np.int64), mask.sum(axis=1, dtype=np.int64)
    if not columns.any():
        return None
    x, y = np.flatnonzero(columns >= share * columns.max()), np.flatnonzero(rows >= share * rows.max())
    return Box(int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1)


def _odd(size: float) -> int:
    return 2 * int(size / 2) + 1
