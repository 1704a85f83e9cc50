"""All marks of a field of view: each finder looks at what the surer ones have left."""

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.images import Gray, Picture
from nonmass.overlays.arrows import find_arrows
from nonmass.overlays.calipers import find_calipers
from nonmass.overlays.dotted import chains, fine_relief, line_between
from nonmass.overlays.ink import Corners, Ink, find_ink
from nonmass.overlays.mark import Mark
from nonmass.overlays.text_lines import hull, letter_like, text_lines

Mask = NDArray[np.bool_]  # (h, w) of the field

SMEAR_PX = 2  # how far JPEG smears ink
LARGEST_TEXT, LARGEST_TEXT_PX = 0.1, 24  # of the field's height, and at least so many pixels
NUMBER_PX = 9  # at most between a caliper and its number
OWN = 0.45  # a mark's pixels have this share of its relief
LINE_PX = 3  # width of a line between calipers
MOST_CALIPERS = 16  # with more of them, pairs are not looked at


def find_marks(picture: Picture, box: Box) -> list[Mark]:
    """Marks burned into a field of view, in reading order.

    Args:
        picture: The whole screen.
        box: The field of view.
    """
    gray, chroma = (np.ascontiguousarray(plane[box.slices]) for plane in (picture.gray, picture.chroma))
    ink = find_ink(gray, chroma)
    pieces = ink.pieces
    words = [line for line in text_lines(ink, np.ones(len(pieces.areas), np.bool_)) if len(line) > 2]
    surely_text = [hull(pieces, line) for line in words]
    arrows = find_arrows(ink, _filled(ink, surely_text))
    calipers = _not_in(find_calipers(ink), [*surely_text, *arrows])
    dotted = _dotted(ink, calipers, surely_text)
    other = _filled(ink, [*calipers, *arrows]) | (_united(ink, dotted) > 0)
    lines = [line for line in text_lines(ink, ~_holds(ink, other)) if _has_height_of_text(hull(pieces, line), box)]
    marks = [_mark("caliper", _with_number(ink, at, other, lines), ink, box) for at in calipers]
    marks += [_mark("text", hull(pieces, line), ink, box) for line in lines]
    marks += [_mark("arrow", corners, ink, box) for corners in arrows]
    marks += [_of_pixels("dotted_line", mask, box) for mask in dotted]
    return sorted(marks, key=lambda mark: (mark.box.y0, mark.box.x0, mark.kind))


def _has_height_of_text(corners: NDArray[np.int32], field: Box) -> bool:
    """Nobody writes over a tenth of the field's height in one line; vessels in colour are as high."""
    return bool(corners[3] - corners[1] <= max(LARGEST_TEXT_PX, LARGEST_TEXT * field.height))


def _not_in(calipers: Corners, others: list[Corners]) -> Corners:
    """A "t" or "x" between other letters is no caliper, nor is the head of an arrow."""
    return calipers[[not _inside(corners, others) for corners in calipers]] if len(calipers) else calipers


def _inside(corners: NDArray[np.int32], others: list[Corners]) -> bool:
    """Whether the middle of a box lies in one of the others."""
    x, y = corners[:2] + corners[2:]
    return any(2 * x0 <= x < 2 * x1 and 2 * y0 <= y < 2 * y1 for x0, y0, x1, y1 in others)


def _filled(ink: Ink, boxes: list[Corners], margin: int = 1) -> Mask:
    mask = np.zeros(ink.labels.shape, np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[max(y0 - margin, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin] = True
    return mask


def _holds(ink: Ink, mask: Mask) -> Mask:
    """`(n,)` pieces a good part of which lies in a mask."""
    inside = np.bincount(ink.labels.ravel()[np.flatnonzero(mask)], minlength=len(ink.pieces.areas) + 1)[1:]
    return np.asarray(inside > 0.3 * ink.pieces.areas)


def _dotted(ink: Ink, calipers: Corners, words: list[Corners]) -> list[Gray]:
    """Lines between calipers, for which less evidence will do, and then all other rows of dots; masks of the field."""
    fine = fine_relief(ink.brightness)
    found = []
    pairs = combinations(calipers, 2) if len(calipers) <= MOST_CALIPERS else ()
    for one, other in pairs:
        start, end = ((corners[:2] + corners[2:] - 1) / 2 for corners in (one, other))
        clear = max(np.ptp(one[::2]), np.ptp(other[::2])) / 2 + 2
        if line_between(fine, start, end, clear):
            along = (end - start) / np.hypot(*(end - start)) * clear
            (x0, y0), (x1, y1) = (np.round(point).astype(int).tolist() for point in (start + along, end - along))
            found.append(_blank(ink))
            cv2.line(found[-1], (x0, y0), (x1, y1), 1, LINE_PX)
    taken = _filled(ink, [*calipers, *words]) | (_united(ink, found) > 0)
    for dots in chains(fine, ink.drop, taken):
        found.append(_blank(ink))
        found[-1][dots[:, 1], dots[:, 0]] = 1
        cv2.dilate(found[-1], np.ones((3, 3), np.uint8), found[-1])
    return found


def _blank(ink: Ink) -> Gray:
    return np.zeros(ink.labels.shape, np.uint8)


def _united(ink: Ink, masks: list[Gray]) -> Gray:
    union = _blank(ink)
    for mask in masks:
        union |= mask
    return union


def _with_number(ink: Ink, caliper: NDArray[np.int32], other: Mask, lines: list[NDArray[np.intp]]) -> NDArray[np.int32]:
    """A caliper's box with the single letter or digit beside it."""
    pieces = ink.pieces
    free = letter_like(pieces) & ~_holds(ink, other)
    free[[piece for line in lines for piece in line]] = False
    gap = np.maximum(pieces.boxes[:, :2] - caliper[2:], caliper[:2] - pieces.boxes[:, 2:]).max(axis=1)
    width = pieces.boxes[:, 2] - pieces.boxes[:, 0]
    height = pieces.boxes[:, 3] - pieces.boxes[:, 1]
    number = np.flatnonzero(free & (gap <= NUMBER_PX) & (width <= height) & (height <= 24))
    if not len(number):
        return caliper
    nearest = pieces.boxes[number[np.argmin(gap[number])]]
    return np.concatenate([np.minimum(caliper[:2], nearest[:2]), np.maximum(caliper[2:], nearest[2:])])


def _mark(kind: str, corners: NDArray[np.int32], ink: Ink, field: Box) -> Mark:
    """A mark whose pixels are those in its box that stand out as its ink does."""
    height, width = ink.relief.shape
    x0, y0 = (int(edge) for edge in np.maximum(corners[:2], 0))
    x1, y1 = (int(edge) for edge in np.minimum(corners[2:], (width, height)))
    if kind == "arrow":  # too wide for the relief to know its inside
        values = ink.brightness[y0:y1, x0:x1]
        level = float(np.quantile(values, (0.2, 0.95)).mean())
    else:
        values = ink.relief[y0:y1, x0:x1]
        level = OWN * float(np.quantile(values, 0.97))
    mask = np.zeros(ink.relief.shape, np.uint8)
    mask[y0:y1, x0:x1] = values >= max(level, 1)
    return _of_pixels(kind, mask, field)


def _of_pixels(kind: str, mask: Gray, field: Box) -> Mark:
    """A mark of its pixels, `(h, w)` of the field, and of those that JPEG has smeared."""
    x, y, width, height = cv2.boundingRect(mask)
    x0, y0 = max(x - SMEAR_PX, 0), max(y - SMEAR_PX, 0)
    x1, y1 = min(x + width + SMEAR_PX, mask.shape[1]), min(y + height + SMEAR_PX, mask.shape[0])
    size = 2 * SMEAR_PX + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    pixels = cv2.dilate(mask[y0:y1, x0:x1], brush) > 0
    return Mark(kind, Box(x0 + field.x0, y0 + field.y0, x1 + field.x0, y1 + field.y0), np.asarray(pixels))
