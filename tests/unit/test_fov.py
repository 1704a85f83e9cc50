import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_screens import LAYOUTS, as_jpeg, screen, speckle, write
from PIL import Image

from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.fov.field import Known
from nonmass.fov.finder import FindParams
from nonmass.fov.finder import find_fov as find_fov_with
from nonmass.fov.layout import layout_consensus
from nonmass.geometry import Box
from nonmass.images import read_gray, read_picture
from nonmass.params import validate

GOOD = {"agreement_iou": 0.95, "layout_min_images": 5, "layout_max_images": 30}
PARAMS = validate(GOOD, FindParams, "fov")


def find_fov(image, layout_box=None):
    return find_fov_with(image, PARAMS, Known(layout_boxes=(layout_box,) if layout_box else ()))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("key", range(4))
def test_a_drawn_field_is_found_on_one_screen(layout, key):
    fov = find_fov(screen(layout, key))
    assert fov.accepted and fov.flags == ()
    assert fov.box.iou(LAYOUTS[layout][2]) >= 0.995
    assert 0.5 < fov.confidence <= 1


@pytest.mark.parametrize("layout", ["black", "panel"])
def test_a_black_depth_ends_with_the_ruler_and_the_layout_knows_it_exactly(layout):
    true = LAYOUTS[layout][2]
    dark = screen(layout, "dark", deep_dark=0.3)
    alone = find_fov(dark)
    assert alone.accepted and alone.notes == ("ruler-bottom",)
    assert 0 <= true.y1 - alone.box.y1 <= 22 and alone.box.iou(true) > 0.95  # marks are 22 pixels apart
    settled = find_fov(dark, layout_box=true)
    assert settled.accepted and settled.box == true and settled.method == "layout"


def test_a_black_depth_without_ruler_is_doubted():
    image = screen("black", "dark", deep_dark=0.3)
    image[:, LAYOUTS["black"][2].x1 + 8 :] = 0
    assert all(doubt.endswith("-bottom") for doubt in find_fov(image).doubts) and not find_fov(image).accepted


@pytest.mark.parametrize(("narrower_px", "shorter_px"), [(90, 0), (0, 120), (40, 60)])
def test_another_zoom_of_the_layout_keeps_its_own_box(narrower_px, shorter_px):
    image = screen("black", 1)
    true = LAYOUTS["black"][2]
    zoomed = Box(true.x0 + narrower_px, true.y0, true.x1 - narrower_px, true.y1 - shorter_px)
    field = image[zoomed.slices].copy()
    image[true.slices] = 0
    image[zoomed.slices] = field
    fov = find_fov(image, layout_box=true)
    assert fov.accepted and fov.box.iou(zoomed) > 0.99


def glued(kind):
    """A screen whose field has something right beside it, and the field's box."""
    image = screen("black", 5)
    box = LAYOUTS["black"][2]
    y0, y1 = box.y0, box.y1
    if kind == "gray bar":
        image[y0:y1, box.x1 : box.x1 + 20] = np.linspace(255, 20, y1 - y0).astype(np.uint8)[:, None]
    elif kind == "button bar":
        image[y0:y1, box.x1 : box.x1 + 60] = 90
    elif kind == "text below":
        for row in range(4):
            words = "Left breast 3:00 4 cm FN radial and antiradial"
            write(image, words, box.x0, y1 + 14 + 16 * row, 0.6)
    elif kind == "name above":
        write(image, "DOE^JANE 12345678", box.x0, y0 - 4, 0.8, 2)
    elif kind == "second field":
        image[y0:y1, box.x1 + 4 : 1020] = speckle("second", y1 - y0, 1020 - box.x1 - 4)
    elif kind == "trace below":
        image[y1 + 2 : 760, box.x0 : box.x1] = speckle("trace", 758 - y1, box.width)
    return image, box


@pytest.mark.parametrize("kind", ["gray bar", "button bar", "text below", "name above", "second field", "trace below"])
def test_something_beside_the_field_makes_no_silent_error(kind):
    image, box = glued(kind)
    fov = find_fov(image)
    assert not fov.accepted or fov.box.iou(box) >= 0.95


@pytest.mark.parametrize("size", [(353, 274), (470, 560), (600, 763)])
def test_an_image_that_is_a_field_stays_whole(size):
    fov = find_fov(speckle("bare", *size))
    assert fov.accepted and fov.box == Box(0, 0, size[1], size[0])


def test_black_margins_of_a_bare_field_go():
    image = np.zeros((420, 640), np.uint8)
    field = Box(70, 0, 590, 400)
    image[field.slices] = speckle("margins", 400, 520)
    fov = find_fov(image)
    assert fov.accepted and fov.box == field


def test_a_bare_field_that_fades_stays_whole():
    image = speckle("fading", 400, 500, cyst=False)
    fade = np.clip(np.linspace(3.2, 0.02, 400), 0, 1)[:, None]
    fov = find_fov((image * fade).astype(np.uint8))
    assert fov.accepted and fov.box == Box(0, 0, 500, 400)


def test_a_caption_below_a_bare_field_is_left_out():
    image = speckle("caption", 400, 500)
    image[300:] = 0
    write(image, "LEFT BREAST 3:00 RADIAL", 10, 330, 0.9, 2)
    fov = find_fov(image)
    assert fov.accepted and fov.box == Box(0, 0, 500, 300)


@pytest.mark.parametrize("image", [np.zeros((300, 400), np.uint8), np.full((300, 400), 87, np.uint8)])
def test_a_screen_without_a_field_is_doubted(image):
    fov = find_fov(image)
    assert not fov.accepted and fov.flags and fov.confidence == 0


def test_a_screen_of_text_is_doubted():
    image = np.zeros((600, 800), np.uint8)
    for row in range(12):
        words = f"Report line {row}: the quick brown fox jumps over it"
        write(image, words, 30, 40 + 45 * row, 0.8)
    assert not find_fov(image).accepted


@pytest.mark.parametrize("layout", LAYOUTS)
def test_png_and_jpeg_give_the_same_box(layout):
    clean = screen(layout, "formats", noise=False)
    a, b = find_fov(clean), find_fov(as_jpeg(clean, 85))
    assert a.accepted and b.accepted and a.box.iou(b.box) >= 0.995


@pytest.mark.parametrize("key", range(3))
def test_png_and_jpeg_agree_on_a_field_within_a_block_of_its_wells_rim(key):
    box = Box(260, 100, 860, 640)
    image = np.full((768, 1180), 92, np.uint8)
    image[box.y0 - 8 : box.y1 + 8, box.x0 - 8 : box.x1 + 8] = 8
    image[box.slices] = speckle(("well", key), box.height, box.width)
    write(image, "BREAST LT", 20, 30)
    a, b = find_fov(image), find_fov(as_jpeg(image, 85))
    assert a.accepted and b.accepted and min(a.box.iou(box), b.box.iou(box)) >= 0.98


@pytest.mark.parametrize("rim_px", range(4, 9))
@pytest.mark.parametrize("frame", [8, 215])
def test_a_file_without_loss_and_its_jpeg_give_the_same_answer(frame, rim_px, tmp_path):
    """To the last digit, also where rim or frame share the blocks of a JPEG with the field."""
    box = Box(260, 100, 860, 640)
    image = np.full((768, 1180, 3), 92, np.uint8)
    image[box.y0 - rim_px : box.y1 + rim_px, box.x0 - rim_px : box.x1 + rim_px] = frame
    image[box.slices] = speckle(("rim", rim_px), box.height, box.width)[..., None]
    image[700:740, 40:200] = (40, 120, 220)
    saved = [tmp_path / "a.png", tmp_path / "a.jpg"]
    Image.fromarray(image).save(saved[0])
    Image.fromarray(image).save(saved[1], quality=85)
    png, jpeg = (find_fov_with(read_picture(path), PARAMS) for path in saved)
    assert png == jpeg


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [5, 8])
def test_the_layout_is_what_changes(layout, count):
    # A third of them have a black depth; names, IDs and dates differ on all.
    screens = (screen(layout, key, deep_dark=0.3 * (key % 3 == 2)) for key in range(count))
    assert layout_consensus(screens, 5)[0].iou(LAYOUTS[layout][2]) >= 0.995


def test_changing_text_beside_the_field_is_not_part_of_it():
    box = LAYOUTS["black"][2]
    screens = []
    for key in range(8):
        image = screen("black", key)
        rng = generator("panel", key)
        for row in range(6):  # a name right above, measurements right below and to the right
            words = "".join(rng.choice(list("ABCDEFGH0123456789"), 12))
            write(image, words, box.x1 + 2, box.y0 + 30 + 30 * row)
        words = "".join(rng.choice(list("ABCDEFGH0123456789"), 30))
        write(image, words, box.x0 + 5, box.y0 - 3, 0.7)
        write(image, words, box.x0 + 5, box.y1 + 18, 0.7)
        screens.append(image)
    assert layout_consensus(screens, 5)[0].iou(box) >= 0.99


def test_few_or_equal_screens_say_nothing():
    assert layout_consensus([screen("panel", 1)] * 4, 5) == ()
    assert layout_consensus([screen("panel", 1)] * 5, 5) == ()
    assert layout_consensus([], 5) == ()


def test_screens_of_two_sizes_are_no_layout():
    with pytest.raises(ValueError, match="differ in shape"):
        layout_consensus([np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8)], 2)


@pytest.mark.parametrize(
    ("key", "value"),
    [("agreement_iou", 1.2), ("agreement_iou", "much"), ("layout_min_images", 2), ("layout_max_images", 2)],
)
def test_impossible_params_are_named(key, value):
    validate(GOOD, FindParams, "fov")
    with pytest.raises(InputError, match=key):
        validate({**GOOD, key: value}, FindParams, "fov")


@pytest.mark.real_data
@pytest.mark.skipif("NONMASS_DATA" not in os.environ, reason="NONMASS_DATA is not set")
@pytest.mark.parametrize("pattern", ["BUSI/**/* (?).png", "BUSBRA/Images/bus_00[0-2]*.png"])
def test_public_images_stay_whole(pattern):
    for path in sorted(Path(os.environ["NONMASS_DATA"]).glob(pattern))[:30]:
        image = read_gray(path)
        fov = find_fov(image)
        if fov.accepted:
            assert fov.box.area >= 0.9 * image.size or not _outside(image, fov.box).any(), path


def _outside(image, box):
    """What the crop would lose that is not black, pixel noise aside."""
    rest = cv2.medianBlur(image, 3) > 16
    rest[box.slices] = False
    return rest
