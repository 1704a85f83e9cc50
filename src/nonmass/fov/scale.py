"""Large screens, looked at on a smaller scale; the field that is found there, on the screen as it is."""

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from nonmass.fov.field import Fov
from nonmass.fov.sides import snap
from nonmass.geometry import Box
from nonmass.images import Gray, Picture


def shrunk(picture: Picture, factor: int) -> Picture:
    """The picture at `1 / factor` of its size, by the mean over area."""
    height, width = picture.gray.shape
    if factor == 1:
        return picture
    size = (width // factor, height // factor)
    gray, chroma = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
        for plane in (picture.gray, picture.chroma)
    )
    return Picture(gray, chroma)


def thinned(plane: Gray, step: int) -> Gray:
    """Every `step`-th pixel of every `step`-th row."""
    rows = plane[::step]
    if step in (2, 4) and plane.shape[1] % step == 0 and plane.flags.c_contiguous:
        return rows.view(f"<u{step}").astype(np.uint8)  # a number's lowest byte is its first pixel; six times faster
    return np.ascontiguousarray(rows[:, ::step])


def shrunk_boxes(boxes: Iterable[Box], factor: int, width: int, height: int) -> tuple[Box, ...]:
    """Boxes of a screen in pixels of the smaller picture, of `(width, height)`, which leaves out the last few of it."""
    small = (scaled(box, 1 / factor) for box in boxes)
    return tuple(Box(box.x0, box.y0, min(box.x1, width), min(box.y1, height)) for box in small)


def enlarged(fov: Fov, gray: Gray, factor: int) -> Fov:
    """The same field on the screen as it is, its sides refined there."""
    if factor == 1:
        return fov
    height, width = gray.shape
    box = scaled(fov.box, factor)
    # What was left over when the screen was divided belongs to its border.
    x1 = width if fov.box.x1 == width // factor else box.x1
    y1 = height if fov.box.y1 == height // factor else box.y1
    box = Box(box.x0, box.y0, x1, y1)
    if not (fov.polygon or fov.reject):
        box = snap(gray, box, 2 * factor)
    across, down = width / (width // factor), height / (height // factor)
    polygon = tuple((round((x + 0.5) * across - 0.5), round((y + 0.5) * down - 0.5)) for x, y in fov.polygon)
    return replace(fov, box=box, polygon=polygon, panels=tuple(scaled(panel, factor) for panel in fov.panels))


def scaled(box: Box, factor: float) -> Box:
    """The box on a picture that is larger by a factor, at least a pixel wide and high."""
    x0, y0 = round(box.x0 * factor), round(box.y0 * factor)
    return Box(x0, y0, max(round(box.x1 * factor), x0 + 1), max(round(box.y1 * factor), y0 + 1))
