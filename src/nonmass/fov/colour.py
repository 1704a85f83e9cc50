"""Whether there is colour in a field of view: Doppler, an elastogram, or at least the outline of a colour box."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.images import Gray, Picture

COLOUR_SHARE = 0.005  # of the central crop, as BUSClean has it (doi:10.1371/journal.pone.0315434)
CENTRE_MARGIN = 0.1  # of the box on each side: colour scales and logos stand at the rim
OFF_TINT = 16  # chroma beyond what the gray map gives a pixel of this gray; subsampling and JPEG stay below
MAP_CHROMA, MAP_CHROMA_PER_GRAY = 6, 0.25  # no gray map gives a gray more chroma than this line: dark tones have little
LINE_LEVELS = 16  # an outline is brighter, or more colourful, by this than what lies 3 pixels to both sides of it
LINE_SHARE = 0.15  # of the box's shorter side: shorter sides are no colour box


def colour_note(picture: Picture, box: Box) -> tuple[str, ...]:
    """`("colour",)` if more than .5 % of the box's centre is coloured, or a colour box is outlined there; else `()`.

    Args:
        picture: The screen.
        box: The field of view.
    """
    chroma, gray = picture.chroma[box.slices], picture.gray[box.slices]
    has_chroma = int(chroma.max()) > min(OFF_TINT, LINE_LEVELS)
    if has_chroma and (colour_share(picture, box) > COLOUR_SHARE or _outlined(chroma)):
        return ("colour",)
    return ("colour",) if _outlined(gray) else ()


def colour_share(picture: Picture, box: Box) -> float:
    """Share of the box's central crop that is coloured, 0 to 1.

    A tinted gray map gives all pixels of one gray the same chroma, so colour is what departs from the median
    chroma of its gray, or that median itself where no map's is as high (an elastogram all over). Calipers and
    text are thin and are dropped.
    """
    step = max(1, min(box.width, box.height) // 256)
    rows, columns = _centre(box).slices
    chroma = picture.chroma[rows, columns][::step, ::step]
    if int(chroma.max()) <= OFF_TINT:
        return 0.0
    gray = picture.gray[rows, columns][::step, ::step] >> 4
    tint = _tint(gray, chroma)
    coloured = (np.abs(chroma.astype(np.int16) - tint[gray]) > OFF_TINT).astype(np.uint8)
    coloured |= (tint > MAP_CHROMA + MAP_CHROMA_PER_GRAY * (16 * np.arange(16) + 8))[gray]
    stroke = 2 * (min(box.width, box.height) // (256 * step)) + 3
    return float(cv2.morphologyEx(coloured, cv2.MORPH_OPEN, np.ones((stroke, stroke), np.uint8)).mean())


def _centre(box: Box) -> Box:
    x, y = int(CENTRE_MARGIN * box.width), int(CENTRE_MARGIN * box.height)
    return Box(box.x0 + x, box.y0 + y, box.x1 - x, box.y1 - y)


def _tint(gray: NDArray[np.integer[Any]], chroma: Gray) -> NDArray[np.int16]:
    """Median chroma of each of 16 grays."""
    counts = np.bincount((gray.astype(np.int64) * 256 + chroma).ravel(), minlength=16 * 256).reshape(16, 256)
    half = counts.sum(axis=1, keepdims=True) / 2
    return np.asarray((counts.cumsum(axis=1) < half).sum(axis=1), np.int16)


def _outlined(field: Gray) -> bool:
    """Whether two level lines of the same length, one above the other, are joined by lines at their ends.

    The sides of a steered box slant; they are looked for at their middle.
    """
    least = int(LINE_SHARE * min(field.shape))
    lines = _level_lines(field, least)
    for number, (y0, a0, a1) in enumerate(lines):
        for y1, b0, b1 in lines[number + 1 :]:
            alike = abs((a1 - a0) - (b1 - b0)) <= 16
            if alike and y1 - y0 >= least and _joined(field, (y0, a0, a1), (y1, b0, b1)):
                return True
    return False


def _level_lines(field: Gray, least: int) -> list[tuple[int, int, int]]:
    """Row, start and stop of thin level lines of at least `least` pixels; at most 16, the longest."""
    step = 8
    if min(field.shape) < 4 * step:
        return []
    field = field[:, : field.shape[1] // step * step]
    thin = cv2.threshold(cv2.subtract(field[3:-3], cv2.max(field[:-6], field[6:])), LINE_LEVELS, 1, 0)[1]
    # Eight pixels in a byte are short to search; one of them may be missing.
    fewest = max(least // step - 1, 3)
    full = np.flatnonzero(cv2.reduce(thin, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S) >= (step - 1) * fewest)
    shares = np.bitwise_count(np.packbits(thin[full], axis=1)) >= step - 1
    lines = []
    for number in np.flatnonzero(shares.sum(axis=1) >= fewest):
        start, stop = _longest_run(shares[number])
        if (stop - start) * step >= least - step:
            lines.append((int(full[number]) + 3, start * step, stop * step))
    return sorted(sorted(lines, key=lambda line: line[1] - line[2])[:16])


def _longest_run(full: NDArray[np.bool_]) -> tuple[int, int]:
    turns = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(np.int8), [0]])))
    starts, stops = turns[::2], turns[1::2]
    best = int((stops - starts).argmax())
    return int(starts[best]), int(stops[best])


def _joined(field: Gray, upper: tuple[int, int, int], lower: tuple[int, int, int]) -> bool:
    """Whether thin lines run from the ends of the upper level line to those of the lower one."""
    reach = 12  # ends are known to 8 pixels, and compared with 3 to both sides
    width = field.shape[1]
    shares = np.linspace(0.1, 0.9, 41)
    rows = np.round(upper[0] + shares * (lower[0] - upper[0])).astype(int)
    for end in (1, 2):
        middle = upper[end] + shares * (lower[end] - upper[end])
        columns = np.round(middle).astype(int)[:, None] + np.arange(-reach, reach + 1)
        near = field[rows[:, None], np.clip(columns, 0, width - 1)].astype(np.int16)
        peaks = near[:, 3:-3] - np.maximum(near[:, :-6], near[:, 6:])
        if (peaks.max(axis=1) > LINE_LEVELS).mean() < 0.8:
            return False
    return True
