"""Fields of view that are no rectangle, with their true pixels, because they are drawn here."""

import cv2
import numpy as np
from drawn_screens import speckle, write

from nonmass.determinism import generator
from nonmass.geometry import Box


def wedge(size, apex, half_degrees, near, far, level_top=None, level_bottom=None):
    """`(H, W)` bool: the part of a sector around `apex` between two radii, or level rows instead of the arcs."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    angle, radius = np.arctan2(x - apex[0], y - apex[1]), np.hypot(x - apex[0], y - apex[1])
    field = (np.abs(angle) <= np.radians(half_degrees)) & (radius >= near) & (radius <= far)
    if level_top is not None:
        field &= y >= level_top
    if level_bottom is not None:
        field &= y <= level_bottom
    return field


def bounds(field):
    """The box of what is true in `(H, W)`."""
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def random_wedge(key, size=(1024, 768)):
    """A convex or phased sector, or a trapezoid with level or curved depth: its kind and its pixels."""
    rng = generator("wedge", key)
    width, height = size
    kind = ("convex", "phased", "trapezoid", "virtual")[key % 4]
    x, top = width * rng.uniform(0.42, 0.58), height * rng.uniform(0.08, 0.15)
    depth = height * rng.uniform(0.6, 0.78)
    if kind == "convex":
        near, half = rng.uniform(0.15, 0.6) * depth, rng.uniform(25, 38)
        return kind, wedge(size, (x, top - near * np.cos(np.radians(half))), half, near, near + 0.9 * depth)
    if kind == "phased":
        return kind, wedge(size, (x, top), rng.uniform(30, 46), rng.uniform(0, 12), depth)
    half, half_top = rng.uniform(6, 20), width * rng.uniform(0.15, 0.22)
    back = half_top / np.tan(np.radians(half))
    far, level = (1e6, top + depth) if kind == "trapezoid" else (back + depth, None)
    return kind, wedge(size, (x, top - back), half, 0, far, top, level)


def wedge_screen(key, size=(1024, 768), shell=0, dark=0.0):
    """`(H, W)` gray screen with tissue in a `random_wedge`, a ruler and some words; kind and the true pixels."""
    kind, field = random_wedge(key, size)
    width, height = size
    image = np.full((height, width), shell, np.uint8)
    box = bounds(field)
    if shell:
        image[max(box.y0 - 20, 0) : box.y1 + 20, max(box.x0 - 60, 0) : box.x1 + 60] = 0
    tissue = np.maximum(speckle(("wedge", key), height, width, deep_dark=dark), 0 if dark else 12)
    image[field] = tissue[field]
    write(image, "PHANTOM 0001  ID X000001", 20, 24, 0.6)
    for tick in range(box.y0, box.y1, 30):
        cv2.line(image, (width - 60, tick), (width - 50, tick), 200, 1)
    return image, kind, field
