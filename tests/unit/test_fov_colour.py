import cv2
import numpy as np
import pytest
from drawn_screens import speckle, write
from drawn_traces import picture_of

from nonmass.fov.colour import colour_note, colour_share
from nonmass.geometry import Box
from nonmass.images import Picture

BOX = Box(150, 80, 850, 680)


def screen(paint=None, tint=(1.0, 1.0, 1.0), quality=88):
    """`Picture` of a screen whose field has a gray map's tint (blue, green, red); `paint` draws on it."""
    image = np.zeros((768, 1024, 3), np.uint8)
    tissue = speckle("colour", BOX.height, BOX.width)[..., None] * np.array(tint)
    image[BOX.slices] = np.clip(tissue, 0, 255).astype(np.uint8)
    if paint:
        paint(image)
    return picture_of(image, quality)


def flow(radius):
    def paint(image):
        cv2.circle(image, (500, 350), radius, (20, 60, 220), -1)
        cv2.circle(image, (560, 360), radius, (210, 80, 20), -1)

    return paint


def elastogram(image):
    hue = np.linspace(0, 120, BOX.width).astype(np.uint8)
    colours = np.dstack([np.tile(hue, (BOX.height, 1)), np.full((BOX.height, BOX.width, 2), 200, np.uint8)])
    image[BOX.slices] = cv2.addWeighted(image[BOX.slices], 0.6, cv2.cvtColor(colours, cv2.COLOR_HSV2BGR), 0.4, 0)


def calipers(image):
    for x, y in ((400, 300), (520, 380), (450, 250), (470, 430)):
        cv2.line(image, (x - 9, y), (x + 9, y), (0, 230, 250), 2)
        cv2.line(image, (x, y - 9), (x, y + 9), (0, 230, 250), 2)
    for step in range(0, 120, 8):
        cv2.circle(image, (400 + step, 300 + 2 * step // 3), 1, (80, 240, 80), -1)
    for row in range(3):
        cv2.putText(image, "D1 14.2 mm", (200, 560 + 24 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 230, 250), 1)


def outline(colour, slant=0):
    def paint(image):
        corners = np.array([(330, 200), (640, 200), (640 + slant, 480), (330 + slant, 480)])
        cv2.polylines(image, [corners], True, colour, 1)

    return paint


@pytest.mark.parametrize("radius", [26, 60])
def test_doppler_flow_is_colour(radius):
    assert colour_note(screen(flow(radius)), BOX) == ("colour",)


def test_an_elastogram_is_colour():
    assert colour_note(screen(elastogram), BOX) == ("colour",)


def test_the_share_is_what_was_painted():
    radius = 26
    share = 2 * np.pi * radius**2 / (0.8 * BOX.width * 0.8 * BOX.height)
    assert colour_share(screen(flow(radius)), BOX) == pytest.approx(share, rel=0.15)


@pytest.mark.parametrize("tint", [(1, 1, 1), (0.7, 0.88, 1.0), (0.55, 0.8, 1.0), (1.0, 0.92, 0.8), (1.0, 0.85, 0.7)])
def test_a_tinted_gray_map_is_no_colour(tint):
    assert colour_note(screen(tint=tint), BOX) == ()
    assert colour_note(screen(flow(60), tint), BOX) == ("colour",)


def test_calipers_and_text_are_no_colour():
    assert colour_note(screen(calipers), BOX) == ()


@pytest.mark.parametrize("colour", [(80, 230, 80), (230, 230, 230), (40, 200, 240)])
@pytest.mark.parametrize("slant", [0, 90, -70])
def test_the_outline_of_a_colour_box_without_flow_is_seen(colour, slant):
    assert colour_note(screen(outline(colour, slant), quality=95), BOX) == ("colour",)


def test_colour_outside_the_field_does_not_count():
    def bar(image):
        image[100:300, 900:930] = (20, 60, 220)

    assert colour_note(screen(bar), BOX) == ()


def test_level_layers_and_lines_are_no_colour_box():
    def layers(image):
        for y in (180, 300, 420):
            cv2.line(image, (BOX.x0, y), (BOX.x1, y), (235, 235, 235), 1)
        write(image, "LEFT BREAST", 300, 250)

    assert colour_note(screen(layers), BOX) == ()


@pytest.mark.parametrize("side", [1, 8, 30])
def test_a_tiny_box_has_no_colour(side):
    gray = speckle("tiny", 40, 40)
    assert colour_note(Picture(gray, np.zeros_like(gray)), Box(2, 2, 2 + side, 2 + side)) == ()
