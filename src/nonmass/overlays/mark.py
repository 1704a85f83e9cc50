"""A mark: what it is, where it is, which pixels are its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box


@dataclass(frozen=True, eq=False)
class Mark:
    """A mark that a person or the device has burned into a field of view.

    Attributes:
        kind: One of `tables.MARK_KINDS`.
        box: Screen pixels.
        pixels: `(box.height, box.width)` bool, its own pixels and what JPEG has smeared around them.
    """

    kind: str
    box: Box
    pixels: NDArray[np.bool_]

    @property
    def area_px(self) -> int:
        """Number of its pixels."""
        return int(self.pixels.sum())


def mark_rows(image_id: str, marks: Sequence[Mark]) -> list[dict[str, str | int]]:
    """Rows of `tables.MARKS` for the marks of one image, in their order."""
    return [
        {
            "image_id": image_id,
            "mark": number,
            "kind": mark.kind,
            "x0_px": mark.box.x0,
            "y0_px": mark.box.y0,
            "x1_px": mark.box.x1,
            "y1_px": mark.box.y1,
            "area_px": mark.area_px,
        }
        for number, mark in enumerate(marks, start=1)
    ]
