"""Exported screens of three devices that the finder was not built on, drawn here so that their fields are known.

The tissue is the phantom's; what stands around it is not. Whoever works on the finder does not look in here.
"""

from dataclasses import replace

import cv2
import numpy as np
from kept_apart_drawing import (
    CAPTIONS,
    CYAN,
    GREEN,
    WHITE,
    YELLOW,
    Drawn,
    Sheet,
    body_mark,
    calipers,
    caption,
    coloured,
    flow,
    gray_map,
    identity,
    tissue,
    worsen,
)

from nonmass.determinism import generator
from nonmass.geometry import Box

QUALITIES = {"cart": (80, 96), "window": (75, 96), "compact": (70, 81)}


def draw(layout, number):
    """The `number`-th screen of a layout."""
    rng = generator("kept apart", layout, number)
    drawn = {"cart": _cart, "window": _window, "compact": _compact}[layout](rng, number)
    return replace(drawn, quality=int(rng.integers(*QUALITIES[layout])))


# A cart: black, field to the right


def _cart(rng, number):
    sheet = Sheet("cart", (0, 0, 0))
    depth_mm = float(rng.choice((25, 30, 35, 40, 50), p=(0.1, 0.25, 0.3, 0.25, 0.1)))
    px_per_mm = min(800 / 40, 700 / depth_mm)
    width, height, extra = round(40 * px_per_mm), round(depth_mm * px_per_mm), []
    if rng.random() < 0.1:
        width, height, extra = 800, int(rng.integers(460, 700)), ["zoom"]
    box = Box(1040 - width, 96, 1040, 96 + height)
    gray = tissue(rng, number, width / height * depth_mm, depth_mm)
    likely = {"black depth": 0.15, "black side": 0.1, "dark gain": 0.12, "fluid at edge": 0.08}
    gray, found = worsen(rng, cv2.resize(gray, (width, height), interpolation=cv2.INTER_CUBIC), likely)
    _cart_shell(rng, sheet, box)
    sheet.paste(coloured(gray, gray_map(rng, 0.15)), box)
    if rng.random() < 0.1:
        flow(rng, sheet, box)
        extra.append("colour box")
    if rng.random() < 0.5:
        calipers(rng, sheet, box, (WHITE, YELLOW)[rng.integers(2)])
        sheet.write(60, 800, f"1 D {rng.uniform(4, 30):.1f} mm", 18, YELLOW)
    _cart_marks(rng, sheet, box, height / depth_mm)
    return Drawn(np.asarray(sheet.image), (box,), None, (*found, *extra) or ("plain",), 0)


def _cart_shell(rng, sheet, box):
    """Banner, thumbnails of earlier images, parameters, status."""
    name, code, date = identity(rng)
    for row in range(58):
        sheet.bar(0, row, 1180, row + 1, (24 + row // 2, 26 + row // 2, 34 + row // 2))
    sheet.write(18, 8, name, 21)
    sheet.write(18, 34, f"{code}   *{date}", 15)
    sheet.write(560, 18, "KLINIKUM BEISPIEL", 18)
    sheet.write(1010, 8, f"{rng.integers(7, 19):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}", 17)
    for place in range(int(rng.integers(0, 6))):
        small = tissue(rng, int(rng.integers(10**6)), 40, 30)
        small = cv2.resize(small, (136, 102), interpolation=cv2.INTER_AREA)
        sheet.paste(coloured(small), Box(12, 96 + 122 * place, 148, 198 + 122 * place))
        sheet.write(12, 198 + 122 * place, f"{place + 1}/{rng.integers(6, 30)}", 12, (150, 150, 150))
    words = (
        "15L4",
        f"{rng.integers(18, 44)} Hz",
        f"DR {rng.integers(50, 75)}",
        "Map E",
        f"{rng.integers(-9, 9)} dB",
        "S 2",
    )
    for row, line in enumerate(words):
        sheet.write(1104, 110 + 22 * row, line, 15, CYAN)
    sheet.bar(0, 852, 1180, 885, (38, 38, 42))
    sheet.write(20, 859, "Freeze   Measure   Annotate   Store", 15, (170, 170, 170))


def _cart_marks(rng, sheet, box, px_per_mm):
    """What clings to the field: gray bar at its left, ticks across its right edge, gain curve, logo, caption."""
    sheet.ramp(Box(box.x0 - 12, box.y0, box.x0, box.y0 + int(0.35 * box.height)))
    for tick in range(int(box.height / px_per_mm / 5) + 1):
        y = min(box.y0 + round(5 * tick * px_per_mm), box.y1 - 1)
        sheet.pen.line((box.x1 - (5 if tick % 2 else 9), y, box.x1 + 6, y), fill=WHITE)
        if tick % 2 == 0:
            sheet.write(box.x1 + 10, y - 9, f"{tick // 2}", 15)
    if rng.random() < 0.5:
        xs = box.x1 + 8 + np.cumsum(np.abs(rng.normal(0, 7, 9)))
        points = list(zip(xs.tolist(), np.linspace(box.y0, box.y1 - 1, 9).tolist(), strict=True))
        sheet.pen.line(points, fill=(120, 190, 120), width=1)
    sheet.pen.ellipse((box.x0 + 3, box.y0 - 17, box.x0 + 17, box.y0 - 3), outline=CYAN, fill=(20, 60, 90))
    y = box.y0 + int(rng.uniform(0.2, 0.7) * box.height)
    sheet.pen.polygon(((box.x1 + 1, y), (box.x1 + 9, y - 5), (box.x1 + 9, y + 5)), fill=YELLOW)
    if rng.random() < 0.7:
        caption(rng, sheet, box)
    if rng.random() < 0.4:
        body_mark(sheet, box.x1 - 100, box.y1 - 60, rng)


# A window of a computer: gray, with a frame around the field


def _window(rng, number):
    sheet = Sheet("window", (74, 78, 84))
    depth_mm = float(rng.choice((25, 30, 35, 45), p=(0.15, 0.35, 0.35, 0.15)))
    width, height, extra = round(640 * 38 / depth_mm), 640, []
    box = Box(730 - width // 2, 96, 730 - width // 2 + width, 736)
    gray = tissue(rng, number, 38, depth_mm)
    likely = {"black depth": 0.15, "black side": 0.1, "dark gain": 0.3, "fluid at edge": 0.08}
    gray, found = worsen(rng, cv2.resize(gray, (width, height), interpolation=cv2.INTER_CUBIC), likely)
    _window_shell(rng, sheet)
    sheet.bar(box.x0 - 1, box.y0 - 1, box.x1 + 1, box.y1 + 1, (0, 0, 0), (150, 154, 160))
    sheet.paste(coloured(gray, gray_map(rng, 0.1)), box)
    if rng.random() < 0.25:
        flow(rng, sheet, box)
        for row in range(160):
            ink = (255 - row * 3, 80 - row, 0) if row < 80 else (0, row - 80, 95 + row)
            sheet.bar(box.x0 - 26, box.y0 + row, box.x0 - 10, box.y0 + row + 1, tuple(max(0, v) for v in ink))
        extra.append("colour box")
    _window_marks(rng, sheet, box, height / depth_mm, extra)
    return Drawn(np.asarray(sheet.image), (box,), None, (*found, *extra) or ("plain",), 0)


def _window_shell(rng, sheet):
    """Title, canvas, panels with buttons and sliders, status line."""
    name, code, date = identity(rng)
    sheet.bar(0, 0, 1440, 34, (46, 52, 64))
    sheet.write(14, 7, f"SonaDesk  -  {name}  [{code}]", 17)
    for place, ink in enumerate(((90, 90, 96), (90, 90, 96), (190, 70, 60))):
        sheet.bar(1330 + 36 * place, 8, 1358 + 36 * place, 26, ink)
    sheet.bar(210, 44, 1250, 780, (40, 42, 46), (108, 112, 118))
    for row, words in enumerate(("Gain", "Depth", "Preset", "Dual", "Doppler", "Freeze", "Biopsy", "Export")):
        sheet.pen.rounded_rectangle(
            (16, 60 + 62 * row, 194, 106 + 62 * row), 7, fill=(112, 116, 124), outline=(140,) * 3
        )
        sheet.write(60, 72 + 62 * row, words, 18, (24, 24, 28))
    sheet.write(16, 590, date, 15, (24, 24, 28))
    sheet.bar(1262, 44, 1430, 780, (58, 60, 66))
    for row in range(8):
        y, x = 80 + 50 * row, 1276 + int(rng.integers(10, 120))
        sheet.pen.line((1276, y, 1416, y), fill=(150, 150, 150), width=3)
        sheet.pen.ellipse((x - 8, y - 8, x + 8, y + 8), fill=(200, 204, 210))
    for row, words in enumerate(
        ("MI 0.9", "TIS 0.1", f"FR {rng.integers(14, 40)}", f"G {rng.integers(30, 80)} %", "12 MHz")
    ):
        sheet.write(1276, 500 + 24 * row, words, 16)
    sheet.write(20, 786, "Ready", 14, (20, 20, 24))


def _window_marks(rng, sheet, box, px_per_mm, extra):
    """Ticks inside the field, focus, calipers, and a panel of results in or across a corner."""
    for tick in range(int(box.height / px_per_mm / 5) + 1):
        y = min(box.y0 + round(5 * tick * px_per_mm), box.y1 - 1)
        sheet.pen.line((box.x0, y, box.x0 + (5 if tick % 2 else 11), y), fill=GREEN)
    if rng.random() < 0.6:
        calipers(rng, sheet, box, (GREEN, YELLOW, (255, 120, 60))[rng.integers(3)])
    if rng.random() < 0.4:
        shift = int(rng.choice((0, 60, 120)))  # within the field, across its edge, most of it outside
        x, y = box.x1 - 176 + shift, box.y0 + 6 if rng.random() < 0.5 else box.y1 - 84
        sheet.bar(x, y, x + 170, y + 78, (22, 24, 30), (170, 170, 60))
        for row in range(3):
            sheet.write(x + 8, y + 6 + 23 * row, f"D{row + 1}  {rng.uniform(3, 30):.1f} mm", 17, YELLOW)
        extra.append("results across edge" if shift else "results inside")
    if rng.random() < 0.5:
        sheet.write(box.x0 + 20, box.y1 - 30, str(rng.choice(CAPTIONS)), 18, (255, 170, 60))
    if rng.random() < 0.4:
        sheet.write(box.x0 + 8, box.y0 + 4, "SonaDesk", 20, (120, 170, 255))


# A compact device: small, black, strongly compressed; any probe, one field or two


def _compact(rng, number):
    sheet = Sheet("compact", (0, 0, 0))
    kind = str(rng.choice(("linear", "trapezoid", "curved", "dual"), p=(0.3, 0.3, 0.2, 0.2)))
    likely = {"black depth": 0.12, "black side": 0.05, "dark gain": 0.12, "fluid at edge": 0.05}
    depth_mm = float(rng.choice((30, 36, 42)))
    outline, boxes = None, ()
    if kind in ("linear", "dual"):
        height = 400 if kind == "linear" else 340
        width = min(round(height * 38 / depth_mm), 560 if kind == "linear" else 306)
        left = 360 - width // 2 if kind == "linear" else 42
        boxes = (Box(left, 70, left + width, 70 + height),)
        if kind == "dual":
            left += width + int(rng.choice((2, 6, 14)))
            boxes += (Box(left, 70, left + width, 70 + height),)
    else:
        outline, u, v = FANS[kind](rng)
        ys, xs = np.nonzero(outline)
        boxes = (Box(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1),)
    tint, found = gray_map(rng, 0.08), set()
    for box in boxes:
        gray, wrong = worsen(rng, tissue(rng, number, 38 if kind != "curved" else 60, depth_mm), likely)
        found.update(wrong)
        if outline is None:
            gray = cv2.resize(gray, (box.width, box.height), interpolation=cv2.INTER_AREA)
            sheet.paste(coloured(gray, tint), box)
            continue
        places = [share * (size - 1) for share, size in ((u, gray.shape[1]), (v, gray.shape[0]))]
        seen = cv2.remap(gray, *(place.astype(np.float32) for place in places), cv2.INTER_LINEAR)
        whole = np.where(outline[..., None], coloured(seen, tint), 0)
        sheet.paste(whole[box.slices].astype(np.uint8), box)
    _compact_marks(rng, sheet, boxes, 360 / depth_mm, 0.04 if outline is None else 0.28)
    return Drawn(np.asarray(sheet.image), boxes, outline, (kind, *sorted(found)), 0)


def _trapezoid(rng):
    """Outline, and the place in the field (across, down) of each pixel, for lines that leave a flat probe fanwise."""
    x, y = np.meshgrid(np.arange(720) + 0.5, np.arange(540) + 0.5)
    half, height, top = rng.uniform(120, 170), rng.uniform(330, 400), 66.0
    steep = np.tan(np.radians(rng.uniform(10, 19)))
    apex = half / steep  # above the probe's face
    across = (x - 350) / (y - top + apex) / steep
    if rng.random() < 0.5:  # every line is as long: the bottom is round
        down = (np.hypot(x - 350, y - top + apex) - apex * np.hypot(1, (x - 350) / (y - top + apex))) / height
    else:
        down = (y - top) / height
    outline = (np.abs(across) <= 1) & (down >= 0) & (down < 1) & (y > top)
    return outline, across / 2 + 0.5, down


def _curved(rng):
    """As `_trapezoid`, for a convex probe."""
    x, y = np.meshgrid(np.arange(720) + 0.5, np.arange(540) + 0.5)
    widest, inner = np.radians(rng.uniform(27, 36)), rng.uniform(110, 170)
    outer = inner + rng.uniform(290, 350)
    apex = 62 - inner * np.cos(widest)  # the probe's ends are at y = 62
    angle = np.arctan2(x - 352, y - apex)
    down = (np.hypot(x - 352, y - apex) - inner) / (outer - inner)
    outline = (np.abs(angle) <= widest) & (down >= 0) & (down < 1)
    return outline, angle / widest / 2 + 0.5, down


FANS = {"trapezoid": _trapezoid, "curved": _curved}


def _compact_marks(rng, sheet, boxes, px_per_mm, margin):
    """Lines of text above and below, dots for the depth, gray bar, calipers, body mark."""
    name, code, date = identity(rng)
    sheet.write(8, 6, f"{name}  {code}", 14)
    sheet.write(590, 6, date, 14)
    sheet.write(
        8, 26, f"L12-3  {rng.integers(10, 40)}fps  G{rng.integers(30, 90)}  DR{rng.integers(50, 90)}", 12, GREEN
    )
    sheet.write(620, 26, "MI 0.7 TIs 0.1", 11)
    for tick in range(1, int(min(boxes[0].height, 420) / px_per_mm / 5) + 1):
        y = boxes[0].y0 + round(5 * tick * px_per_mm)
        sheet.bar(boxes[0].x0 - 8, y - 1, boxes[0].x0 - (6 if tick % 2 else 4), y + 1, WHITE)
    sheet.ramp(Box(700, 70, 710, 190))
    if rng.random() < 0.5:
        calipers(rng, sheet, boxes[int(rng.integers(len(boxes)))], (WHITE, YELLOW)[rng.integers(2)], margin)
        sheet.write(520, 500, f"+ {rng.uniform(3, 30):.1f} mm", 14, YELLOW)
    if rng.random() < 0.5:
        body_mark(sheet, 8, 486, rng)
    if rng.random() < 0.6:
        sheet.write(160, 496, str(rng.choice(CAPTIONS)), 15)
