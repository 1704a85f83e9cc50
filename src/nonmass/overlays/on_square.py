"""Where the marks of a screen lie on the model's square."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.lesions import crop_of
from nonmass.overlays.marks import find_marks
from nonmass.screens import read_screen

LEAST_COVERED = 0.1  # of a pixel of the square: a thin line on a large screen covers no pixel of it by half


def read_marks(place: Path, row: Any) -> NDArray[np.bool_]:
    """Pixels of the model's square that a burned-in mark has a share in.

    Args:
        place: The exported screen.
        row: Of the manifest, with the columns of `lesions.add_masks`.

    Returns:
        (side_px, side_px) bool.

    Raises:
        InputError: See `screens.read_screen`.
    """
    picture = read_screen(row, place)
    covered = np.zeros(picture.gray.shape, np.float32)
    for mark in find_marks(picture, Box(row.x0_px, row.y0_px, row.x1_px, row.y1_px)):
        covered[mark.box.slices][mark.pixels] = 1
    return np.asarray(crop_of(row).map_to_model(covered) >= LEAST_COVERED)
