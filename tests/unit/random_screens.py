"""Screens of layouts drawn at random, with the field's box known; what no device shows, or all do."""

from dataclasses import dataclass

import cv2
import numpy as np
from drawn_screens import as_jpeg, speckle, write

from nonmass.determinism import generator
from nonmass.geometry import Box

SIZES = ((1024, 768), (800, 600), (1280, 960), (640, 480), (1260, 910), (960, 720), (720, 1280), (1920, 1080))
DRESS = ("ruler", "gray bar", "side bar", "thumbnails", "curve", "words", "body mark", "crossing", "banner", "logo")
TISSUES = ("plain", "dark depth", "dark gain", "smooth", "in air", "cyst")


@dataclass(frozen=True)
class Drawn:
    """A screen `(H, W)` uint8, the box of its field, and what is on it."""

    image: np.ndarray
    box: Box
    dress: tuple[str, ...]
    tissue: str


def random_screen(key, tissue=None, dress=None, size=None, jpeg=None):
    """The screen `key`; what is not given is drawn."""
    rng = generator("random screen", key)
    width, height = size or SIZES[rng.integers(len(SIZES))]
    tissue = tissue or TISSUES[rng.integers(len(TISSUES))]
    if dress is None:
        dress = rng.choice(DRESS, rng.integers(0, 5), replace=False)
    dress = tuple(str(name) for name in dress)
    shell = int(rng.choice([0, 0, 0, 16, 30, 58, 120]))
    image = np.full((height, width), shell, np.uint8)
    box = Box(
        int(width * rng.uniform(0.1, 0.28)),
        int(height * rng.uniform(0.08, 0.2)),
        int(width * rng.uniform(0.6, 0.85)),
        int(height * rng.uniform(0.65, 0.92)),
    )
    if shell and rng.random() < 0.5:  # a black well in a gray shell
        gap = int(rng.integers(4, 60))
        image[max(box.y0 - gap, 0) : box.y1 + gap, max(box.x0 - gap, 0) : box.x1 + gap] = 0
    before, after = [name for name in dress if name not in OVER], [name for name in dress if name in OVER]
    for name in before:
        PAINT[name](image, box, rng)
    image[box.slices] = field(key, box, tissue, rng)
    for name in after:
        PAINT[name](image, box, rng)
    quality = int(rng.integers(70, 96)) if jpeg is None else jpeg
    if quality and (jpeg or rng.random() < 0.7):
        image = as_jpeg(image, quality)
    return Drawn(image, box, dress, tissue)


def field(key, box, tissue, rng):
    """`(box.height, box.width)` uint8."""
    image = speckle(("random", key), box.height, box.width, cyst=tissue == "cyst").astype(np.float32)
    depth = np.linspace(0, 1, box.height, dtype=np.float32)[:, None]
    across = np.linspace(0, 1, box.width, dtype=np.float32)[None]
    if tissue == "dark depth":
        bend = rng.uniform(0, 0.2) * np.sin(2 * np.pi * (rng.uniform(0.3, 2) * across + rng.random()))
        image -= 230 * np.clip((depth + bend - rng.uniform(0.4, 0.95)) / rng.uniform(0.1, 0.5), 0, 1)
    elif tissue == "dark gain":
        image -= rng.uniform(30, 90)
    elif tissue == "smooth":
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(2, 5)) * rng.uniform(0.3, 1) + rng.uniform(0, 20)
    elif tissue == "in air":
        lines = 200 * np.clip(np.cos(depth * rng.uniform(60, 200)) - 0.6, 0, 1) * np.clip(1 - depth / 0.3, 0, 1)
        noise = speckle(("noise", key), box.height, box.width, cyst=False) * np.clip((depth - 0.5) / 0.3, 0, 0.4)
        image = lines + noise + np.zeros_like(image)
        image[:4] = 190
    return np.clip(image, 0, 255).astype(np.uint8)


def _ruler(image, box, rng):
    touch = rng.random() < 0.5
    right = rng.random() < 0.5
    length = int(rng.integers(4, 14))
    gap = 0 if touch else int(rng.integers(3, 30))
    x = box.x1 + gap if right else box.x0 - gap - length
    for y in range(box.y0, box.y1, max(8, box.height // int(rng.integers(6, 40)))):
        cv2.line(image, (x, y), (x + length, y), 220, int(rng.integers(1, 3)))


def _gray_bar(image, box, rng):
    x = box.x1 + int(rng.integers(4, 40)) if rng.random() < 0.6 else box.x0 - int(rng.integers(24, 60))
    if rng.random() < 0.3:
        x = box.x1 - int(rng.integers(20, 60))
    rows = min(box.height - 10, int(rng.integers(100, 400)))
    wide = int(rng.integers(8, 18))
    image[box.y0 + 5 : box.y0 + 5 + rows, x : x + wide] = np.linspace(255, 0, rows).astype(np.uint8)[:, None]


def _side_bar(image, box, rng):
    width = image.shape[1]
    left = min(box.x1 + int(rng.integers(40, 120)), width - 20)
    image[:, left:] = int(rng.integers(40, 120))
    for y in range(20, image.shape[0] - 60, 70):
        cv2.rectangle(image, (left + 6, y), (width - 6, y + 45), int(rng.integers(60, 200)), -1)
        write(image, "Tool", left + 12, y + 28, 0.45)


def _thumbnails(image, box, rng):
    y = min(box.y1 + int(rng.integers(6, 20)), image.shape[0] - 30)
    high = min(image.shape[0] - y - 2, 60)
    for x in range(box.x0, box.x1 - 90, 100):
        image[y : y + high, x : x + 80] = speckle(("thumb", x), high, 80)


def _curve(image, box, rng):
    y = np.arange(box.y0, box.y1)
    x = box.x1 + rng.integers(6, 30) + 12 * np.sin(y / rng.uniform(40, 120))
    cv2.polylines(image, [np.stack([x, y], 1).astype(np.int32)], False, 200, int(rng.integers(1, 3)), cv2.LINE_AA)


def _words(image, box, rng):
    size = rng.uniform(0.4, 0.8)
    for row in range(int(rng.integers(3, 14))):
        words = "".join(rng.choice(list("ABCDEFGHIK 0123456789.%"), rng.integers(3, 9)))
        write(image, words, 6, box.y0 + 30 + 26 * row, size)
        if rng.random() < 0.5:
            write(image, words, box.x1 + 12, box.y0 + 30 + 26 * row, size)
    for row in range(int(rng.integers(0, 4))):
        words = "".join(rng.choice(list("abcdefghik 0123456789.%"), rng.integers(8, 40)))
        write(image, words, box.x0 + int(rng.integers(0, 80)), box.y1 + 24 + 22 * row, size)


def _banner(image, box, rng):
    words = "".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVW"), rng.integers(8, 20)))
    if rng.random() < 0.5:
        image[: max(box.y0 - int(rng.integers(3, 25)), 10)] = int(rng.integers(20, 120))
    write(
        image, f"{words}^{words[:4]}  ID {rng.integers(1e6, 1e7)}", 20, max(box.y0 - int(rng.integers(6, 30)), 12), 0.7
    )


def _body_mark(image, box, rng):
    corner = (box.x1 - int(rng.integers(-20, 60)), box.y1 - int(rng.integers(-10, 60)))
    cv2.circle(image, corner, int(rng.integers(25, 50)), 210, 1, cv2.LINE_AA)
    cv2.circle(image, corner, 4, 210, 1, cv2.LINE_AA)


def _crossing(image, box, rng):
    words = "RT BREAST 10:00 4 CM FN RAD"
    x = box.x0 - int(rng.integers(20, 90)) if rng.random() < 0.5 else box.x1 - int(rng.integers(40, 200))
    y = int(rng.integers(box.y0 + 40, box.y1 + 20))
    write(image, words, x, y, rng.uniform(0.5, 0.9), int(rng.integers(1, 3)))


def _logo(image, box, rng):
    spot = (max(box.x0 - int(rng.integers(-4, 20)), 12), box.y0 + int(rng.integers(0, 25)))
    cv2.circle(image, spot, int(rng.integers(8, 14)), 110, -1)
    write(image, "P", spot[0] - 5, spot[1] + 5, 0.5)


PAINT = {
    "ruler": _ruler,
    "gray bar": _gray_bar,
    "side bar": _side_bar,
    "thumbnails": _thumbnails,
    "curve": _curve,
    "words": _words,
    "banner": _banner,
    "body mark": _body_mark,
    "crossing": _crossing,
    "logo": _logo,
}
OVER = ("ruler", "gray bar", "curve", "body mark", "crossing", "logo")  # drawn over the field
