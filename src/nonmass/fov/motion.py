"""M-mode by its motion: each column is one instant, so that all depths of it rise and fall together.

In tissue each layer has a course of its own, and speckle has none. The slopes of what is lit are compared between
rows of blocks that do not touch; in M-mode they are alike over a wide band, whether they repeat or not.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Gradients = tuple[Values, Values]
Lit = NDArray[np.uint8]

BLOCK_PX = 8  # rows of a plane that share one slope at each time
# Brighter is lit; thinner is text or a ruler; rims of areas have slopes of their own.
LIT_LEVELS, LIT_PX, RIM_PX = 8, 9, 5
LIT_SHARE = 0.9  # of a block
EVEN_ENERGY = 100  # of gradients, below which a slope is that of noise
SLOPE_FLOOR = 0.004  # least variance of slopes along a row that counts, pixels per pixel squared
DRIFT_PX = 41  # slower changes are the lie of layers
APART = 2  # rows of blocks so near to each other share what they show
SEEN_SHARE = 0.2  # of the width: so wide is a trace at least
HEIGHTS = (19, 14, 10, 7, 5)  # of bands, in blocks


@dataclass(frozen=True)
class Motion:
    """The band of rows that moves most in step.

    Attributes:
        in_step: Mean correlation of the slopes of its rows of blocks, those near each other aside.
        streaks: Mean coherence of its gradients where they point up or down: 1 where it consists of level lines.
    """

    in_step: float = 0.0
    streaks: float = 0.0


def gradients_of(plane: Values) -> Gradients:
    """Along the rows and down the columns of a plane `(H, W)` of gray levels, a little smoothed."""
    smooth = cv2.GaussianBlur(plane, (0, 0), 0.8)
    along, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(along, np.float32), np.asarray(down, np.float32)


def slopes(gradients: Gradients, smooth_px: float = 1.2, lit: Values | None = None) -> tuple[Values, Values]:
    """Slope of the structures in each block of rows at each column, and how far these structures are lines.

    Args:
        gradients: `gradients_of` a plane `(H, W)`.
        smooth_px: Along each row of blocks.
        lit: `(H, W)`, 0 or 1: what else counts for nothing.

    Returns:
        Both `(H // BLOCK_PX, W)`: by how many pixels they move in a column, -1.5 to 1.5; coherence of the structure
        tensor (Bigun and Granlund 1987), 0 where gradients point along the row.
    """
    along, down = gradients
    width = 2 * round(2 * smooth_px) + 1

    def mean(values: Values, others: Values) -> Values:
        blocks = (_blocks(plane, BLOCK_PX) for plane in (values, others))
        product = np.einsum("brw,brw->bw", *blocks) / np.float32(BLOCK_PX)
        return np.asarray(cv2.GaussianBlur(product, (width, 1), smooth_px))

    if lit is not None:
        along, down = along * lit, down * lit
    both, upright = mean(along, down), mean(down, down)
    slope = np.asarray(np.clip(-both / (upright + EVEN_ENERGY), -1.5, 1.5), np.float32)
    if lit is None:
        return slope, np.zeros_like(slope)
    level = mean(along, along)
    coherence = np.sqrt((level - upright) ** 2 + 4 * both * both) / (level + upright + EVEN_ENERGY)
    return slope, np.asarray(coherence * (upright > level), np.float32)


def mean_rows(values: Values, rows: int = BLOCK_PX) -> Values:
    """Mean of each block of rows at each column."""
    return np.asarray(_blocks(values, rows).sum(axis=1) / np.float32(rows), np.float32)


def _blocks(values: Values, rows: int) -> Values:
    """`(H, W)` as `(H // rows, rows, W)`."""
    blocks = len(values) // rows
    return values[: blocks * rows].reshape(blocks, rows, -1)


def motion_of(plane: Values, gradients: Gradients | None = None) -> dict[int, Motion]:
    """What moves in step on a screen: least height of a band, in blocks -> the best such band.

    Args:
        plane: `(H, W)` gray levels.
        gradients: `gradients_of` it, where they are known.
    """
    lit = lit_areas(plane).astype(np.float32)
    seen = (mean_rows(lit) > LIT_SHARE).astype(np.float32)
    slope, coherence = slopes(gradients or gradients_of(plane), 2.0, lit)
    alike, valid = _alike(slope * seen, seen)
    sums, known = _summed(alike), _summed(valid)
    coherent, count = (np.concatenate([[0.0], np.cumsum((v * seen).sum(axis=1))]) for v in (coherence, seen))
    first, last, stops, pairs = _bands(len(seen))
    mean = np.where(_within(known, first, last) == pairs, _within(sums, first, last) / pairs, 0.0)
    best: dict[int, Motion] = {}
    for rows, stop in zip(HEIGHTS, stops, strict=True):
        at = int(mean[:stop].argmax()) if stop else 0
        if stop and mean[at] > 0:
            a, b = int(first[at]), int(last[at])
            best[rows] = Motion(float(mean[at]), float((coherent[b] - coherent[a]) / (count[b] - count[a])))
        else:
            best[rows] = Motion()
    return best


@cache
def _bands(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int], NDArray[np.float64]]:
    """Of `count` rows of blocks: first and last of each band, the highest bands first; how many are at least as high
    as each of `HEIGHTS`; the number of pairs of rows in each band that are apart.
    """
    numbers = [max(count - rows + 1, 0) for rows in HEIGHTS]
    first = np.concatenate([np.arange(number) for number in numbers])
    last = first + np.repeat(HEIGHTS, numbers)
    return first, last, np.cumsum(numbers).tolist(), _within(_summed(_are_apart(count)), first, last)


def lit_areas(plane: Values) -> Lit:
    """1 in wide areas that are not black, but for their rims; text and rulers are too thin."""
    lit = cv2.morphologyEx((plane > LIT_LEVELS).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    lit = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((LIT_PX, LIT_PX), np.uint8))
    return np.asarray(cv2.erode(lit, np.ones((RIM_PX, RIM_PX), np.uint8)), np.uint8)


def _alike(slope: Values, seen: Values) -> tuple[Values, NDArray[np.bool_]]:
    """Correlation of the fast part of the slopes of each two rows that are apart, and of which it is known."""
    window = (DRIFT_PX, 1)
    drift = cv2.blur(slope, window, borderType=cv2.BORDER_CONSTANT)
    drift /= np.maximum(cv2.blur(seen, window, borderType=cv2.BORDER_CONSTANT), 1e-3)
    fast = (slope - drift) * seen
    both = np.maximum(seen @ seen.T, 1)  # columns in which two rows are seen
    variance = np.maximum((fast * fast) @ seen.T / both, SLOPE_FLOOR)
    valid = _are_apart(len(seen)) & (both >= SEEN_SHARE * seen.shape[1])
    return np.where(valid, fast @ fast.T / both / np.sqrt(variance * variance.T), np.float32(0)), valid


def _are_apart(count: int) -> NDArray[np.bool_]:
    rows = np.arange(count)
    return np.asarray(np.abs(rows[:, None] - rows) > APART)


def _summed(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sums from the first row and column on."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(np.cumsum(values, axis=0, dtype=np.float64), axis=1, out=sums[1:, 1:])
    return sums


def _within(sums: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over rows and columns from each of `first` to `last`."""
    return np.asarray(sums[last, last] - sums[first, last] - sums[last, first] + sums[first, first])
