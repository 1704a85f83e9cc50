"""Exported screens whose field of view is known, because it is drawn here."""

import cv2
import numpy as np

from nonmass.determinism import generator
from nonmass.geometry import Box

LAYOUTS = {
    # name: width, height, field, background level
    "black": (1024, 768, Box(150, 96, 856, 690), 0),
    "gray": (1280, 960, Box(232, 132, 1010, 840), 58),
    "panel": (800, 600, Box(96, 60, 642, 500), 0),
}


def speckle(key, height, width, deep_dark=0.0, cyst=True):
    """Log-compressed Rayleigh speckle in layers, `(height, width)` uint8; the deepest part falls to black."""
    rng = generator("speckle", key)
    real, imaginary = rng.normal(size=(2, height // 2 + 1, width // 2 + 1))
    blurred = [cv2.GaussianBlur(part, (0, 0), 1.6, sigmaY=0.8) for part in (real, imaginary)]
    envelope = np.hypot(*blurred)
    envelope = cv2.resize(envelope, (width, height), interpolation=cv2.INTER_LINEAR)
    depth = np.linspace(0, 1, height)[:, None]
    across = np.linspace(0, 1, width)[None, :]
    bend = 0.04 * np.sin(2 * np.pi * (across + rng.random()))
    fat = rng.uniform(0.15, 0.3)
    level = np.select(
        [depth < 0.02, depth < fat + bend, depth < 0.7 + bend], [185, 95, 130], 80 + np.zeros_like(depth + across)
    )
    if deep_dark:
        level = level - 170 * np.clip((depth - (1 - deep_dark)) / 0.1, 0, 1)
    x, y = rng.uniform(0.3, 0.7, 2)
    if cyst:
        level = np.where(((across - x) / 0.15) ** 2 + ((depth - y) / 0.1) ** 2 < 1, 15, level)
    decibels = 20 * np.log10(envelope / np.median(envelope) + 1e-3)
    return np.clip(level + 4.0 * decibels, 0, 255).astype(np.uint8)


def screen(layout, key, deep_dark=0.0, noise=True):
    """`(H, W)` uint8 screen of a layout with patient `key` on it."""
    width, height, box, background = LAYOUTS[layout]
    rng = generator("screen", layout, key)
    image = np.full((height, width), background, np.uint8)
    if layout == "panel":
        _draw_tools(image)
    if layout == "gray":  # a banner, a well of another gray
        cv2.rectangle(image, (0, 0), (width, 70), 110, -1)
        cv2.rectangle(image, (1120, 150), (1270, 900), 40, -1)
    _draw_words(image, box, rng)
    ramp = np.linspace(255, 0, 200).astype(np.uint8)[:, None]
    image[box.y0 : box.y0 + 200, box.x1 + 34 : box.x1 + 50] = ramp
    for tick in range(box.y0, box.y1, 22):
        cv2.line(image, (box.x1 + 12, tick), (box.x1 + (22 if tick % 110 else 16), tick), 200, 1)
    image[box.slices] = speckle((layout, key), box.height, box.width, deep_dark)
    if rng.random() < 0.5:  # calipers and a dotted line inside
        x, y = box.x0 + box.width // 3, box.y0 + box.height // 2
        for step in range(0, 120, 8):
            cv2.circle(image, (x + step, y + step // 3), 1, 255, -1)
        write(image, "1 D 14.2 mm", box.x0 + 10, box.y1 - 12)
    return as_jpeg(image, int(rng.integers(75, 95))) if noise else image


def write(image, words, x, y, size=0.5, thickness=1):
    """Burn a line of text in, its foot at (x, y)."""
    cv2.putText(image, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 230, thickness, cv2.LINE_AA)


def as_jpeg(image, quality):
    """The image after a JPEG of this quality."""
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)


def _draw_words(image, box, rng):
    name = "".join(rng.choice(list("ABCDEFGHIJKLMNOP"), rng.integers(5, 14)))
    date = f"{rng.integers(1, 28)}/0{rng.integers(1, 9)}/2020"
    write(image, f"{name}^{name[:3]}  ID {rng.integers(1e6, 1e7)}  {date}", 20, 30, 0.6)
    write(image, "ACME ULTRASOUND", image.shape[1] - 220, 50)
    for row, words in enumerate(("L12-5", "36 Hz", "RS", "2D", f"{rng.integers(40, 70)}%", "Dyn R 58")):
        write(image, words, 12, box.y0 + 40 + 24 * row)
    write(image, "B.Mark", box.x0 + 8, box.y1 + 22)


def _draw_tools(image):
    """A bar of buttons on the right, thumbnails below."""
    cv2.rectangle(image, (700, 40), (795, 560), 70, -1)
    for row in range(8):
        cv2.rectangle(image, (708, 50 + 60 * row), (788, 95 + 60 * row), 120, -1)
        write(image, "Tool", 722, 78 + 60 * row, 0.45)
    for column in range(3):
        image[530:590, 100 + 100 * column : 180 + 100 * column] = speckle(("thumb", column), 60, 80)
