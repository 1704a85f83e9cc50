"""Marks burned into fields of view, with the truth by construction; the held-out part has fonts of its own."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nonmass.determinism import generator
from nonmass.geometry import Box
from nonmass.images import Picture, chroma_of


@dataclass(frozen=True)
class Planted:
    """A mark that was drawn: `kind` as in `tables.MARK_KINDS`, its pixels' box, and the height of its capitals."""

    kind: str
    box: Box
    letter_px: int = 0


@dataclass(frozen=True)
class Part:
    """What one part draws with: fonts (a file, or a Hershey face of OpenCV), inks (RGB), shapes of calipers, words."""

    fonts: tuple[str | int, ...]
    inks: tuple[tuple[int, int, int], ...]
    shapes: tuple[str, ...]
    words: tuple[str, ...]


PARTS = {
    # What the finders were built with.
    "development": Part(
        (
            "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf",
            "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf",
            "STIXGeneralBol.ttf", "cmss10.ttf", cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN,
            cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL,
        ),
        (
            (255, 255, 255), (255, 255, 0), (215, 215, 215), (160, 160, 160), (120, 255, 120), (90, 240, 255),
            (255, 170, 60), (185, 185, 185),
        ),
        ("plus", "cross", "capital_i"),
        ("LT", "BREAST", "rt", "axilla", "UOQ", "3:00", "2.35", "cm", "Dist", "A1", "Nipple", "RAD", "45", "MAMA"),
    ),
    # What they are judged by: fonts that they were not built with. Its inks and words were seen with other fonts.
    "held_out": Part(
        (
            "cmb10.ttf", "cmtt10.ttf", "cmr10.ttf", "STIXGeneralItalic.ttf", "DejaVuSansMono-Oblique.ttf",
            "DejaVuSerif-Italic.ttf", "DejaVuSans-BoldOblique.ttf",
        ),
        ((235, 235, 235), (0, 230, 0), (0, 220, 255), (255, 200, 80), (200, 200, 200), (255, 235, 130)),
        ("plus", "cross", "capital_i"),
        ("LEFT", "RIGHT", "sag", "trans", "10h", "N+4cm", "17.8", "mm", "QSI", "Lesion", "B7", "061Y", "Mamilla"),
    ),
}  # fmt: skip


def as_picture(colours, quality):
    """`(H, W, 3)` RGB as a JPEG of this quality gives it back."""
    file = BytesIO()
    Image.fromarray(colours).save(file, "JPEG", quality=quality)
    luma, blue, red = Image.open(file).convert("YCbCr").split()
    return Picture(np.array(luma), chroma_of(np.array(blue), np.array(red)))


def plant(field, key, part="development", kinds=("text", "caliper", "arrow", "dotted_line")):
    """A copy of a field, `(H, W, 3)` RGB, with marks of these kinds that do not touch each other, and their truth."""
    rng, style = generator("marks", part, key), PARTS[part]
    drawn, planted = field.copy(), []
    taken = np.zeros(field.shape[:2], bool)
    draws = {"text": draw_text, "caliper": draw_calipers, "arrow": draw_arrow, "dotted_line": draw_ellipse}
    counts = {
        "text": rng.integers(1, 4),
        "caliper": rng.integers(0, 3),
        "arrow": rng.random() < 0.4,
        "dotted_line": rng.random() < 0.3,
    }
    for kind in kinds:
        for _ in range(int(counts[kind])):
            for _ in range(20):  # places that are tried
                layers = draws[kind](rng, field.shape[:2], style)
                union = np.max([layer for layer, *_ in layers], axis=0) > 0
                if not (cv2.dilate(union.astype(np.uint8), np.ones((15, 15))).astype(bool) & taken).any():
                    break
            else:
                continue
            taken |= union
            ink, outlined = legible_ink(rng, style, drawn[union]), rng.random() < 0.3
            for layer, name, letter_px in layers:
                burn(drawn, layer, ink, outlined)
                if name:
                    planted.append(Planted(name, tight(layer), letter_px))
    return drawn, planted


def burn(colours, layer, ink, outlined=False):
    """Put ink on `colours` in place, as opaque as `layer`, `(H, W)` uint8, says; a dark outline first."""
    if outlined:
        colours[cv2.dilate(layer, np.ones((3, 3))) > 96] = 10
    share = layer[..., None] / 255
    colours[:] = np.round(colours * (1 - share) + np.array(ink) * share)


def legible_ink(rng, style, under):
    """An ink that a person could read: 40 gray levels above nine tenths of what it covers, or 20 if it is coloured.

    Colour alone would do on the screen, but not in the gray image that is all this project keeps.
    """
    luma = (0.299, 0.587, 0.114)
    ground = np.quantile(under @ luma, 0.9)
    inks = [ink for ink in style.inks if np.dot(ink, luma) >= ground + (20 if np.ptp(ink) > 60 else 40)]
    return inks[rng.integers(len(inks))] if inks else style.inks[0]


def tight(layer):
    x, y, width, height = cv2.boundingRect((layer > 64).astype(np.uint8))
    return Box(x, y, x + width, y + height)


def draw_text(rng, shape, style):
    font = style.fonts[rng.integers(len(style.fonts))]
    letter_px = int(rng.integers(10, 31))
    text = " ".join(rng.choice(style.words, rng.integers(1, 4), replace=False))
    if len(text) < 3:
        text += " " + style.words[1]
    return [(text_layer(text, font, letter_px, rng.random(2), shape), "text", letter_px)]


def text_layer(text, font, letter_px, where, shape):
    """A line of text, its place as shares (x, y) of the room there is."""
    layer = np.zeros(shape, np.uint8)
    if isinstance(font, int):
        thick = 2 if letter_px >= 20 else 1
        scale = cv2.getFontScaleFromHeight(font, letter_px, thick)
        (width, height), below = cv2.getTextSize(text, font, scale, thick)
        x, y = np.round(where * (max(shape[1] - width, 1), max(shape[0] - height - below, 1))).astype(int)
        cv2.putText(layer, text, (int(x), int(y + height)), font, scale, 255, thick, cv2.LINE_AA)
        return layer
    path = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font)
    size = next(s for s in range(6, 80) if _capital_px(path, s) >= letter_px)
    face = ImageFont.truetype(path, size)
    _, _, right, bottom = face.getbbox(text)
    at = np.round(where * (max(shape[1] - right, 1), max(shape[0] - bottom, 1)))
    canvas = Image.fromarray(layer)
    ImageDraw.Draw(canvas).text(tuple(at), text, fill=255, font=face)
    return np.array(canvas)


def _capital_px(path, size):
    _, top, _, bottom = ImageFont.truetype(path, size).getbbox("H")
    return bottom - top


def draw_calipers(rng, shape, style):
    """Two marks of one shape, perhaps numbered, perhaps with a dotted or dashed line between them."""
    name, arm, thick = style.shapes[rng.integers(len(style.shapes))], int(rng.integers(4, 10)), int(rng.integers(1, 3))
    length, angle = rng.uniform(50, 180), rng.uniform(0, np.pi)
    middle = rng.uniform((120, 120), (shape[1] - 120, shape[0] - 120))
    half = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.round(middle + sign * half).astype(int) for sign in (-1, 1)]
    layers = []
    for end in ends:
        layer = np.zeros(shape, np.uint8)
        draw_caliper(layer, name, end, arm, thick)
        layers.append((layer, "caliper", 0))
    line = rng.choice(["none", "dotted", "dotted", "dashed"])
    if line != "none":
        layers.append((dots(shape, *ends, float(rng.integers(4, 10)), line == "dashed", arm), "dotted_line", 0))
    if rng.random() < 0.5:
        layer = np.zeros(shape, np.uint8)
        at = ends[0] + (arm + 2, -arm - 2)
        cv2.putText(
            layer, str(rng.integers(1, 5)), tuple(map(int, at)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA
        )
        layers.append((layer, "", 0))  # part of its caliper, or a text: both are right
    return layers


def draw_caliper(layer, name, at, arm, thick):
    x, y = map(int, at)
    strokes = {
        "plus": ((-1, 0, 1, 0), (0, -1, 0, 1)),
        "cross": ((-1, -1, 1, 1), (-1, 1, 1, -1)),
        "capital_i": ((0, -1, 0, 1), (-0.5, -1, 0.5, -1), (-0.5, 1, 0.5, 1)),
    }[name]
    for x0, y0, x1, y1 in strokes:
        start, end = (round(x + arm * x0), round(y + arm * y0)), (round(x + arm * x1), round(y + arm * y1))
        cv2.line(layer, start, end, 255, thick)


def dots(shape, start, end, step, dashed, clear):
    layer = np.zeros(shape, np.uint8)
    length = float(np.hypot(*(end - start)))
    along = (end - start) / length
    for at in np.arange(clear, length - clear, step):
        x, y = np.round(start + at * along).astype(int)
        if dashed:
            cv2.line(layer, (int(x), int(y)), tuple(map(int, np.round((x, y) + along * step / 2))), 255, 1)
        else:
            layer[y, x] = 255
    return layer


def draw_arrow(rng, shape, style):
    """A block arrow, filled or not, or a shaft with an open head."""
    layer = np.zeros(shape, np.uint8)
    length, angle = rng.uniform(24, 60), rng.uniform(0, 2 * np.pi)
    head, width, shaft = (
        rng.uniform(0.35, 0.5) * length,
        rng.uniform(0.3, 0.5) * length,
        rng.uniform(0.1, 0.16) * length,
    )
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    tip = rng.uniform((70, 70), (shape[1] - 70, shape[0] - 70))
    outline = [(0, 0), (-head, width / 2), (-head, shaft / 2), (-length, shaft / 2)]
    points = np.array(outline + [(x, -y) for x, y in outline[:0:-1]]) @ turn + tip
    style_of = rng.choice(["filled", "outline", "open"])
    if style_of == "filled":
        cv2.fillPoly(layer, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA)
    elif style_of == "outline":
        cv2.polylines(layer, [np.round(points).astype(np.int32)], True, 255, 1, cv2.LINE_AA)
    else:
        for x, y in ((-length, 0), (-head / 2, width / 3), (-head / 2, -width / 3)):
            end = np.array((x, y)) @ turn + tip
            cv2.line(layer, tuple(map(int, tip)), tuple(map(int, end)), 255, 2, cv2.LINE_AA)
    return [(layer, "arrow", 0)]


def draw_ellipse(rng, shape, style):
    """An ellipse of dots, as round a measured lesion."""
    layer = np.zeros(shape, np.uint8)
    axes, angle, step = rng.uniform((30, 18), (90, 45)), rng.uniform(0, np.pi), rng.uniform(4, 9)
    centre = rng.uniform((110, 110), (shape[1] - 110, shape[0] - 110))
    turns = np.linspace(0, 2 * np.pi, 2000)
    path = np.stack([axes[0] * np.cos(turns), axes[1] * np.sin(turns)], axis=1)
    path = path @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + centre
    run = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    for at in np.arange(0, run[-1] - step / 2, step):
        x, y = np.round(path[np.searchsorted(run, at)]).astype(int)
        layer[y, x] = 255
    return [(layer, "dotted_line", 0)]
