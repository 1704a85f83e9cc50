"""Places taken out of a picture, and places as large elsewhere."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.saliency import Mask

Gray = NDArray[np.uint8]

RADIUS_PX = 3  # neighbourhood that an inpainted pixel is made of
APART_PX = 2  # what has so much between it does not touch, not even at a corner
MARGIN = 0.03  # of the side: a lesion's rim, which tells as much as its inside


def grown(mask: Mask, margin_px: int) -> Mask:
    """A mask with all pixels within so many pixels of it, `(side, side)` bool."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1, 2 * margin_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def taken_out(image: Gray, mask: Mask) -> Gray:
    """The image with its surroundings continued into a mask; all other pixels stay as they are.

    Fast marching (Telea 2004, doi:10.1080/10867651.2004.10487596), as for marks when images are cropped.
    """
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS_PX, cv2.INPAINT_TELEA), np.uint8)


def elsewhere(mask: Mask, allowed: Mask, rng: np.random.Generator) -> Mask | None:
    """The pieces of a mask, each moved to a place of its own.

    A piece is what hangs together, be it by a corner. Each keeps its shape, touches no other, and goes to any of the
    places with room for it, all alike likely.

    Args:
        mask: (side, side), not empty.
        allowed: (side, side) where the pieces may lie.
        rng: Draws the places.

    Returns:
        (side, side) with as many pixels, or None where there is no room.
    """
    moved, free = np.zeros_like(mask), allowed.copy()
    number, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    largest_first = sorted(range(1, number), key=lambda piece: (-boxes[piece, cv2.CC_STAT_AREA], piece))
    for piece in largest_first:
        x, y, width, height = boxes[piece, :4].tolist()
        shape = labels[y : y + height, x : x + width] == piece
        places = _room(free, shape)
        if not len(places):
            return None
        row, column = places[rng.integers(len(places))]
        at = np.s_[row : row + height, column : column + width]
        moved[at] |= shape
        free &= ~grown(moved, APART_PX)
    return moved


def _room(free: Mask, shape: Mask) -> NDArray[np.int64]:
    """(n, 2) rows and columns at which a shape covers free pixels alone."""
    taken = cv2.matchTemplate((~free).astype(np.float32), shape.astype(np.float32), cv2.TM_CCORR)
    return np.argwhere(taken < 0.5)
