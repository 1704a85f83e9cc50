"""Fields on screens drawn at random: whatever is accepted is right, and plain screens are accepted."""

import cv2
import numpy as np
import pytest
from drawn_screens import LAYOUTS, as_jpeg, screen, speckle, write
from drawn_shapes import bounds as bounds_of
from drawn_shapes import wedge_screen
from hypothesis import given, settings
from hypothesis import strategies as st
from random_screens import DRESS, TISSUES, random_screen

from nonmass.determinism import generator
from nonmass.fov.devices import bounds, device_bound, region_bound
from nonmass.fov.edges import straight_edges
from nonmass.fov.estimators import view_of
from nonmass.fov.field import Known
from nonmass.fov.finder import FindParams, find_fov
from nonmass.fov.layout import layout_consensus
from nonmass.fov.ruler import find_ruler
from nonmass.fov.sides import sides_of, snap
from nonmass.geometry import Box
from nonmass.images import Picture

PARAMS = FindParams(agreement_iou=0.95, layout_min_images=5, layout_max_images=30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(key=st.integers(0, 10**6), tissue=st.sampled_from(TISSUES))
def test_a_random_field_is_right_or_doubted(key, tissue):
    drawn = random_screen(key, tissue)
    fov = find_fov(drawn.image, PARAMS)
    assert not fov.accepted or fov.box.iou(drawn.box) >= 0.9


@pytest.mark.parametrize("thing", [name for name in DRESS if name not in ("thumbnails", "words", "curve")])
@pytest.mark.parametrize("key", range(3))
def test_one_thing_beside_or_over_the_field_leaves_it_found(thing, key):
    drawn = random_screen(("one", key), "plain", (thing,))
    fov = find_fov(drawn.image, PARAMS)
    assert fov.accepted and fov.box.iou(drawn.box) >= 0.99


@pytest.mark.parametrize("size", [(480, 360), (1024, 768), (3840, 2160)])
def test_small_and_large_screens(size):
    drawn = random_screen("size", "plain", ("ruler",), size)
    fov = find_fov(drawn.image, PARAMS)
    assert fov.accepted and fov.box.iou(drawn.box) >= 0.99


@pytest.mark.parametrize("key", range(6))
def test_png_and_jpeg_agree_on_random_screens(key):
    image = random_screen(("formats", key), "plain", jpeg=0).image
    a, b = find_fov(image, PARAMS), find_fov(as_jpeg(image, 85), PARAMS)
    assert not (a.accepted and b.accepted) or a.box.iou(b.box) >= 0.99


@pytest.mark.parametrize("key", range(8))
@pytest.mark.parametrize("shell", [0, 40])
def test_a_field_that_is_no_rectangle_has_its_outline(key, shell):
    image, _, field = wedge_screen(key, shell=shell)
    fov = find_fov(image, PARAMS)
    assert fov.accepted and "non-rect" in fov.notes and fov.box.iou(bounds_of(field)) >= 0.95


@pytest.mark.parametrize("key", range(8))
def test_a_sector_with_a_black_depth_makes_no_silent_error(key):
    image, _, field = wedge_screen(key, dark=0.3)
    fov = find_fov(image, PARAMS)
    assert not fov.accepted or fov.box.iou(bounds_of(field)) >= 0.9


@pytest.mark.parametrize("gap_px", [4, 12, 40])
def test_of_two_panels_the_first_is_taken_and_both_are_told(gap_px):
    image = np.zeros((768, 1024), np.uint8)
    panels = (Box(100, 90, 460, 600), Box(460 + gap_px, 90, 820 + gap_px, 600))
    for number, panel in enumerate(panels):
        image[panel.slices] = speckle(("panel", number), panel.height, panel.width)
    write(image, "PHANTOM 0001", 20, 30)
    fov = find_fov(as_jpeg(image, 90), PARAMS)
    assert fov.accepted and fov.panels == panels and fov.box.iou(panels[0]) > 0.99


def test_a_probe_in_air_has_lines_above_and_noise_below():
    box = Box(126, 90, 896, 708)
    rng = generator("air")
    field = np.zeros((box.height, box.width), np.float32)
    for line in (0, 12, 28, 46, 80):
        field[line : line + 5] = 150 - line + rng.normal(0, 8, (5, box.width))
    depth = np.linspace(0, 1, box.height)[:, None]
    field += speckle("air", box.height, box.width, cyst=False) * np.clip((depth - 0.5) / 0.5, 0, 0.4)
    image = np.zeros((768, 1024), np.uint8)
    image[box.slices] = np.clip(field, 0, 255).astype(np.uint8)
    write(image, "L12-5  36 Hz", 6, 30)
    fov = find_fov(image, PARAMS)
    assert fov.accepted and fov.box.iou(box) > 0.99


def test_colour_is_noted():
    gray = screen("black", 2)
    chroma = np.zeros_like(gray)
    chroma[300:420, 400:560] = 90
    fov = find_fov(Picture(gray, chroma), PARAMS)
    assert fov.accepted and fov.notes == ("colour",)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (47, 47), (48, 48), (300, 50), (64, 2000)])
def test_odd_pictures_are_no_accident(shape):
    for image in (np.zeros(shape, np.uint8), generator("odd").integers(0, 256, shape).astype(np.uint8)):
        fov = find_fov(image, PARAMS, Known(layout_boxes=(Box(5, 5, 4000, 4000),)))
        assert fov.box.x1 <= shape[1] and fov.box.y1 <= shape[0]


@pytest.mark.parametrize("key", range(6))
def test_the_foot_of_a_fading_depth_is_not_seen(key):
    rng = generator("fade", key)
    image = np.zeros((768, 1024), np.uint8)
    box = Box(120, 70, 700, 600)
    depth = np.linspace(0, 1, box.height)[:, None]
    bend = rng.uniform(0.02, 0.15) * np.sin(np.linspace(0, 9, box.width))[None]
    field = speckle(("fade", key), box.height, box.width) - 220 * np.clip(
        (depth + bend - 0.6) / rng.uniform(0.1, 0.4), 0, 1
    )
    image[box.slices] = np.clip(field, 0, 255).astype(np.uint8)
    for y1 in range(400, 590, 30):
        assert not sides_of(image, snap(image, Box(box.x0, box.y0, box.x1, y1)))["bottom"].seen


@pytest.mark.parametrize("layout", ["black", "panel"])
def test_straight_edges_alone_find_a_drawn_field(layout):
    guess = straight_edges(view_of(screen(layout, "edges")))
    assert guess.iou(LAYOUTS[layout][2]) > 0.98


def test_a_layout_knows_the_smaller_box_that_comes_twice():
    true = LAYOUTS["black"][2]
    small = Box(true.x0 + 100, true.y0, true.x1 - 100, true.y1)
    screens = []
    for key in range(8):
        image = screen("black", key)
        if key < 3:
            field = image[small.slices].copy()
            image[true.slices] = 0
            image[small.slices] = field
        screens.append(image)
    boxes = layout_consensus(screens, 5)
    assert boxes[0].iou(true) > 0.99 and any(box.iou(small) > 0.99 for box in boxes[1:])
    fov = find_fov(screens[0], PARAMS, Known(layout_boxes=boxes))
    assert fov.method == "layout" and fov.box.iou(small) > 0.995


def test_a_layouts_depth_is_not_taken_where_the_ruler_goes_on_below_it():
    """The device has two depths; the layout knows the lesser one, and this screen is black from above it on."""
    image, true = screen("black", "depth", deep_dark=0.4), LAYOUTS["black"][2]
    lesser = Box(true.x0, true.y0, true.x1, true.y1 - 90)
    fov = find_fov(image, PARAMS, Known(layout_boxes=(lesser,)))
    assert not fov.accepted or fov.box.iou(true) > 0.95  # down to a mark, as without a layout


def test_a_ruler_is_told_from_text():
    image = np.zeros((768, 1024), np.uint8)
    box = Box(200, 100, 800, 560)
    for row in range(12):
        cv2.line(image, (820, 100 + 50 * row), (832 if row % 2 else 828, 100 + 50 * row), 220, 2)
        write(image, "Dyn R 58", 20, 118 + 24 * row)
    ruler = find_ruler(image, box)
    assert (ruler.spacing_px, abs(ruler.first - 100) <= 1, abs(ruler.last - 650) <= 1) == (50, True, True)
    image[:, 810:840] = 0
    assert find_ruler(image, box) is None


def test_bounds_are_those_published():
    assert device_bound("GE Healthcare LOGIQ E9", 960, 720) == Box(38, 70, 820, 720)
    assert device_bound("GE Healthcare LOGIQ E10", 1280, 720) == Box(0, 0, 1150, 720)
    assert device_bound("Philips EPIQ 5G", 1024, 768) == Box(102, 49, 889, 768)
    assert device_bound("MINDRAY Resona 7", 1260, 910) == Box(0, 69, 1260, 910)
    assert device_bound("Philips EPIQ 5G", 300, 200) is None  # no screen of that device
    assert device_bound("Acme", 1024, 768) is None


def test_regions_larger_than_the_screen_bound_nothing():
    assert region_bound((Box(0, 0, 400, 518),), 350, 350) is None
    assert region_bound((Box(10, 20, 200, 300), Box(210, 20, 340, 310)), 350, 350) == Box(10, 20, 340, 310)
    assert bounds(Known(regions=(Box(0, 0, 350, 350),)), 350, 350) == []


def test_a_bound_never_cuts_the_field():
    image, true = screen("black", 3), LAYOUTS["black"][2]
    half = Box(true.x0, true.y0, (true.x0 + true.x1) // 2, true.y1)
    fov = find_fov(image, PARAMS, Known(regions=(half,)))
    assert fov.accepted and fov.box.iou(true) > 0.99
