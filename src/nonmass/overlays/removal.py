"""Marks and text taken out of a picture."""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from nonmass.geometry import Box
from nonmass.images import Gray
from nonmass.overlays.mark import Mark

Removal = Literal["keep", "mask", "inpaint"]

RADIUS_PX = 3  # neighbourhood that an inpainted pixel is made of


def remove_marks(gray: Gray, marks: Sequence[Mark], how: Removal) -> Gray:
    """A copy of a screen, `(H, W)` uint8, without the pixels of its marks; all other pixels stay as they are.

    Inpainting invents tissue (fast marching: Telea 2004, "An image inpainting technique based on the fast marching
    method", doi:10.1080/10867651.2004.10487596), so that the place looks natural and says nothing.

    Args:
        gray: The screen.
        marks: As `find_marks` gives them.
        how: `keep` changes nothing, `mask` writes 0, `inpaint` continues the surroundings.
    """
    if how == "keep" or not marks:
        return gray.copy()
    mask = np.zeros(gray.shape, np.uint8)
    for mark in marks:
        mask[mark.box.slices] |= mark.pixels
    if how == "inpaint":
        return np.asarray(cv2.inpaint(gray, mask, RADIUS_PX, cv2.INPAINT_TELEA), np.uint8)
    return np.where(mask > 0, np.uint8(0), gray)


def cover(gray: Gray, boxes: Sequence[Box]) -> Gray:
    """A copy of a screen, `(H, W)` uint8, with 0 in these boxes, so that nothing in them can be read."""
    covered = gray.copy()
    for box in boxes:
        covered[box.slices] = 0
    return covered
