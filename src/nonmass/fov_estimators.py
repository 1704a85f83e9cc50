"""Four cheap guesses at the field of view on one screen; each looks at something else, so each fails elsewhere.

All take an `(H, W)` uint8 gray screen and its foreground (1 off the background, else 0), and give a `Box`, or
None where they see nothing. The ideas are from the tools named in each docstring; thresholds are ours.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box

Gray = NDArray[np.uint8]  # (H, W)
Mask = NDArray[np.uint8]  # 0 or 1

CONTRAST_LEVELS = 8  # gray levels beyond the background's; JPEG ringing stays below


def background_level(image: Gray) -> int:
    """The gray level of the user interface: the peak of the histogram if it is a peak, else black.

    Tissue has a broad histogram: its fullest five levels hold a few percent of the pixels. Images without a
    user interface have no peak, and their margins are black.
    """
    counts = np.bincount(image.ravel(), minlength=256).astype(float) / image.size
    peak = int(counts.argmax())
    return peak if counts[max(peak - 2, 0) : peak + 3].sum() > 0.2 else 0


def contrast(image: Gray) -> Gray:
    """How far each pixel is from the background, gray levels."""
    return np.asarray(cv2.absdiff(image, np.full_like(image, background_level(image))), np.uint8)


def foreground(contrast: Gray) -> Mask:
    """1 where a pixel differs from the background by more than `CONTRAST_LEVELS`."""
    return np.asarray(contrast > CONTRAST_LEVELS, np.uint8)


def rough(image: Gray) -> Mask:
    """1 where a pixel differs from a neighbour by more than 2 levels: speckle and text, but no bar or button."""
    small = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.subtract(cv2.dilate(image, small), cv2.erode(image, small)) > 2, np.uint8)


def texture_core(image: Gray, mask: Mask) -> Box | None:
    """Where rough pixels off the background are dense over a wide area.

    Constant bars, buttons and banners are not seen. Fails on black depths and smooth tissue: too small.
    """
    window = _odd(max(image.shape) / 42)
    density = cv2.blur((rough(image) & mask) * np.uint8(255), (window, window), borderType=cv2.BORDER_REPLICATE)
    dense = (density > 127).astype(np.uint8)
    # A line of text, blurred, is about a window high; opening by two windows takes it away.
    wide = np.ones((2 * window + 1, 2 * window + 1), np.uint8)
    return _solid_box(_largest(cv2.morphologyEx(dense, cv2.MORPH_OPEN, wide)))


def largest_component(image: Gray, mask: Mask) -> Box | None:
    """Largest connected area off the background (as BUSClean, doi:10.1371/journal.pone.0315434).

    Fails on rulers and bars that touch the field: the box is too large.
    """
    small = np.ones((3, 3), np.uint8)
    wide = np.ones((7, 7), np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, small)
    return _solid_box(_largest(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, wide)), share=0.25)


def inward_out(image: Gray, mask: Mask) -> Box | None:
    """Walk out from the middle of the brightest region until rows and columns are background.

    The idea of ITK-POCUS (`inward_out_crop`). Fails on a dark centre and on text close by.
    """
    height, width = image.shape
    spread = cv2.blur(mask.astype(np.float32), (_odd(width / 3), _odd(height / 3)), borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(int(spread.argmax()), spread.shape)
    if spread[y, x] < 0.1:
        return None
    x0, x1 = max(int(x) - width // 10, 0), min(int(x) + width // 10, width)
    y0, y1 = max(int(y) - height // 10, 0), min(int(y) + height // 10, height)
    gap = max(3, max(height, width) // 200)
    for _ in range(3):
        x0, x1 = _walk(mask[y0:y1].mean(axis=0), x0, x1, gap)
        y0, y1 = _walk(mask[:, x0:x1].mean(axis=1), y0, y1, gap)
    return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _walk(profile: NDArray[np.float64], start: int, stop: int, gap: int) -> tuple[int, int]:
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
