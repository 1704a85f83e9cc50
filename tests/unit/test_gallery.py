import cv2
import numpy as np
import pandas as pd
import pytest

from nonmass.gallery import BAR_PX, MIN_PANEL_PX, choose, draw

SIDE = 64
NO_LESION = np.zeros((SIDE, SIDE), bool)


def test_the_surest_of_each_part_and_outcome_are_chosen():
    rows = [
        ("a", "test", 1, "TP", 1.0),
        ("b", "test", 1, "TP", 3.0),
        ("c", "test", 1, "TP", 3.0),
        ("d", "test", 1, "TP", 2.0),
        ("e", "test", 0, "FP", 0.1),
        ("f", "external", 1, "TP", 0.2),
        ("g", "external", 1, "", 0.2),
        ("h", "external", 0, "", 0.1),
    ]
    judged = pd.DataFrame(rows, columns=["image_id", "part", "truth", "outcome", "margin"])
    assert "".join(choose(judged, 2)["image_id"]) == "bcefgh"
    assert "".join(choose(judged[::-1], 1)["image_id"]) == "befgh"
    assert choose(judged, 0).empty


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def panels(picture):
    """Original, overlay and bar of colours of a picture."""
    panel = MIN_PANEL_PX
    return (
        picture[:panel, :panel],
        picture[:panel, panel + 6 : 2 * panel + 6],
        picture[:panel, 2 * panel + 12 :][:, :BAR_PX],
    )


def test_the_original_is_shown_as_the_network_sees_it(image):
    original, _, _ = panels(draw(image, np.zeros((SIDE, SIDE), np.float32), NO_LESION, 1.0, "x"))
    zoom = MIN_PANEL_PX // SIDE
    assert np.array_equal(original[::zoom, ::zoom], np.repeat(image[:, :, None], 3, axis=2))


def test_colour_depends_on_the_common_scale_and_not_on_the_image_s_own_range():
    gray = np.zeros((SIDE, SIDE), np.uint8)
    weak = np.full((SIDE, SIDE), 0.5, np.float32)
    _, of_one, bar = panels(draw(gray, weak, NO_LESION, 1.0, "x"))
    _, of_two, _ = panels(draw(gray, 4 * weak, NO_LESION, 4.0, "x"))
    assert np.array_equal(of_one, of_two)
    # On black, the overlay is the bar's colour at half its height, at the overlay's opacity.
    np.testing.assert_allclose(of_one[0, 0], 0.45 * bar[len(bar) // 2, 0], atol=2)
    assert not np.array_equal(of_one, panels(draw(gray, weak, NO_LESION, 4.0, "x"))[1])


def test_the_outline_of_the_lesion_is_on_the_overlay(image):
    lesion = NO_LESION.copy()
    lesion[16:32, 16:40] = True
    heat = np.zeros((SIDE, SIDE), np.float32)
    without = panels(draw(image, heat, NO_LESION, 1.0, "x"))
    with_lesion = panels(draw(image, heat, lesion, 1.0, "x"))
    assert np.array_equal(without[0], with_lesion[0])
    changed = np.argwhere((without[1] != with_lesion[1]).any(axis=2))
    zoom = MIN_PANEL_PX // SIDE
    assert changed.min(axis=0).tolist() == [16 * zoom, 16 * zoom]
    assert changed.max(axis=0).tolist() == [32 * zoom - 1, 40 * zoom - 1]


def test_a_large_image_is_not_magnified():
    large = np.zeros((448, 448), np.uint8)
    picture = draw(large, large.astype(np.float32), large > 0, 1.0, "x")
    assert picture.shape[:2] == (448 + 20, 2 * 448 + 12 + BAR_PX + 50)
    assert cv2.countNonZero(picture[448:, :, 0]) > 0  # the caption
