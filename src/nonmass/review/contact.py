"""Contact sheets: many small screens with their fields drawn on one picture, for a glance over a thousand."""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nonmass.geometry import Box
from nonmass.images import Gray
from nonmass.review.entries import Entry

COLUMNS, ROWS = 10, 6
A_SHEET = COLUMNS * ROWS  # screens
TILE_PX = (240, 180)  # a screen is made to fit into it
GAP_PX, LINE_PX = 8, 15
CAPTION_PX = 3 * LINE_PX + 4
FONT_PX = 12

# Grays up to WHITE, then a few colours: a palette costs a third of the bytes of full colour.
WHITE = 239
PAPER, DIM = 24, 165
COLOURS = {"refused": (213, 94, 0), "doubtful": (240, 200, 40), "accepted": (86, 180, 233), "panel": (204, 121, 167)}
INDEX = {name: WHITE + 1 + number for number, name in enumerate(COLOURS)}


def contact_sheet(entries: Sequence[Entry], thumbnails: Sequence[Gray], heading: str) -> Image.Image:
    """Up to `A_SHEET` screens on one picture.

    Args:
        entries: Row by row.
        thumbnails: Their screens, `(h, w)` uint8 of any scale.
        heading: A line above them.

    Returns:
        A picture with a palette ("P").
    """
    width = COLUMNS * (TILE_PX[0] + GAP_PX) + GAP_PX
    n_rows = -(-len(entries) // COLUMNS)
    sheet = Image.new("L", (width, 2 * GAP_PX + LINE_PX + n_rows * (TILE_PX[1] + CAPTION_PX + GAP_PX)), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_PX)
    draw.text((GAP_PX, GAP_PX), _fitting(heading, font, width - 2 * GAP_PX), WHITE, font)
    for number, (entry, thumbnail) in enumerate(zip(entries, thumbnails, strict=True)):
        row, column = divmod(number, COLUMNS)
        x = GAP_PX + column * (TILE_PX[0] + GAP_PX)
        y = 2 * GAP_PX + LINE_PX + row * (TILE_PX[1] + CAPTION_PX + GAP_PX)
        _draw_screen(sheet, draw, entry, thumbnail, x, y)
        for line, text in enumerate(caption(entry)):
            fitting = _fitting(text, font, TILE_PX[0])
            draw.text((x, y + TILE_PX[1] + 3 + line * LINE_PX), fitting, WHITE if line == 1 else DIM, font)
    picture = sheet.convert("L")
    picture.putpalette(_palette())
    return picture


def caption(entry: Entry) -> tuple[str, str, str]:
    """What stands below a screen: which it is, how sure the box, what to look at."""
    fov = entry.fov
    state = f"refused: {fov.reject}" if fov.reject else f"{entry.state} {fov.confidence:.2f}, {fov.method}"
    return entry.target, state, ", ".join(fov.flags)


def _draw_screen(sheet: Image.Image, draw: ImageDraw.ImageDraw, entry: Entry, thumbnail: Gray, x: int, y: int) -> None:
    """Screen, frame in the colour of its state, and what was found on it."""
    scale = min(TILE_PX[0] / entry.width_px, TILE_PX[1] / entry.height_px)
    size = max(1, round(entry.width_px * scale)), max(1, round(entry.height_px * scale))
    small = np.asarray(Image.fromarray(thumbnail).resize(size, Image.Resampling.BOX), np.float32)
    x += (TILE_PX[0] - size[0]) // 2
    sheet.paste(Image.fromarray((small * (WHITE / 255)).astype(np.uint8)), (x, y))
    colour = INDEX[entry.state]
    draw.rectangle((x - 2, y - 2, x + size[0] + 1, y + size[1] + 1), outline=colour)
    if entry.fov.reject:
        draw.line((x, y, x + size[0] - 1, y + size[1] - 1), colour, 2)
        draw.line((x, y + size[1] - 1, x + size[0] - 1, y), colour, 2)
        return
    for panel in entry.fov.panels:
        draw.rectangle(_scaled(panel, scale, x, y), outline=INDEX["panel"])
    draw.rectangle(_scaled(entry.fov.box, scale, x, y), outline=colour, width=2)
    if entry.fov.polygon:
        outline = [(x + px * scale, y + py * scale) for px, py in entry.fov.polygon]
        draw.line([*outline, outline[0]], INDEX["panel"], 2)


def _scaled(box: Box, scale: float, x: int, y: int) -> tuple[int, int, int, int]:
    """First and last pixels of a box on the sheet."""
    x0, y0, x1, y1 = (round(corner * scale) for corner in astuple(box))
    return x + x0, y + y0, x + max(x0, x1 - 1), y + max(y0, y1 - 1)


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or both its ends, within `width` pixels."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if font.getlength(text) <= width:
        return text
    keep = len(text) // 2
    while keep and font.getlength(f"{text[:keep]}…{text[-keep:]}") > width:
        keep -= 1
    return f"{text[:keep]}…{text[-keep:]}"


def _palette() -> list[int]:
    grays = [round(level * 255 / WHITE) for level in range(WHITE + 1)]
    return [*(value for gray in grays for value in (gray,) * 3), *(part for rgb in COLOURS.values() for part in rgb)]
