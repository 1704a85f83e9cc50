"""Boxes on a screen, and the step from a box to the square image of a model, with its inverse.

Coordinates are continuous and measured from the top left corner: pixel `i` covers `[i, i + 1)`, and
its centre is at `i + 0.5`, which is also OpenCV's convention. "Screen" pixels are those of the exported
file, "model" pixels those of the square image.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

Square = Literal["pad_br", "pad_center", "stretch"]


@dataclass(frozen=True, order=True)
class Box:
    """Pixels `x0 <= x < x1`, `y0 <= y < y1`.

    Raises:
        ValueError: The box is empty, or starts above or to the left of the screen.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 and 0 <= self.y0 < self.y1):
            raise ValueError(f"no box: x {self.x0} to {self.x1}, y {self.y0} to {self.y1}")

    @property
    def width(self) -> int:
        """Extent in x, pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Extent in y, pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an `(H, W)` array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def intersection(self, other: "Box") -> int:
        """Number of pixels in both boxes."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0) * max(height, 0)

    def iou(self, other: "Box") -> float:
        """Intersection over union, 0 to 1 (Jaccard 1912)."""
        both = self.intersection(other)
        return both / (self.area + other.area - both)


@dataclass(frozen=True)
class CropResize:
    """Crop a box, make it square, scale it to the model's side.

    Attributes:
        box: What is cropped, screen pixels.
        side_px: Side of the square image.
        square: `pad_br` scales the longer side to `side_px` and fills the right or bottom with zeros (as
            `zero_pad` in the published code of doi:10.3389/fonc.2022.869421 does), `pad_center` fills both
            sides alike, `stretch` scales each axis on its own.

    Raises:
        ValueError: `side_px` is not positive, or `square` is unknown.
    """

    box: Box
    side_px: int
    square: Square

    def __post_init__(self) -> None:
        if self.side_px < 1 or self.square not in get_args(Square):
            raise ValueError(f"no such square: side {self.side_px} px, {self.square!r}")

    @property
    def content(self) -> Box:
        """Where the crop lies in the square image, model pixels; zeros are around it."""
        if self.square == "stretch":
            return Box(0, 0, self.side_px, self.side_px)
        longer = max(self.box.width, self.box.height)
        # Halves are rounded up, and a side never vanishes.
        width = max(1, (2 * self.box.width * self.side_px + longer) // (2 * longer))
        height = max(1, (2 * self.box.height * self.side_px + longer) // (2 * longer))
        x0, y0 = 0, 0
        if self.square == "pad_center":
            x0, y0 = (self.side_px - width) // 2, (self.side_px - height) // 2
        return Box(x0, y0, x0 + width, y0 + height)

    @property
    def resampling(self) -> str:
        """What `apply` does to the pixels: area where an axis shrinks, bilinear where it grows; both, or none."""
        sizes = ((self.box.width, self.content.width), (self.box.height, self.content.height))
        names = {"area" if after < before else "bilinear" for before, after in sizes if after != before}
        return "+".join(sorted(names)) or "none"

    @property
    def scale(self) -> tuple[float, float]:
        """Model pixels a screen pixel, in x and y; unless stretched, equal but for the rounding of the content."""
        content = self.content
        return content.width / self.box.width, content.height / self.box.height

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The square image: `(H, W)` uint8 -> `(side_px, side_px)` uint8.

        Raises:
            ValueError: The box leaves the image.
        """
        return cast("NDArray[np.uint8]", self._square(image))

    def map_to_model(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map on the screen, `(H, W)` float32, on the square image; 0 in the padding."""
        return cast("NDArray[np.float32]", self._square(values.astype(np.float32)))

    def map_to_screen(self, values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """A map on the square image, `(side_px, side_px)`, on a screen of `(height, width)`; 0 outside the box."""
        screen = np.zeros((height, width), np.float32)
        self._check_inside(screen)
        crop = values[self.content.slices].astype(np.float32)
        screen[self.box.slices] = resize(crop, self.box.width, self.box.height)
        return screen

    def mask_to_model(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask on the screen, `(H, W)` bool, on the square image: pixels at least half covered."""
        return self.map_to_model(mask.astype(np.float32)) >= 0.5

    def mask_to_screen(self, mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
        """A mask on the square image on a screen of `(height, width)`: pixels at least half covered."""
        return self.map_to_screen(mask.astype(np.float32), height, width) >= 0.5

    def points_to_model(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Screen points `(n, 2)` as x, y -> model points; points outside the box land outside the content."""
        moved: NDArray[np.float64] = (points - _start(self.box)) * np.array(self.scale) + _start(self.content)
        return moved

    def points_to_screen(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Model points `(n, 2)` as x, y -> screen points; the exact inverse of `points_to_model`."""
        moved: NDArray[np.float64] = (points - _start(self.content)) / np.array(self.scale) + _start(self.box)
        return moved

    def corners_to_model(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes `(n, 4)` as x0, y0, x1, y1, screen -> model."""
        return self.points_to_model(corners.reshape(-1, 2)).reshape(-1, 4)

    def corners_to_screen(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes `(n, 4)` as x0, y0, x1, y1, model -> screen."""
        return self.points_to_screen(corners.reshape(-1, 2)).reshape(-1, 4)

    def _square(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        self._check_inside(values)
        square = np.zeros((self.side_px, self.side_px), values.dtype)
        square[self.content.slices] = resize(values[self.box.slices], self.content.width, self.content.height)
        return square

    def _check_inside(self, screen: NDArray[np.generic]) -> None:
        height, width = screen.shape
        if self.box.x1 > width or self.box.y1 > height:
            raise ValueError(f"{self.box} leaves a screen of {width} x {height} pixels")


def inside_polygon(outline: str, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a screen within an outline of `tables.FOV_INDEX` ("x,y" joined by "|"); `(height, width)` bool."""
    corners = np.array([[int(number) for number in corner.split(",")] for corner in outline.split("|")], np.int32)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [corners], 1)
    return inside.astype(bool)


def _start(box: Box) -> NDArray[np.float64]:
    return np.array([box.x0, box.y0], np.float64)


def resize(values: NDArray[np.generic], width: int, height: int) -> NDArray[np.generic]:
    """Scale `(h, w)` uint8 or float32 values: the mean over area where an axis shrinks, bilinear where it grows."""
    shrunk = cv2.resize(
        values, (min(width, values.shape[1]), min(height, values.shape[0])), interpolation=cv2.INTER_AREA
    )
    return cast("NDArray[np.generic]", cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR))
