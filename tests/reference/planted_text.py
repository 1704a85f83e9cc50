"""Fields of view of phantoms with lines of text planted in known places. All that they say is invented."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nonmass.determinism import generator
from nonmass.geometry import Box
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import draw_patient
from nonmass.tables import FINDINGS, TEXT_KINDS

FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "STIXGeneral", "cmss10", "")  # "": Pillow's
HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
HERSHEY_CAP_PX = 21  # height of a capital at scale 1
# Blue, green, red: white, light gray, yellow, green, cyan, orange.
INKS = ((255, 255, 255), (225, 225, 225), (0, 255, 255), (60, 240, 60), (255, 255, 0), (40, 170, 255))
CAP_PX = (12, 28)
SURNAMES = (
    "KOVALENT",
    "SMITHERS",
    "OLIVARES",
    "TANABE",
    "BRANDWEIN",
    "MOREIRO",
    "DUPRES",
    "Harlow",
    "Okafori",
    "Vance",
)
GIVEN = ("JANE", "MARIA", "ANNA", "LUCIA", "HELEN", "ROSA", "Julia", "Emma", "Nadia", "Ines")
# Names and codes that are words, or parts of words, of sonographers and devices.
COLLIDING = (
    *("Erna Plant", "ERNA LARES", "Dr. Long", "DR LONG", "Line Herd", "ARES", "ABLE", "ERNO", "CORTE", "LINKE, ERNO"),
    *("Prof. Herd", "FR POST", "J LONG", "A12", "B-1203"),
)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class Planted:
    """One field and the truth about it.

    Attributes:
        field: `(H, W, 3)` uint8 BGR, as it comes out of the device's JPEG.
        kinds: Kind of each line.
        boxes: Box of each line's ink, pixels of the field.
        inks: `(H, W)` int, number of the line that drew the pixel, from 1; 0 elsewhere.
    """

    field: np.ndarray
    kinds: tuple[str, ...]
    boxes: tuple[Box, ...]
    inks: np.ndarray


def plant(number, n_lines=6):
    """The `number`th field: so many lines of it in random fonts, inks and sizes, and marks that are no text."""
    rng = generator("planted text", number)
    field = bare_field(rng, number)
    inks, kinds, boxes = np.zeros(field.shape[:2], int), [], []
    rows = np.linspace(4, field.shape[0] - 44, n_lines).astype(int) if n_lines else []
    for line, row in enumerate(rows, 1):
        kind = TEXT_KINDS[int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))]
        glyphs = render(rng, words(rng, kind))
        glyphs = glyphs[:, : field.shape[1] - 8]
        x = int(rng.integers(4, field.shape[1] - glyphs.shape[1] - 3))
        box = Box(x, int(row), x + glyphs.shape[1], int(row) + glyphs.shape[0])
        ink(rng, field[box.slices], glyphs)
        inks[box.slices][glyphs > 127] = line
        kinds.append(kind)
        boxes.append(box)
    draw_marks(rng, field, inks > 0)
    quality = int(rng.integers(85, 97))
    field = cv2.imdecode(cv2.imencode(".jpg", field, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return Planted(field, tuple(kinds), tuple(boxes), inks)


def bare_field(rng, number):
    """A field without calipers, whose numbers would be text that nobody planted."""
    for attempt in range(100):
        patient = draw_patient(11, FINDINGS[number % 3], 100 * number + attempt)
        export = draw_export(11, patient, 1)
        if not export.n_calipers:
            return export.screen[export.box.slices].copy()
    raise AssertionError("no phantom without calipers")


def words(rng, kind):
    """What a line says."""

    def pick(*options):
        return str(rng.choice(options))

    def number(low, high):
        return int(rng.integers(low, high))

    day, month, year = number(1, 29), number(1, 13), number(1930, 2024)
    options = {
        "phi-suspect": (
            f"{pick(*SURNAMES)}^{pick(*GIVEN)}", f"{pick(*SURNAMES)}, {pick(*GIVEN)}",
            f"{pick(*GIVEN)} {pick(*SURNAMES)}",
            f"{number(20, 90)} ANOS", f"{number(20, 90)}Y", f"0{number(20, 90)}Y", f"AGE {number(20, 90)}",
            f"{day:02d}/{month:02d}/{year}", f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}",
            f"{day:02d} {MONTHS[month - 1]} {year}", f"{number(8, 19):02d}:{number(10, 60)}:{number(10, 60)}",
            pick(*COLLIDING), pick(*COLLIDING), pick(*COLLIDING),
            f"DOB {day:02d}.{month:02d}.{year}", f"ID {number(10**6, 10**8)}", f"{number(10**5, 10**9)}",
        ),
        "annotation": (
            f"{pick('RT', 'LT', 'RIGHT', 'LEFT')} BREAST", f"{pick('R', 'L')} {number(1, 13)}H {number(1, 9)} CM FN",
            "AXILLA", f"{pick('RAD', 'ANTIRAD')}", f"MAMA {pick('DIREITA', 'ESQUERDA')}", f"QSE {pick('DIR', 'ESQ')}",
            f"{number(1, 5)}.{number(10, 99)} cm", f"D1 {number(3, 40)}.{number(0, 10)} mm", "Mama izquierda",
            f"{number(1, 13)} o'clock", f"+ {number(3, 40)}.{number(0, 10)}mm", "Left Axilla", "Brust links",
        ),
        "device": (
            "LOGIQ E9", "PHILIPS", "mindray", "SIEMENS", f"L{number(10, 15)}-{number(3, 6)}", "EPIQ 7",
            f"MI {number(0, 2)}.{number(0, 10)}", f"FR {number(10, 60)}Hz", f"Gn {number(10, 90)}",
            "TIs 0.2", "DR 65 dB",
        ),
        "ruler": (f"{number(10, 60)}", f"{number(1, 9)} cm", f"{number(10, 50)} mm", f"{number(1, 6)}.{number(0, 10)}"),
    }[kind]  # fmt: skip
    return pick(*options)


def render(rng, text):
    """`(h, w)` uint8 coverage of a line whose capitals are 12 to 28 px high."""
    cap_px = int(rng.integers(CAP_PX[0], CAP_PX[1] + 1))
    choice = int(rng.integers(len(FACES) + len(HERSHEY)))
    if choice < len(FACES):
        return trimmed(render_face(FACES[choice], text, cap_px))
    font, scale = HERSHEY[choice - len(FACES)], cap_px / HERSHEY_CAP_PX
    thickness = 1 if cap_px < 18 else 2
    canvas = np.zeros((4 * cap_px, 3 * cap_px * (len(text) + 1)), np.uint8)
    cv2.putText(canvas, text, (cap_px, 2 * cap_px), font, scale, 255, thickness, cv2.LINE_AA)
    return trimmed(canvas)


def render_face(face, text, cap_px):
    """Likewise, not trimmed, with a FreeType face of the size at which an H has the height."""
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"

    def load(size):
        return ImageFont.truetype(str(folder / f"{face}.ttf"), size) if face else ImageFont.load_default(size)

    top, bottom = load(100).getbbox("H")[1::2]
    font = load(round(100 * cap_px / (bottom - top)))
    canvas = Image.new("L", (3 * cap_px * (len(text) + 1), 4 * cap_px))
    ImageDraw.Draw(canvas).text((cap_px, cap_px), text, 255, font)
    return np.array(canvas)


def trimmed(canvas):
    x, y, width, height = cv2.boundingRect(canvas)
    return canvas[y : y + height, x : x + width]


def ink(rng, under, glyphs):
    """Lay glyphs over a part of the field: bare, with a dark outline, or on a dark plate, as devices do."""
    share = glyphs[:, :, None] / 255
    style = int(rng.choice(3, p=(0.5, 0.3, 0.2)))
    if style == 1:
        under[cv2.dilate(glyphs, np.ones((3, 3), np.uint8)) > 60] = 10
    elif style == 2:
        under[:] = 16
    colour = np.array(INKS[int(rng.integers(len(INKS)))])
    under[:] = np.round(share * colour + (1 - share) * under).astype(np.uint8)


def draw_marks(rng, field, taken):
    """Crosses, a dotted line and an arrow where no text is."""
    height, width = field.shape[:2]
    ends = []
    while len(ends) < 4:
        x, y = int(rng.integers(12, width - 12)), int(rng.integers(12, height - 12))
        if not taken[y - 12 : y + 12, x - 12 : x + 12].any():
            ends.append((x, y))
    for x, y in ends[:3]:
        cv2.line(field, (x - 7, y), (x + 7, y), (240, 240, 240), 1)
        cv2.line(field, (x, y - 7), (x, y + 7), (240, 240, 240), 1)
    for x, y in np.linspace(ends[0], ends[1], 25).round().astype(int):
        if not taken[y - 2 : y + 3, x - 2 : x + 3].any():
            field[y, x] = 240
    x, y = ends[3]
    cv2.arrowedLine(field, (x - 9, y - 9), (x + 9, y + 9), (240, 240, 240), 2)
