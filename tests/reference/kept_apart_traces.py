"""Screens that are no pictures of tissue: M-mode and spectral Doppler, drawn on the shells of `kept_apart_screens`."""

import cv2
import numpy as np
from kept_apart_drawing import CYAN, GREEN, WHITE, YELLOW, Drawn, Sheet, coloured, flow, gray_map, identity, tissue

from nonmass.determinism import generator
from nonmass.geometry import Box

# Place of the picture and of the trace by layout: one above the other, side by side, or (M-mode) the trace alone.
PLACES = {
    "cart": ((Box(420, 80, 820, 350), Box(230, 380, 1040, 830)), (Box(230, 90, 560, 560), Box(600, 90, 1080, 560))),
    "window": ((Box(480, 60, 940, 330), Box(240, 360, 1220, 760)), (Box(230, 80, 620, 620), Box(640, 80, 1230, 620))),
    "compact": ((Box(230, 50, 500, 230), Box(40, 250, 680, 490)), (Box(30, 60, 250, 380), Box(262, 60, 690, 380))),
}
SHELLS = {"cart": (0, 0, 0), "window": (74, 78, 84), "compact": (0, 0, 0)}


def draw_trace(number):
    """The `number`-th screen with a trace, M-mode and spectral Doppler in turn, and the layouts in turn."""
    rng = generator("kept apart trace", number)
    layout = tuple(PLACES)[number // 2 % 3]
    sheet = Sheet(layout, SHELLS[layout])
    is_m_mode = number % 2 == 0
    arrangement = int(rng.choice((0, 1, 2), p=(0.6, 0.2, 0.2) if is_m_mode else (0.8, 0.2, 0.0)))
    picture, trace = PLACES[layout][arrangement % 2]
    if layout == "window":
        sheet.bar(210, 44, 1250, 780, (8, 8, 10), (108, 112, 118))
    name, code, date = identity(rng)
    sheet.write(12, 8, f"{name}  {code}   {date}", 15)
    if arrangement < 2:
        _picture(rng, sheet, picture, number, is_m_mode)
    (_m_mode if is_m_mode else _spectrum)(rng, sheet, trace, number)
    arranged = ("picture above", "picture beside", "trace alone")[arrangement]
    conditions = ("m-mode" if is_m_mode else "spectral", arranged, layout)
    return Drawn(np.asarray(sheet.image), (), None, conditions, int(rng.integers(70, 96)))


def _picture(rng, sheet, box, number, is_m_mode):
    """The small picture that says where the trace was taken: a line through it, or colour and a gate."""
    gray = cv2.resize(tissue(rng, number, 38, 36), (box.width, box.height), interpolation=cv2.INTER_AREA)
    sheet.paste(coloured(gray, gray_map(rng, 0.1)), box)
    x = box.x0 + int(rng.uniform(0.3, 0.7) * box.width)
    if not is_m_mode:
        flow(rng, sheet, box)
        y = (box.y0 + box.y1) // 2
        sheet.pen.line((x - 12, y - 5, x + 12, y - 8), fill=WHITE, width=2)
        sheet.pen.line((x - 12, y + 8, x + 12, y + 5), fill=WHITE, width=2)
    for y in range(box.y0, box.y1, 9):
        sheet.pen.line((x, y, x, y + 4), fill=GREEN)


def _m_mode(rng, sheet, box, number):
    """Depth downwards, time to the right: one line of tissue that moves with breath and pulse."""
    rows = tissue(rng, number, 38, 40).mean(axis=1, keepdims=True) * np.ones((1, box.width), np.float32)
    rows += 26 * cv2.GaussianBlur(rng.normal(size=rows.shape), (0, 0), sigmaX=5, sigmaY=1.2) * 3
    time, depth = np.arange(box.width), np.linspace(0, 1, box.height)[:, None]
    beat = np.abs(np.sin(time * np.pi / rng.uniform(70, 150) + rng.uniform(0, 3))) ** 3
    breath = np.sin(time / rng.uniform(60, 130))
    moved = depth * (rows.shape[0] - 60) + 22 * (0.2 + depth) * (
        rng.uniform(0.2, 1) * beat + rng.uniform(0, 0.5) * breath
    )
    across = np.broadcast_to(time, moved.shape)
    places = across.astype(np.float32), moved.astype(np.float32)
    gray = cv2.remap(rows.astype(np.float32), *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sheet.paste(coloured(1.15 * gray - 10, gray_map(rng, 0.2)), box)
    for tick in range(0, box.width, 60):
        sheet.pen.line((box.x0 + tick, box.y1 + 2, box.x0 + tick, box.y1 + 8), fill=WHITE)
    for tick in range(0, box.height, 40):
        sheet.pen.line((box.x1 + 1, box.y0 + tick, box.x1 + 7, box.y0 + tick), fill=WHITE)
    if rng.random() < 0.4:  # the heart's own trace
        spikes = -40 * (np.arange(box.width) % int(rng.integers(80, 140)) < 3) + rng.normal(0, 1, box.width)
        points = zip((box.x0 + time).tolist(), (box.y1 - 30 + spikes).tolist(), strict=True)
        sheet.pen.line(list(points), fill=GREEN, width=1)


def _spectrum(rng, sheet, box, number):
    """Speed upwards, time to the right: pulses filled with noise over (or under) a base line."""
    time, period = np.arange(box.width), rng.uniform(70, 170)
    phase = (time / period + rng.uniform(0, 1)) % 1
    pulse = (
        rng.uniform(0.15, 0.4) + np.exp(-(((phase - 0.15) / 0.08) ** 2)) + 0.4 * np.exp(-(((phase - 0.45) / 0.15) ** 2))
    )
    base = box.height * rng.uniform(0.55, 0.85)
    above = base - np.arange(box.height)[:, None]
    peak = pulse * 0.6 * base / pulse.max() * (1 + 0.03 * rng.normal(size=box.width))
    filled = (above > 3) / (1 + np.exp((above - peak) / 4)) + 0.25 * (above < -3) * (above > -0.3 * peak)
    speckle = np.hypot(*(cv2.GaussianBlur(rng.normal(size=filled.shape), (0, 0), sigmaX=1.6, sigmaY=0.9) for _ in "ri"))
    gray = filled * (60 + 260 * speckle) + rng.choice((0.0, 26.0)) * speckle
    if rng.random() < 0.3:
        gray = gray[::-1]
        base = box.height - base
    sheet.paste(coloured(np.clip(gray, 0, 255), gray_map(rng, 0.3)), box)
    sheet.pen.line((box.x0, box.y0 + base, box.x1, box.y0 + base), fill=CYAN)
    for step in range(-4, 5):
        y = box.y0 + base - step * box.height / 6
        if box.y0 <= y < box.y1:
            sheet.pen.line((box.x1 + 1, y, box.x1 + 7, y), fill=WHITE)
            sheet.write(box.x1 + 9, y - 8, f"{step * 10}", 13)
    if rng.random() < 0.5:  # the envelope that the device has traced
        heights = np.clip(box.y0 + base - np.sign(base - box.height / 2) * peak, box.y0, box.y1 - 1)
        sheet.pen.line(list(zip((box.x0 + time).tolist(), heights.tolist(), strict=True)), fill=YELLOW)
