"""Screens with a time trace on them, M-mode or spectral Doppler, as many makers arrange them, all drawn here."""

import cv2
import numpy as np
from drawn_screens import speckle, write
from drawn_shapes import wedge

from nonmass.determinism import generator
from nonmass.geometry import Box
from nonmass.images import Picture, chroma_of

SIZES = ((1024, 768), (800, 600), (1280, 960), (640, 480))
KINDS = ("m-mode", "colour m-mode", "arterial", "venous", "mirrored")


def trace_screen(kind, key):
    """`Picture` of a screen with a trace of a kind, after JPEG; the trace's box."""
    rng = generator("trace screen", kind, key)
    width, height = SIZES[rng.integers(len(SIZES))]
    shell = int(rng.choice([0, 0, 0, 24, 58]))
    image = np.full((height, width, 3), shell, np.uint8)
    layout = rng.choice(["stacked", "stacked", "stacked", "beside", "above", "alone"])
    image_box, trace_box = _boxes(rng, layout, width, height)
    if image_box:
        _draw_image(rng, image, image_box, kind)
    image[trace_box.slices] = _trace(rng, kind, trace_box.height, trace_box.width)
    _draw_axes(rng, image, trace_box)
    for row, words in enumerate(("PHANTOM 0001", "ID X000001", "PRF 4.2k", "WF 70")):
        write(image, words, 8, 18 + 18 * row, 0.4)
    return picture_of(image, int(rng.integers(80, 96))), trace_box


def picture_of(image, quality):
    """`Picture` of `(H, W, 3)` BGR after a JPEG."""
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    luma, red, blue = cv2.split(cv2.cvtColor(decoded, cv2.COLOR_BGR2YCrCb))
    return Picture(luma, chroma_of(blue, red))


def _boxes(rng, layout, width, height):
    """The image's box, or None, and the trace's."""
    left, right = int(width * rng.uniform(0.01, 0.12)), int(width * rng.uniform(0.86, 0.97))
    split = int(height * rng.uniform(0.3, 0.58))
    gap, foot = int(height * rng.uniform(0.005, 0.05)), int(height * rng.uniform(0.88, 0.96))
    half = int(width * rng.uniform(0.18, 0.32))
    middle = int(width * rng.uniform(0.4, 0.6))
    sight = Box(max(middle - half, 90), int(height * 0.06), middle + half, split)
    if layout == "stacked":
        return sight, Box(left, split + gap, right, foot)
    if layout == "above":
        top = foot - split
        return Box(sight.x0, top + gap, sight.x1, foot), Box(left, int(height * 0.05), right, top)
    if layout == "beside":
        cut = int(width * rng.uniform(0.32, 0.45))
        top = int(height * rng.uniform(0.1, 0.3))
        return Box(int(width * 0.03), top, cut, foot), Box(cut + gap, top, right, foot)
    return None, Box(left, int(height * rng.uniform(0.06, 0.3)), right, foot)


def _draw_image(rng, image, box, kind):
    """B-mode as a rectangle or sector, often with a colour box and the line of sight."""
    tissue = speckle(("trace", int(rng.integers(10**6))), box.height, box.width)
    if rng.random() < 0.5:
        size = (box.width, box.height)
        tissue = np.where(wedge(size, (box.width / 2, 0), 35, 8, box.height), tissue, 0).astype(np.uint8)
    image[box.slices] = tissue[..., None]
    x, y = (box.x0 + box.x1) // 2, (box.y0 + box.y1) // 2
    if kind != "m-mode":
        cv2.rectangle(
            image,
            (x - box.width // 6, y - box.height // 5),
            (x + box.width // 6, y + box.height // 4),
            (90, 220, 90),
            1,
        )
        cv2.ellipse(image, (x, y), (box.width // 12, box.height // 14), 10, 0, 360, (20, 40, 220), -1)
    for step in range(box.y0, box.y1, 6):
        cv2.line(image, (x, step), (x, step + 2), (200, 200, 200), 1)


def _beats(rng, width, jitter=0.04):
    """Phase, 0 to 1, of each column in its beat, and the number of its beat."""
    period = width / rng.uniform(2.6, 9)
    lengths = period * (1 + jitter * rng.normal(size=40))
    starts = np.cumsum(lengths) - period * rng.uniform(1, 2)
    beat = np.searchsorted(starts, np.arange(width), side="right")
    phase = (np.arange(width) - np.concatenate([[starts[0] - period], starts])[beat]) / lengths[beat]
    return np.clip(phase, 0, 1), beat


def _trace(rng, kind, height, width):
    """`(height, width, 3)` BGR of the trace."""
    if "m-mode" in kind:
        gray, phase, depth = _motion(rng, height, width)
        image = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
        if kind == "colour m-mode":
            _draw_jets(rng, image, phase, depth)
        return image
    gray = _spectrum(rng, kind, height, width)
    tint = np.array([(1, 1, 1), (1, 1, 1), (0.6, 0.85, 1.0), (1.0, 0.9, 0.7)][rng.integers(4)])
    return (gray[..., None] * tint).astype(np.uint8)


def _motion(rng, height, width):
    """M-mode: one line of echoes over time, moved and stretched by the beat."""
    phase, _ = _beats(rng, width)
    swing = (
        0.6 * np.sin(2 * np.pi * phase)
        + 0.4 * np.sin(4 * np.pi * phase + rng.uniform(0, 6))
        - 0.8 * np.exp(-(((phase - 0.3) / 0.06) ** 2))
    )
    depth = np.linspace(0, 1, height)[:, None]
    still = rng.uniform(0.1, 0.4)
    amplitude = height * rng.uniform(0.02, 0.09) * np.clip((depth - still) / 0.2, 0, 1)
    line = cv2.GaussianBlur(
        rng.normal(size=(height * 2, width // 3 + 1)), (0, 0), 5, sigmaY=1.2
    )  # slow change over time
    line = cv2.resize(line, (width, height * 2))
    layers = np.interp(np.linspace(0, 1, height * 2), np.sort(rng.random(24)), rng.uniform(5, 150, 24))
    layers[rng.random(height * 2) < 0.01] += 120
    level = cv2.GaussianBlur(layers[:, None], (0, 0), 1, sigmaY=1.5) + 26 * line / line.std()
    rows = depth * height + amplitude * swing[None, :] + height * 0.3
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), rows.shape)
    moved = cv2.remap(
        level.astype(np.float32),
        np.ascontiguousarray(columns),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    fade = np.clip(1.6 - depth * rng.uniform(0.2, 1.4), 0, 1)
    return np.clip(moved * fade, 0, 255).astype(np.uint8), phase, depth


def _draw_jets(rng, image, phase, depth):
    """Colour of inflow and outflow in part of each beat."""
    grain = cv2.GaussianBlur(rng.normal(size=image.shape[:2]), (0, 0), 2)
    for centre, colour in ((0.3, (30, 90, 230)), (0.7, (220, 80, 20))):
        jet = np.exp(-(((phase[None, :] - centre) / 0.1) ** 2)) * np.clip((depth - 0.3) / 0.2, 0, 1)
        image[jet + 0.3 * grain > 0.5] = colour


def _spectrum(rng, kind, height, width):
    """Spectral Doppler: at each time the velocities present, up to an envelope, above or below a baseline."""
    phase, beat = _beats(rng, width)
    sharp, rest = rng.uniform(0.05, 0.14), rng.uniform(0.05, 0.5)
    if kind == "venous":
        envelope = (
            0.6 + rng.uniform(0, 0.25) * np.sin(2 * np.pi * phase) + 0.05 * rng.normal(size=50)[np.minimum(beat, 49)]
        )
    else:
        envelope = np.minimum(
            phase / sharp, rest + (1 - rest) * np.exp(-np.maximum(phase - sharp, 0) / rng.uniform(0.12, 0.35))
        )
        envelope = envelope * (1 + 0.06 * rng.normal(size=50)[np.minimum(beat, 49)])
    base = rng.uniform(0.55, 0.9)
    velocity = base - np.linspace(0, 1, height)[:, None]  # above the baseline is positive
    reach = envelope[None, :] * base * rng.uniform(0.5, 0.9)
    reach = reach * (1 + 0.05 * cv2.GaussianBlur(rng.normal(size=(1, width)), (0, 0), 1.5))
    core, softness = rng.uniform(0, 0.6), 0.03
    power = (
        1
        / (1 + np.exp(-(reach - velocity) / softness / 0.6))
        * (core + (1 - core) * np.clip(velocity / np.maximum(reach, 0.02), 0, 1))
    )
    power = np.where(velocity > 0.015, power, 0)
    if kind == "mirrored":
        weak = rng.uniform(0.2, 0.6)
        power = power + weak * np.where(velocity < -0.015, 1 / (1 + np.exp(-(0.5 * reach + velocity) / softness)), 0)
    speckled = cv2.GaussianBlur(rng.exponential(size=(height, width)), (0, 0), 0.9, sigmaY=1.4)
    noise = rng.uniform(0, 14) * speckled
    if rng.random() < 0.4:
        power = power[::-1]
        base = 1 - base
    image = np.clip(rng.uniform(120, 230) * power * np.sqrt(speckled) + noise - 6, 0, 255)
    image[min(int(base * height), height - 1)] = 150
    return image.astype(np.uint8)


def _draw_axes(rng, image, box):
    """Ticks of time below or above, ticks of depth or velocity at the side."""
    ticks, gap = int(rng.integers(6, 40)), int(rng.integers(0, 6))
    y, up = (box.y1 + gap, 1) if rng.random() < 0.8 else (box.y0 - gap, -1)
    for number, x in enumerate(np.linspace(box.x0, box.x1 - 1, ticks)):
        cv2.line(image, (int(x), y), (int(x), y + up * (8 if number % 5 == 0 else 4)), (210, 210, 210), 1)
    for row in np.linspace(box.y0, box.y1 - 1, int(rng.integers(5, 12))):
        cv2.line(image, (box.x1 + 3, int(row)), (box.x1 + 10, int(row)), (210, 210, 210), 1)
        write(image, f"{int(row) % 90}", min(box.x1 + 12, image.shape[1] - 20), int(row) + 4, 0.35)
