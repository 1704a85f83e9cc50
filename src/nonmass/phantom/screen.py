"""The exported screen around the field of view: three devices of brands that do not exist."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.phantom.acoustics import Floats, Settings

Screen = NDArray[np.uint8]
Colour = tuple[int, int, int]  # blue, green, red

GAP_PX = 20  # between the field and the nearest mark outside: more than a JPEG block with its chroma


@dataclass(frozen=True)
class Layout:
    """How one device arranges its screen.

    Attributes:
        device: Invented brand and model.
        size_px: Width and height of the export.
        area: Where the field may lie; it hangs from the top, centred.
        probe_mm: Width of the linear probe.
        shell: Gray level around the field.
        ink: Colour of text and ruler.
        accent: Colour of logo and focus marks.
        caliper: Colour of calipers.
        tint: Gain of blue, green and red of the gray map.
        ruler_side: -1 if ruler and gray bar stand left and right of the field, 1 if the other way round.
        jpeg_quality: Of the export.
    """

    device: str
    size_px: tuple[int, int]
    area: Box
    probe_mm: float
    shell: int
    ink: Colour
    accent: Colour
    caliper: Colour
    tint: tuple[float, float, float]
    ruler_side: int
    jpeg_quality: int


LAYOUTS = (
    Layout(
        "Norvex S1", (1024, 768), Box(150, 78, 890, 682), 38.0, 0,
        (225, 225, 225), (60, 170, 250), (240, 240, 240), (1.0, 1.0, 1.0), 1, 92,
    ),
    Layout(
        "Aluvia 9", (1280, 960), Box(190, 104, 1110, 850), 40.0, 0,
        (190, 220, 150), (80, 220, 120), (60, 230, 250), (1.06, 1.0, 0.92), -1, 90,
    ),
    Layout(
        "Quill T5", (1292, 970), Box(150, 96, 1150, 866), 44.0, 26,
        (235, 225, 205), (220, 130, 40), (120, 240, 160), (0.97, 1.0, 1.02), 1, 95,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What the screen says. All of it is invented, and says so."""

    name: str
    number: str
    date: str
    side: str
    position: float


def draw_words(rng: np.random.Generator) -> Words:
    """Draw a patient's and an examination's text; the year has not come yet."""
    return Words(
        name=f"PHANTOM {rng.integers(10_000):04d}",
        number=f"ID X{rng.integers(10**6):06d}",
        date=f"2099-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}",
        side=str(rng.choice(("LEFT", "RIGHT"))),
        position=rng.uniform(0, 2 * np.pi),
    )


def field_box(layout: Layout, settings: Settings) -> Box:
    """Where the field lies: as large as the area allows at true proportions."""
    area = layout.area
    px_per_mm = min(area.width / settings.width_mm, area.height / settings.depth_mm)
    width, height = round(settings.width_mm * px_per_mm), round(settings.depth_mm * px_per_mm)
    left = (area.x0 + area.x1 - width) // 2
    return Box(left, area.y0, left + width, area.y0 + height)


def dress(layout: Layout, gray: Floats, settings: Settings, words: Words) -> Screen:
    """The screen, (height, width, 3) BGR, with the field in its box and the device's marks around it.

    Args:
        layout: The device.
        gray: (rows, columns) gray levels of the field, 0 to 255, on the simulated grid.
        settings: The image's settings, which the ruler and the parameter text show.
        words: The invented text.
    """
    box = field_box(layout, settings)
    screen = np.full((layout.size_px[1], layout.size_px[0], 3), layout.shell, np.uint8)
    screen[box.slices] = _tinted(layout, gray, box)
    _draw_header(screen, layout, words)
    _draw_parameters(screen, layout, settings)
    _draw_ruler(screen, layout, box, settings)
    _draw_gray_bar(screen, layout, box)
    _draw_body_mark(screen, layout, words)
    return screen


def in_screen(layout: Layout, field: NDArray[np.uint8], settings: Settings) -> NDArray[np.uint8]:
    """A (rows, columns) map of the field in pixels of the whole screen; 0 outside."""
    box = field_box(layout, settings)
    whole = np.zeros((layout.size_px[1], layout.size_px[0]), np.uint8)
    whole[box.slices] = cv2.resize(field, (box.width, box.height), interpolation=cv2.INTER_NEAREST)
    return whole


def _tinted(layout: Layout, gray: Floats, box: Box) -> Screen:
    large = cv2.resize(gray.astype(np.uint8), (box.width, box.height), interpolation=cv2.INTER_CUBIC)
    colours = np.clip(np.outer(np.arange(256), layout.tint), 0, 255).astype(np.uint8)
    tinted: Screen = cv2.LUT(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), colours[None])
    return tinted


def _write(screen: Screen, text: str, at: tuple[int, int], colour: Colour, size: float = 1.0) -> None:
    cv2.putText(screen, text, at, cv2.FONT_HERSHEY_PLAIN, size, colour, 1, cv2.LINE_AA)


def _draw_header(screen: Screen, layout: Layout, words: Words) -> None:
    width = layout.size_px[0]
    cv2.rectangle(screen, (0, 0), (width, 44), (layout.shell + 22,) * 3, cv2.FILLED)
    _write(screen, layout.device.upper(), (14, 31), layout.accent, 1.5)
    _write(screen, f"{words.name}   {words.number}", (width // 3, 28), layout.ink, 1.1)
    _write(screen, words.date, (width - 140, 28), layout.ink, 1.1)


def _draw_parameters(screen: Screen, layout: Layout, settings: Settings) -> None:
    lines = (
        "Breast",
        f"{settings.frequency_mhz:.1f} MHz",
        f"D {settings.depth_mm / 10:.1f} cm",
        f"C {settings.contrast:.0f}",
        f"Gn {settings.level:.0f}",
        "TIs 0.2",
        "MI 0.8",
    )
    for number, line in enumerate(lines):
        _write(screen, line, (10, layout.size_px[1] // 3 + 24 * number), layout.ink)


def _draw_ruler(screen: Screen, layout: Layout, box: Box, settings: Settings) -> None:
    """A tick every 5 mm, a longer one with its number every centimetre, and the focus."""
    x = box.x1 + GAP_PX if layout.ruler_side > 0 else box.x0 - GAP_PX
    px_per_mm = box.height / settings.depth_mm
    for half_cm in range(int(settings.depth_mm / 5) + 1):
        y = box.y0 + round(5 * half_cm * px_per_mm)
        length = 5 if half_cm % 2 else 10
        cv2.line(screen, (x, y), (x + length * layout.ruler_side, y), layout.ink, 1)
        if half_cm % 2 == 0:
            _write(screen, f"{half_cm // 2}", (x + (16 if layout.ruler_side > 0 else -28), y + 5), layout.ink, 0.9)
    y = box.y0 + round(settings.focus_mm * px_per_mm)
    x += 34 * layout.ruler_side
    tip = np.array([(x, y), (x + 12 * layout.ruler_side, y - 7), (x + 12 * layout.ruler_side, y + 7)])
    cv2.fillPoly(screen, [tip], layout.accent)


def _draw_gray_bar(screen: Screen, layout: Layout, box: Box) -> None:
    x = box.x0 - GAP_PX - 14 if layout.ruler_side > 0 else box.x1 + GAP_PX
    ramp = np.linspace(255, 0, 160)[:, None] * np.array(layout.tint)
    screen[box.y0 : box.y0 + 160, x : x + 14] = np.clip(ramp, 0, 255).astype(np.uint8)[:, None]


def _draw_body_mark(screen: Screen, layout: Layout, words: Words) -> None:
    """A breast as a circle, the probe as a bar across it."""
    centre = np.array([60, layout.size_px[1] - 70])
    cv2.circle(screen, centre.tolist(), 30, layout.ink, 1, cv2.LINE_AA)
    cv2.circle(screen, centre.tolist(), 4, layout.ink, 1, cv2.LINE_AA)
    outwards = np.array([np.cos(words.position), np.sin(words.position)])
    ends = [np.round(centre + 20 * outwards + 12 * sign * outwards[::-1] * (1, -1)).astype(int) for sign in (-1, 1)]
    cv2.line(screen, ends[0].tolist(), ends[1].tolist(), layout.accent, 3, cv2.LINE_AA)
    _write(screen, f"{words.side} BREAST", (110, layout.size_px[1] - 40), layout.ink, 1.1)
