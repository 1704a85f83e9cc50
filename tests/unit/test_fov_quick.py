"""The quick way says no more than the slow one: the same box where both accept, and no for all but a plain field."""

import numpy as np
import pytest
from drawn_screens import LAYOUTS, screen
from drawn_traces import trace_screen

from nonmass.determinism import generator
from nonmass.fov import finder
from nonmass.fov.field import Known
from nonmass.fov.quick import is_plain
from nonmass.fov.scale import thinned
from nonmass.geometry import Box
from nonmass.images import Picture

PARAMS = finder.FindParams(agreement_iou=0.95, layout_min_images=5, layout_max_images=30)
KEYS = range(3)


def gray_picture(image):
    return Picture(image, np.zeros_like(image))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("key", KEYS)
def test_both_ways_give_the_same_answer(layout, key, monkeypatch):
    picture, known = gray_picture(screen(layout, key)), Known(layout_boxes=(LAYOUTS[layout][2],))
    quick = finder.find_fov(picture, PARAMS, known)
    monkeypatch.setattr(finder, "is_plain", lambda *_: False)
    slow = finder.find_fov(picture, PARAMS, known)
    assert quick == slow and quick.accepted


def test_most_plain_screens_go_the_quick_way():
    plain = [is_plain(gray_picture(screen(name, key)), LAYOUTS[name][2]) for name in LAYOUTS for key in KEYS]
    assert np.mean(plain) >= 0.5


@pytest.mark.parametrize("kind", ["m-mode", "colour m-mode", "arterial", "venous", "mirrored"])
def test_a_trace_is_never_plain(kind):
    assert not any(is_plain(*trace_screen(kind, key)) for key in range(100, 104))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_field_or_an_empty_corner_is_seen(layout):
    image, box = screen(layout, 0), LAYOUTS[layout][2]
    corner = image.copy()
    corner[box.y0 : box.y0 + box.height // 8, box.x0 : box.x0 + box.width // 8] = image[0, 0]
    assert not is_plain(gray_picture(corner), box)
    half = Box(box.x0, box.y0, box.x0 + box.width // 2, box.y1)
    assert not is_plain(gray_picture(image), half)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [11, 12, 13])
def test_thinning_takes_every_step_th_pixel(step, width):
    plane = generator("thinned").integers(0, 256, (9, width), dtype=np.uint8)
    for some in (plane, plane[:, ::-1], plane[1:, 1:]):
        np.testing.assert_array_equal(thinned(some, step), some[::step, ::step])
