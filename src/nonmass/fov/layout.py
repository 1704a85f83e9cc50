"""The field of view of a layout: over many screens of one device and size, pixels that change are the patient's."""

from collections import Counter
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.candidates import guesses_of
from nonmass.fov.estimators import Gray, view_of
from nonmass.fov.finder import LEAST_PX
from nonmass.fov.sides import sides_of, snap
from nonmass.geometry import Box

FEW_SCREENS = 2  # on so many a box is no accident
SAME_IOU = 0.99
CLEAR_SIDES = 0.8  # so clear are all sides of a box that a layout knows
CHANGE_LEVELS = 6.0  # standard deviation over screens, gray levels; JPEG noise stays below 3


def layout_consensus(images: Iterable[Gray], min_images: int) -> tuple[Box, ...]:
    """Where the field of view lies on screens of one layout.

    Depth and zoom change the field within a layout, so there may be several boxes: those with four straight clear
    sides on two screens or more. Where the screens differ is the envelope of them all. It is a box of the layout
    itself only if every screen that shows a clear box shows that one, and two do; else that of none may be so large.

    Sums run in memory of two images, however many there are. A name or a date differs too; it is dropped
    because a line of text is thin, and since rows and columns of the field change along most of its extent.

    Args:
        images: Gray screens `(H, W)` uint8, all of one shape.
        min_images: With fewer screens there is no answer; measured on synthetic layouts, 5 give the exact box.

    Returns:
        The most common first; empty if there are too few screens, or nothing wide changes.

    Raises:
        ValueError: Shapes differ.
    """
    total, squares, count = np.zeros(0), np.zeros(0), 0
    own: Counter[Box] = Counter()
    for count, image in enumerate(images, start=1):
        values = image.astype(np.float32)
        if count == 1:
            total, squares = np.zeros_like(values), np.zeros_like(values)
        if values.shape != total.shape:
            raise ValueError(f"screens of one layout differ in shape: {values.shape}, {total.shape}")
        total += values
        squares += values * values
        own.update(_clear_box(image))
    if count < min_images:
        return ()
    variance = squares / count - (total / count) ** 2
    envelope = changing_box((variance > CHANGE_LEVELS**2).astype(np.uint8))
    if envelope is None:
        return ()
    common: list[Box] = []
    for box, screens in sorted(own.items(), key=lambda item: (-item[1], item[0])):
        if screens >= FEW_SCREENS and all(box.iou(known) < SAME_IOU for known in common):
            common.append(box)
    bears_out = [box.iou(envelope) >= SAME_IOU for box in own.elements()]
    return (envelope,) if len(bears_out) >= FEW_SCREENS and all(bears_out) else tuple(common)


def _clear_box(image: Gray) -> list[Box]:
    """The widest box on one screen whose four sides are straight and clear, if there is one."""
    if min(image.shape) < LEAST_PX:
        return []
    view = view_of(image)
    clear = []
    for guess in guesses_of(view).values():
        box = snap(view.gray, guess)
        if all(side.seen and side.clear >= CLEAR_SIDES for side in sides_of(view.gray, box).values()):
            clear.append(box)
    return sorted(clear, key=lambda box: (box.area, box))[-1:]


def changing_box(changes: NDArray[np.uint8]) -> Box | None:
    """The widest area where `changes` (`(H, W)`, 0 or 1) is dense, cut to rows and columns that are half full."""
    window = 2 * (max(changes.shape) // 100) + 1
    dense = (cv2.blur(changes * np.uint8(255), (window, window), borderType=cv2.BORDER_REPLICATE) > 127).astype(
        np.uint8
    )
    wide = np.ones((2 * window + 1, 2 * window + 1), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(dense, cv2.MORPH_OPEN, wide))
    if count < 2:
        return None
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, width, height = (int(value) for value in stats[best, :4])
    core = (labels[y : y + height, x : x + width] == best) & (changes[y : y + height, x : x + width] > 0)
    columns, rows = _longest_run(core.mean(axis=0) > 0.5), _longest_run(core.mean(axis=1) > 0.5)
    if columns[0] == columns[1] or rows[0] == rows[1]:
        return None
    return Box(x + columns[0], y + rows[0], x + columns[1], y + rows[1])


def _longest_run(full: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and stop of the longest run of True; what is beyond a gap is text, not field."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(np.int8), [0]])))
    if not len(turns):
        return 0, 0
    starts, stops = turns[::2], turns[1::2]
    best = int((stops - starts).argmax())
    return int(starts[best]), int(stops[best])
