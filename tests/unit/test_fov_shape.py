import cv2
import numpy as np
import pytest
from drawn_screens import LAYOUTS, as_jpeg, screen, speckle
from drawn_shapes import bounds, wedge, wedge_screen
from hypothesis import given, settings
from hypothesis import strategies as st

from nonmass.fov.shape import outline
from nonmass.geometry import Box


def off(image, shell=0):
    """The foreground: off the background, as estimators give it."""
    return (cv2.absdiff(image, np.full_like(image, shell)) > 8).astype(np.uint8)


def filled(polygon, shape):
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.array(polygon, np.int32)], 1)
    return canvas.astype(bool)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("shell", [0, 58])
@pytest.mark.parametrize("key", range(12))
def test_a_drawn_wedge_is_outlined(key, shell):
    image, _, field = wedge_screen(key, shell=shell)
    image = as_jpeg(image, 85)
    polygon = outline(image, off(image, shell), bounds(field))
    assert 4 <= len(polygon) <= 40
    assert iou(filled(polygon, image.shape), field) >= 0.98


@pytest.mark.parametrize("key", range(8))
def test_a_wedge_is_found_on_the_whole_screen(key):
    image, _, field = wedge_screen(key)
    height, width = image.shape
    polygon = outline(image, off(image), Box(0, 0, width, height))
    assert iou(filled(polygon, image.shape), field) >= 0.98


@pytest.mark.parametrize("key", range(12))
def test_the_black_depth_of_a_wedge_stays(key):
    image, _, field = wedge_screen(key, dark=0.3)
    polygon = outline(image, off(image), bounds(field))
    if polygon:
        assert (filled(polygon, image.shape) & field).sum() >= 0.98 * field.sum()


def test_a_trapezoid_has_its_four_corners():
    field = wedge((800, 600), (400, -600), 15, 0, 1e6, 60, 540)
    image = np.where(field, speckle("corners", 600, 800, cyst=False), 0).astype(np.uint8)
    polygon = outline(image, off(image), bounds(field))
    spread = np.tan(np.radians(15))
    true = [(400 + side * spread * (y + 600), y) for side, y in ((-1, 60), (1, 60), (1, 540), (-1, 540))]
    for corner in true:
        assert min(np.hypot(*np.subtract(corner, vertex)) for vertex in polygon) < 4


@pytest.mark.parametrize("half_deg", [8, 15, 25])
@pytest.mark.parametrize("depth_px", [330, 460])
def test_lines_of_one_length_from_a_flat_probe_end_as_they_do(half_deg, depth_px):
    """The foot is neither level nor an arc around the apex."""
    y, x = np.mgrid[0:600, 0:900] + 0.5
    spread, half_width = np.tan(np.radians(half_deg)), 130
    below = y - 60 + half_width / spread  # of the apex
    field = (np.abs(x - 440) <= spread * below) & (y > 60)
    field &= np.hypot(x - 440, below) * (1 - half_width / spread / below) < depth_px
    image = np.where(field, speckle(("lines", half_deg), 600, 900, cyst=False), 0).astype(np.uint8)
    polygon = outline(as_jpeg(image, 85), off(image), Box(0, 0, 900, 600))
    assert iou(filled(polygon, image.shape), field) >= 0.985


@pytest.mark.parametrize("half_deg", [28, 40])
@pytest.mark.parametrize("cut_share", [0.02, 0.06, 0.1])
def test_an_arc_that_the_display_cuts_flat_ends_at_the_cut(half_deg, cut_share):
    near, far = 120, 480
    field = wedge((1000, 600), (500, -20), half_deg, near, far, level_bottom=-20 + far - cut_share * (far - near))
    image = np.where(field, speckle(("cut", half_deg), 600, 1000, cyst=False), 0).astype(np.uint8)
    polygon = outline(as_jpeg(image, 85), off(image), Box(0, 0, 1000, 600))
    assert iou(filled(polygon, image.shape), field) >= 0.985


@pytest.mark.parametrize("half_deg", [25, 30, 35])
@pytest.mark.parametrize("ratio", [1.5, 1.7, 2.5])
def test_the_arc_of_a_shallow_sector_is_no_gap(half_deg, ratio):
    near = 380 / (ratio - np.cos(np.radians(half_deg)))
    field = wedge((1400, 600), (700, 60 - near * np.cos(np.radians(half_deg))), half_deg, near, ratio * near)
    image = np.where(field, speckle(("shallow", half_deg), 600, 1400, cyst=False), 0).astype(np.uint8)
    polygon = outline(as_jpeg(image, 85), off(image), Box(0, 0, 1400, 600))
    assert iou(filled(polygon, image.shape), field) >= 0.98


@pytest.mark.parametrize("half_deg", [6, 9, 12, 15])
@pytest.mark.parametrize("ragged_px", [8, 12])
def test_the_ragged_foot_of_a_trapezoid_is_no_cut(half_deg, ragged_px):
    spread = np.tan(np.radians(half_deg))
    y, x = np.mgrid[0:640, 0:900] + 0.5
    field = (np.abs(x - 450) <= 150 + (y - 50) * spread) & (y >= 50) & (y < 590)
    image = np.where(field, speckle(("ragged", half_deg), 640, 900, cyst=False), 0).astype(np.uint8)
    image[590 - ragged_px : 590, 380:520] = 0
    polygon = outline(as_jpeg(image, 85), off(image), Box(0, 0, 900, 640))
    assert iou(filled(polygon, image.shape), field) >= 0.98


@pytest.mark.parametrize("gap_px", [4, 7, 11])
def test_two_fields_that_touch_at_their_feet_are_no_single_one(gap_px):
    width, spread = 1000, np.tan(np.radians(12))
    y, x = np.mgrid[0:600, 0:width] + 0.5
    field = np.zeros((600, width), bool)
    for middle in (-1, 1):
        centre = width / 2 + middle * (110 + 440 * spread + gap_px / 2)
        field |= (np.abs(x - centre) <= 110 + (y - 60) * spread) & (y >= 60) & (y < 500)
    image = np.where(field, speckle(("two", gap_px), 600, width, cyst=False), 0).astype(np.uint8)
    assert outline(as_jpeg(image, 85), off(image), Box(0, 0, width, 600)) == ()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("deep_dark", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("key", range(4))
def test_a_rectangle_with_a_black_depth_or_cyst_is_a_rectangle(layout, key, deep_dark):
    image = screen(layout, key, deep_dark)
    assert outline(image, off(image, LAYOUTS[layout][3]), LAYOUTS[layout][2]) == ()


@pytest.mark.parametrize("corners", ["lower left", "lower right", "upper left", "both lower", "shadow", "edges"])
def test_a_rectangle_with_black_tissue_is_a_rectangle(corners):
    image, box = speckle(corners, 500, 640, cyst=False), Box(0, 0, 640, 500)
    y, x = np.mgrid[0:500, 0:640]
    bent = 40 * np.sin(y / 37.0)
    black = {
        "lower left": x + bent < y - 180,
        "lower right": 640 - x + bent < y - 180,
        "upper left": x + bent < 200 - y,
        "both lower": np.minimum(x, 640 - x) + bent < y - 250,
        "shadow": (np.abs(x - 300 + bent / 4) < 60) & (y > 150),
        "edges": np.minimum(x + bent / 4, 640 - x) < 40,  # the probe has lost contact
    }[corners]
    image[black] = 0
    assert outline(image, off(image), box) == ()


def test_sides_that_close_with_depth_are_no_wedge():
    field = wedge((800, 600), (400, -600), 15, 0, 1e6, 60, 540)[::-1]
    image = np.where(field, speckle("closing", 600, 800, cyst=False), 0).astype(np.uint8)
    assert outline(image, off(image), bounds(field)) == ()


def test_one_slanting_side_is_no_wedge():
    image = speckle("slant", 500, 640, cyst=False)
    y, x = np.mgrid[0:500, 0:640]
    image[x < 200 - 0.4 * y] = 0
    assert outline(image, off(image), Box(0, 0, 640, 500)) == ()


@pytest.mark.parametrize("image", [np.zeros((300, 400), np.uint8), np.full((9, 9), 200, np.uint8)])
def test_nothing_and_next_to_nothing_have_no_outline(image):
    assert outline(image, off(image), Box(0, 0, image.shape[1], image.shape[0])) == ()


@settings(max_examples=25, deadline=None)
@given(
    key=st.integers(0, 3),
    cut=st.tuples(*[st.floats(-0.08, 0.12)] * 4),
)
def test_vertices_lie_in_the_box_and_run_clockwise(key, cut):
    image, _, field = wedge_screen(key, size=(400, 300))
    true = bounds(field)
    box = Box(
        max(0, true.x0 + int(cut[0] * true.width)),
        max(0, true.y0 + int(cut[1] * true.height)),
        min(400, true.x1 - int(cut[2] * true.width)),
        min(300, true.y1 - int(cut[3] * true.height)),
    )
    polygon = outline(image, off(image), box)
    assert all(box.x0 <= x < box.x1 and box.y0 <= y < box.y1 for x, y in polygon)
    if polygon:
        x, y = np.array(polygon, float).T
        assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0
        assert (polygon[0][1], polygon[0][0]) == min((y, x) for x, y in polygon)
