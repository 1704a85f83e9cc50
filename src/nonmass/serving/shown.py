"""A screen as people are shown it: its field of view alone, with or without the heat map of an answer."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import CropResize, inside_polygon
from nonmass.images import Gray
from nonmass.saliency import enlarge

SIDE_PX = 1600  # of the longer side; more shows nothing more
COLOURS = cv2.COLORMAP_INFERNO
OPACITY = 0.7  # where a map is highest; it falls with the map, so that tissue stays to be seen
BAR_PX = (256, 12)  # the bar of colours, width and height
PNG_LEVEL = 1  # speckle packs hardly better at a higher one


@dataclass(frozen=True)
class Shown:
    """A picture for people.

    Attributes:
        content: PNG.
        top: Of a heat map the value that has the brightest colour, in units of the logit; None of other pictures.
    """

    content: bytes
    top: float | None = None


def bar_png() -> bytes:
    """The colours of all heat maps from 0 to their `top`, from left to right, as PNG."""
    ramp = np.rint(np.linspace(0, 255, BAR_PX[0])).astype(np.uint8)
    return _png(np.asarray(cv2.applyColorMap(np.tile(ramp, (BAR_PX[1], 1)), COLOURS), np.uint8))


def field_png(field: Gray) -> bytes:
    """`(height, width)` uint8, see `reader.Looked`, as PNG; smaller if it is large."""
    return _png(_small(field))


def heat_png(field: Gray, crop: CropResize, outline: str, heat: NDArray[np.float32]) -> bytes:
    """The field with a heat map on its pixels, as PNG; the map's maximum has the brightest colour.

    Args:
        field: `(height, width)`, see `reader.Looked`.
        crop: How the square was made of it.
        outline: Of the field where it is no rectangle, or "".
        heat: (h, w) on the square, 0 or more.
    """
    on_screen = crop.map_to_screen(enlarge(heat, crop.side_px), *field.shape)
    if outline:
        on_screen *= inside_polygon(outline, *field.shape)
    gray = _small(field)
    share = np.clip(cv2.resize(on_screen, gray.shape[::-1]) / (float(heat.max()) or 1.0), 0, 1)
    colours = cv2.applyColorMap(np.rint(255 * share).astype(np.uint8), COLOURS)
    weight = OPACITY * share[:, :, None]
    return _png(np.rint((1 - weight) * gray[:, :, None] + weight * colours).astype(np.uint8))


def _small(gray: Gray) -> Gray:
    scale = SIDE_PX / max(gray.shape)
    if scale >= 1:
        return gray
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Gray or BGR, without any metadata."""
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise ValueError(f"OpenCV cannot encode {pixels.shape}")
    return encoded.tobytes()
