"""What `kept_apart_screens` draws with: tissue and what goes wrong with it, pen and paper, marks of the operator."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nonmass.geometry import Box
from nonmass.phantom.acoustics import draw_settings, image_of
from nonmass.phantom.distractors import draw_distractors, with_distractors
from nonmass.phantom.lesions import with_lesion
from nonmass.phantom.patients import draw_patient
from nonmass.phantom.tissue import draw_tissue

SIZES = {"cart": (1180, 885), "window": (1440, 810), "compact": (720, 540)}
WHITE, YELLOW, GREEN, CYAN = (232, 232, 232), (240, 224, 60), (90, 230, 120), (90, 205, 235)


@dataclass(frozen=True)
class Drawn:
    """A screen and its truth.

    Attributes:
        pixels: (H, W, 3) RGB uint8, before any JPEG.
        fields: Any of them is right; none on a screen that has to be refused.
        outline: (H, W) bool, where the field is no rectangle.
        conditions: What makes it easy or hard.
        quality: Of its JPEG.
    """

    pixels: np.ndarray
    fields: tuple[Box, ...]
    outline: np.ndarray | None
    conditions: tuple[str, ...]
    quality: int


class Sheet:
    """A screen being drawn: pixels (H, W, 3), and Pillow's pen for what is no tissue."""

    def __init__(self, layout, shell):
        self.image = Image.new("RGB", SIZES[layout], shell)
        self.pen = ImageDraw.Draw(self.image)

    def write(self, x, y, words, size=15, ink=WHITE):
        self.pen.text((x, y), words, fill=ink, font=ImageFont.load_default(size))

    def bar(self, x0, y0, x1, y1, fill, edge=None):
        """Pixels x0 <= x < x1, y0 <= y < y1."""
        self.pen.rectangle((x0, y0, x1 - 1, y1 - 1), fill=fill, outline=edge)

    def paste(self, colours, box):
        self.image.paste(Image.fromarray(colours), (box.x0, box.y0))

    def ramp(self, box, ends=(255, 0)):
        gray = np.linspace(*ends, box.height).astype(np.uint8)[:, None, None]
        self.paste(np.broadcast_to(gray, (box.height, box.width, 3)).copy(), box)


def tissue(rng, number, width_mm, depth_mm):
    """(rows, columns) gray levels, 0 to 255, of a patient's breast."""
    patient = draw_patient(977, ("mass", "non_mass", "normal")[number % 3], number)
    settings = replace(draw_settings(rng, width_mm), depth_mm=depth_mm)
    slice_ = draw_tissue(rng, patient.anatomy, settings.shape)
    slice_ = with_distractors(rng, slice_, patient.anatomy, draw_distractors(rng, patient.lesion is not None, False))
    if patient.lesion:
        slice_, _ = with_lesion(rng, slice_, patient.lesion, 977, patient.finding == "mass")
    return image_of(slice_.echo_db, slice_.excess_db_per_mm, settings, rng)


def worsen(rng, gray, likely):
    """The field as scans go wrong, and the names of what went wrong; `likely` is a probability for each."""
    rows, columns = np.mgrid[0 : 1 : 1j * gray.shape[0], 0 : 1 : 1j * gray.shape[1]]
    found = [name for name, share in likely.items() if rng.random() < share]
    if "dark gain" in found:
        gray = rng.uniform(0.35, 0.6) * gray - rng.uniform(0, 8)
    if "black depth" in found:
        start = rng.uniform(0.55, 0.85) + 0.03 * np.sin(9 * columns + rng.uniform(0, 6))
        gray = gray - 260 * np.clip((rows - start) / rng.uniform(0.05, 0.2), 0, 1)
    if "black side" in found:  # the probe lifts off: under its face nothing but echoes of itself
        outwards = columns if rng.random() < 0.5 else 1 - columns
        lost = np.clip((outwards - rng.uniform(0.72, 0.9)) / 0.03, 0, 1) * np.clip((rows - 0.03) / 0.03, 0, 1)
        gray = gray * (1 - 0.98 * lost)
    if "fluid at edge" in found:
        x, y = rng.choice((0.0, 1.0)), rng.uniform(0.3, 0.7)
        inside = ((columns - x) / rng.uniform(0.15, 0.35)) ** 2 + ((rows - y) / rng.uniform(0.12, 0.25)) ** 2 < 1
        gray = np.where(inside, gray * 0.04, gray)
    if rng.random() < 0.5:  # the probe's own face
        gray = gray + 140 * np.exp(-rows / rng.uniform(0.004, 0.02))
    return np.clip(gray, 0, 255).astype(np.float32), tuple(found)


def gray_map(rng, likely):
    """Gain of red, green and blue that the operator has chosen."""
    maps = ((1.08, 1.0, 0.82), (0.86, 0.97, 1.12), (1.1, 0.93, 0.75))
    return np.array(maps[rng.integers(3)] if rng.random() < likely else (1.0, 1.0, 1.0))


def coloured(gray, tint=1.0):
    """(H, W, 3) uint8 of a gray field."""
    return np.clip(gray[..., None] * tint, 0, 255).repeat(1 if np.ndim(tint) else 3, axis=2).astype(np.uint8)


def flow(rng, sheet, box):
    """A colour box with some vessels in it, within a field."""
    width, height = int(box.width * rng.uniform(0.3, 0.6)), int(box.height * rng.uniform(0.3, 0.6))
    x, y = box.x0 + int(rng.integers(8, box.width - width)), box.y0 + int(rng.integers(8, box.height - height))
    pixels = np.asarray(sheet.image.crop((x, y, x + width, y + height))).astype(np.float32)
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 0.03 * width)
    speed = noise / noise.std()
    for sign, ink in ((1, (255, 60, 10)), (-1, (20, 90, 255))):
        strength = np.clip(sign * speed - rng.uniform(1.2, 2.2), 0, 1)[..., None]
        pixels = np.where(strength > 0, np.array(ink) * (0.55 + 0.45 * strength), pixels)
    sheet.paste(np.clip(pixels, 0, 255).astype(np.uint8), Box(x, y, x + width, y + height))
    sheet.pen.rectangle((x, y, x + width, y + height), outline=(GREEN, WHITE, YELLOW)[rng.integers(3)])


def calipers(rng, sheet, box, ink, margin=0.04):
    """One or two distances: ends as crosses, dots between, in the field but for a share at its edges."""
    near, size = np.array((box.x0, box.y0)), np.array((box.width, box.height))
    for pair in range(int(rng.integers(1, 3))):
        ends = near + size * rng.uniform(margin, 1 - margin, (2, 2))
        for x, y in ends:
            slant = 5 * pair
            sheet.pen.line((x - 6, y - slant, x + 6, y + slant), fill=ink, width=2)
            sheet.pen.line((x + slant, y - 6, x - slant, y + 6), fill=ink, width=2)
        for share in np.arange(0, 1, 9 / max(np.hypot(*(ends[1] - ends[0])), 30)):
            x, y = ends[0] + share * (ends[1] - ends[0])
            sheet.pen.point(((x, y), (x + 1, y)), fill=ink)


def body_mark(sheet, x, y, rng):
    """Two breasts as arcs and where the probe lay, on what is below, 90 x 50 px."""
    for shift in (0, 44):
        sheet.pen.arc((x + shift, y, x + shift + 42, y + 42), 0, 360, fill=CYAN)
        sheet.pen.ellipse((x + shift + 18, y + 18, x + shift + 24, y + 24), outline=CYAN)
    u, v = x + rng.uniform(8, 76), y + rng.uniform(8, 34)
    sheet.pen.line((u - 7, v - 3, u + 7, v + 3), fill=YELLOW, width=4)


def identity(rng):
    """A name, number and date that nobody has: letters at random, a year to come."""
    letters = [chr(65 + letter) for letter in rng.integers(0, 26, 12)]
    name = "".join(letters[: rng.integers(4, 9)]) + ", " + "".join(letters[9:]).title()
    return name, f"{rng.integers(10**7, 10**8)}", f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.2097"


CAPTIONS = ("LT BREAST 2:00 N+3 RAD", "RIGHT UOQ ANTIRAD", "re. aussen oben", "L 10h 4cm FN TRANS", "AXILLA R")


def caption(rng, sheet, box, size=19, ink=WHITE):
    """A line of the operator's: under the field, on its lower edge, or within."""
    lift = int(rng.choice((-6, size // 2, size + 14)))
    sheet.write(box.x0 + int(rng.integers(0, 120)), box.y1 - lift, str(rng.choice(CAPTIONS)), size, ink)
