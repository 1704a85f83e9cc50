"""Large screens, looked at on a smaller scale; the field that is found there, on the screen as it is."""

from dataclasses import replace

import cv2
import numpy as np

from nonmass.fov.field import Fov, Known
from nonmass.fov.sides import snap
from nonmass.geometry import Box
from nonmass.images import Gray, Picture


def shrunk(picture: Picture, factor: int) -> Picture:
    """The picture at `1 / factor` of its size, by the mean over area."""
    height, width = picture.gray.shape
    if factor == 1:
        return picture
    size = (width // factor, height // factor)
    return Picture(
        *(
            np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
            for plane in (picture.gray, picture.chroma)
        )
    )


def shrunk_known(known: Known, factor: int) -> Known:
    """What is known of the screen, in pixels of the smaller picture."""
    regions, layout_boxes = (
        [scaled(box, 1 / factor) for box in boxes] for boxes in (known.regions, known.layout_boxes)
    )
    return replace(known, regions=tuple(regions), layout_boxes=tuple(layout_boxes))


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
    polygon = tuple((x * factor, y * factor) for x, y in fov.polygon)
    return replace(fov, box=box, polygon=polygon, panels=tuple(scaled(panel, factor) for panel in fov.panels))


def scaled(box: Box, factor: float) -> Box:
    """The box on a picture that is larger by a factor, at least a pixel wide and high."""
    x0, y0 = round(box.x0 * factor), round(box.y0 * factor)
    return Box(x0, y0, max(round(box.x1 * factor), x0 + 1), max(round(box.y1 * factor), y0 + 1))
