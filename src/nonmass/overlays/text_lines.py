"""Lines of text: sharp pieces as high as letters, side by side."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nonmass.overlays.ink import Ink, Pieces

LETTER_PX = (6, 46)  # height of a letter
LONGEST = 14.0  # width of letters that touch, in their heights
LEAST_UPRIGHT, LEAST_MEAN_UPRIGHT = 0.22, 0.36  # of a letter (Z has little), of a line
WORD_GAP = 1.0  # between parts of a line, in heights of the higher one
GAP = 1.3  # between letters of a line, in heights of the higher one
LEAST_HEIGHT_RATIO = 0.42  # of the lower to the higher of two neighbours: "a" beside "l"
LEAST_OVERLAP = 0.5  # of two neighbours' heights, as a share of the lower one
LEAST_RELIEF_RATIO = 0.55
LEAST_WIDTH = 1.2  # of a line, in heights of its letters
WIDE_UPRIGHT = 0.4  # of a piece as wide as several letters, lest it be a layer of tissue
CLEAR_EDGE, CLEAR_UPRIGHT = 50.0, 0.45


def text_lines(ink: Ink, free: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """The pieces of each line of text.

    Letters of one line stand at one height, are close to each other, and have one ink (after Epshtein, Ofek &
    Wexler 2010, doi:10.1109/CVPR.2010.5540041, who link letter-like pieces of constant stroke width likewise).

    Args:
        ink: See `find_ink`.
        free: `(n,)` pieces that belong to no other mark.
    """
    letters = np.flatnonzero(letter_like(ink.pieces) & free)
    lines = [letters[group] for group in _linked(ink.pieces, letters)]
    return _joined(ink.pieces, [line for line in lines if _is_text(ink.pieces, line)])


def _joined(pieces: Pieces, lines: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Lines with what a wide gap, or a letter that is missing, has cut off."""
    if len(lines) < 2:
        return lines
    x0, y0, x1, y1 = np.array([hull(pieces, line) for line in lines]).T
    height = y1 - y0
    gap = np.maximum.outer(x0, x0) - np.minimum.outer(x1, x1)
    overlap = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    higher, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    meet = (gap <= WORD_GAP * higher) & (overlap > 0.6 * lower) & ((2 * lower >= higher) | (gap < 0))
    _, group = connected_components(coo_array(meet), directed=False)
    return [np.concatenate([lines[i] for i in np.flatnonzero(group == n)]) for n in np.unique(group)]


def hull(pieces: Pieces, line: NDArray[np.intp]) -> NDArray[np.int32]:
    """The box around some pieces: x0, y0, x1, y1."""
    return np.concatenate([pieces.boxes[line, :2].min(axis=0), pieces.boxes[line, 2:].max(axis=0)])


def letter_like(pieces: Pieces) -> NDArray[np.bool_]:
    """`(n,)` whether a piece may be a letter, or several that touch."""
    width, height = (pieces.boxes[:, 2:] - pieces.boxes[:, :2]).T
    high = (height >= LETTER_PX[0]) & (height <= LETTER_PX[1])
    wide = (width <= LONGEST * height) & (pieces.areas >= 0.12 * width * height)
    upright = pieces.upright >= np.where(width <= 3 * height, LEAST_UPRIGHT, WIDE_UPRIGHT)
    return np.asarray(pieces.sharp & high & wide & upright)


def _linked(pieces: Pieces, letters: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Groups of letters, as positions in `letters`."""
    x0, y0, x1, y1 = pieces.boxes[letters].T
    height, relief = (y1 - y0).astype(float), pieces.relief[letters]
    higher, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    gap = np.maximum.outer(x0, x0) - np.minimum.outer(x1, x1)
    overlap = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    near = (gap <= GAP * higher) & (overlap >= LEAST_OVERLAP * lower) & (lower >= LEAST_HEIGHT_RATIO * higher)
    near &= np.minimum.outer(relief, relief) >= LEAST_RELIEF_RATIO * np.maximum.outer(relief, relief)
    _, group = connected_components(coo_array(near), directed=False)
    return [np.flatnonzero(group == number) for number in np.unique(group)]


def _is_text(pieces: Pieces, line: NDArray[np.intp]) -> bool:
    """Three letters in a row are no chance; fewer, or letters that touch, must be clearer."""
    width = np.ptp(hull(pieces, line)[::2])
    height = np.median(pieces.boxes[line, 3] - pieces.boxes[line, 1])
    clear = pieces.edge[line].mean() >= CLEAR_EDGE and pieces.upright[line].mean() >= CLEAR_UPRIGHT
    wide = width >= LEAST_WIDTH * height
    return bool(
        wide
        and (
            (len(line) >= 3 and pieces.upright[line].mean() >= LEAST_MEAN_UPRIGHT)
            or (clear and (len(line) == 2 or width >= 2 * height))
        )
    )
