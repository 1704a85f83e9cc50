import cv2
import numpy as np
import pytest
from drawn_screens import LAYOUTS, as_jpeg, screen, speckle, write

from nonmass.determinism import generator
from nonmass.fov.panels import choose_panel, find_panels
from nonmass.geometry import Box
from nonmass.images import Picture


def off(image, shell=0):
    return (cv2.absdiff(image, np.full_like(image, shell)) > 8).astype(np.uint8)


def dual(key, beside, gap, shell=0, deep_dark=0.0):
    """A screen with two fields of view, and their boxes."""
    rng = generator("dual", key)
    width, height = ((1024, 768), (1280, 960), (800, 600))[key % 3]
    image = np.full((height, width), shell, np.uint8)
    w, h = (0.38, 0.6) if beside else (0.6, 0.36)
    w, h = int(width * w * rng.uniform(0.9, 1)), int(height * h * rng.uniform(0.9, 1))
    x, y = int(width * 0.08), int(height * 0.1)
    second = Box(x + w + gap, y, x + 2 * w + gap, y + h) if beside else Box(x, y + h + gap, x + w, y + 2 * h + gap)
    boxes = (Box(x, y, x + w, y + h), second)
    for number, box in enumerate(boxes):
        image[box.slices] = speckle(("dual", key, number), box.height, box.width, deep_dark)
    write(image, "PHANTOM 0001", 20, 24, 0.6)
    return as_jpeg(image, 85), boxes


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("gap", [5, 24, 45])
@pytest.mark.parametrize("key", range(3))
def test_two_fields_of_like_size_are_found(key, gap, beside):
    image, boxes = dual(key, beside, gap, shell=(0, 58, 30)[key])
    panels = find_panels(image, off(image, (0, 58, 30)[key]))
    assert len(panels) == 2
    assert all(panel.iou(box) >= 0.98 for panel, box in zip(panels, boxes, strict=True))


def test_two_fields_with_a_black_depth_are_found_side_by_side():
    image, boxes = dual(0, True, 20, deep_dark=0.3)
    panels = find_panels(image, off(image))
    found = [(panel.x0, panel.y0, panel.x1) for panel in panels]
    assert np.abs(np.subtract(found, [(box.x0, box.y0, box.x1) for box in boxes])).max() <= 3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("deep_dark", [0.0, 0.5])
@pytest.mark.parametrize("key", range(4))
def test_one_field_is_no_panel(layout, key, deep_dark):
    image = screen(layout, key, deep_dark)
    assert find_panels(image, off(image, LAYOUTS[layout][3])) == ()


@pytest.mark.parametrize("kind", ["shadow", "cyst", "black depth", "unlike", "shifted", "text"])
def test_what_is_no_second_field(kind):
    image = np.zeros((768, 1024), np.uint8)
    image[100:650, 150:850] = speckle(kind, 550, 700, cyst=False)
    y, x = np.mgrid[0:768, 0:1024]
    if kind == "shadow":
        image[(np.abs(x - 500 + 12 * np.sin(y / 30)) < 50) & (y > 160)] = 0
    elif kind == "cyst":
        image[np.hypot((x - 500) / 250, (y - 380) / 200) < 1] = 0
    elif kind == "black depth":
        image[(y > 320) & (y < 520)] = 0
        image[520:650, 150:850] = speckle("echo", 130, 700, cyst=False)
    elif kind == "unlike":
        image[:, 600:720] = 0
    elif kind == "shifted":
        image[:, 480:500] = 0
        image[:330, 500:] = 0
    else:
        image[:, 400:850] = 0
        for row in range(20):
            write(image, "measurements of 12.3 mm", 460, 110 + 27 * row, 0.8)
    assert find_panels(image, off(image)) == ()


@pytest.mark.parametrize("image", [np.zeros((300, 400), np.uint8), np.full((5, 7), 200, np.uint8)])
def test_nothing_has_no_panels(image):
    assert find_panels(image, off(image)) == ()


LEFT, RIGHT = Box(10, 10, 200, 290), Box(210, 10, 400, 290)


def picture(coloured=()):
    chroma = np.zeros((300, 410), np.uint8)
    for box in coloured:
        chroma[box.y0 + 60 : box.y0 + 160, box.x0 + 50 : box.x0 + 120] = 90
    return Picture(np.tile(speckle("choice", 300, 410), 1), chroma)


@pytest.mark.parametrize(("coloured", "chosen"), [((), 0), ((LEFT,), 1), ((RIGHT,), 0), ((LEFT, RIGHT), 0)])
def test_the_gray_field_is_chosen_else_the_first(coloured, chosen):
    assert choose_panel(picture(coloured), (LEFT, RIGHT)) == chosen


def test_the_larger_of_two_gray_fields_is_chosen():
    assert choose_panel(picture(), (Box(10, 10, 190, 250), RIGHT)) == 1
    assert choose_panel(picture(), (Box(10, 10, 195, 290), RIGHT)) == 0


def test_without_panels_there_is_no_choice():
    with pytest.raises(ValueError, match="no panel"):
        choose_panel(picture(), ())
