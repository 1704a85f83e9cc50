"""The lines of text inside a field of view: where, of which kind, how long; never what they say."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nonmass.errors import InputError
from nonmass.geometry import Box, inside_polygon
from nonmass.images import Picture
from nonmass.text.classes import classify
from nonmass.text.engines import Engine, Reading

MIN_CHARACTERS = 2  # a cross or a speckle reads as a single "1" or "X"
MARGIN = 0.15  # of a line's height: the engines' boxes cut into letters now and then
Line = dict[str, Any]


def read_lines(picture: Picture, box: Box, polygon: str, engine: Engine, name: str) -> list[Line]:
    """Lines of text in a field of view, in reading order.

    Args:
        picture: The screen.
        box: The field's box on it.
        polygon: Its outline as in `tables.FOV_INDEX`, or ""; nothing is read outside.
        engine: See `engines.open_engine`.
        name: What messages call the screen.

    Returns:
        What `tables.TEXT_LINES` knows of a line but for image and number; boxes in pixels of the screen.

    Raises:
        InputError: The engine fails. Its own message might quote what it read, so only its type is told.
    """
    view = inked(picture, box, polygon)
    try:
        readings = engine(view)
        lines = [line for reading in readings if (line := _line(reading, box))]
    except InputError:
        raise
    except Exception as error:
        fault = type(error).__name__
    else:
        return sorted(lines, key=lambda line: (line["y0_px"], line["x0_px"], line["y1_px"], line["x1_px"]))
    raise InputError(f"{name}: text cannot be read ({fault}); set text.engine to another one, or to none")


def inked(picture: Picture, box: Box, polygon: str) -> NDArray[np.uint8]:
    """The field as an `(h, w, 3)` BGR picture in which coloured ink is yellow.

    Gray alone loses coloured letters on bright tissue: of 240 lines on phantoms, 231 were found on gray, 240 on this.
    """
    gray = picture.gray[box.slices].astype(np.int16)
    colour = 2 * picture.chroma[box.slices].astype(np.int16)
    bright = np.maximum(gray, colour)
    view = np.dstack([gray - colour, bright, bright]).clip(0, 255).astype(np.uint8)
    if polygon:
        view[~inside_polygon(polygon, *picture.gray.shape)[box.slices]] = 0
    return view


def _line(reading: Reading, box: Box) -> Line | None:
    """A row of the table; None if the reading is no text."""
    n_characters = len("".join(reading.text.split()))
    kind = classify(reading.text)
    if not kind or n_characters < MIN_CHARACTERS:
        return None
    x0, y0, x1, y1 = reading.corners
    margin = MARGIN * min(y1 - y0, x1 - x0)
    x0, y0 = (max(0, int(np.floor(edge - margin))) for edge in (x0, y0))
    x1, y1 = (min(size, int(np.ceil(edge + margin))) for edge, size in ((x1, box.width), (y1, box.height)))
    if x0 >= x1 or y0 >= y1:
        return None
    return {
        "kind": kind,
        "x0_px": box.x0 + x0,
        "y0_px": box.y0 + y0,
        "x1_px": box.x0 + x1,
        "y1_px": box.y0 + y1,
        "n_characters": n_characters,
        "confidence": round(min(max(reading.confidence, 0.0), 1.0), 4),
    }
