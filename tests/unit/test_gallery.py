from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass.gallery import BAR_PX, LINE_PX, STEP, choose, doubtful_crops, draw, on_screen
from nonmass.panels import GAP_PX, PANEL_PX, original_of, overlay_of

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
    judged = pd.DataFrame(rows, columns=["image_id", "part", "truth", "outcome", "margin"]).assign(accepted=1)
    assert "".join(choose(judged, 2)["image_id"]) == "bcefgh"
    assert "".join(choose(judged[::-1], 1)["image_id"]) == "befgh"
    assert choose(judged, 0).empty


def test_a_doubtful_crop_is_in_no_picture():
    rows = [("a", "TP", 9.0, 0), ("b", "TP", 1.0, 1), ("c", "FN", 1.0, 0), ("d", "TP", 0.5, 1)]
    judged = pd.DataFrame(rows, columns=["image_id", "outcome", "margin", "accepted"]).assign(part="test", truth=1)
    assert "".join(choose(judged, 1)["image_id"]) == "b"
    assert "".join(choose(judged, 4)["image_id"]) == "bd"
    assert doubtful_crops(judged) == 2


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def panels(picture):
    """Original, overlay and bar of colours of a picture."""
    bar_px = 2 * (PANEL_PX + GAP_PX)
    return original_of(picture), overlay_of(picture), picture[:PANEL_PX, bar_px : bar_px + BAR_PX]


def test_the_original_is_shown_as_the_network_sees_it(image):
    original, _, _ = panels(draw(image, np.zeros((SIDE, SIDE), np.float32), NO_LESION, 1.0, ("x",)))
    zoom = PANEL_PX // SIDE
    shown = original[::zoom, ::zoom]
    assert np.array_equal(np.repeat(np.repeat(shown, zoom, axis=0), zoom, axis=1), original)
    assert (shown == shown[:, :, :1]).all()
    lost = image[:, :, None] - shown
    assert lost.min() >= 0 and lost.max() < STEP


def test_colour_depends_on_the_common_scale_and_not_on_the_image_s_own_range():
    gray = np.zeros((SIDE, SIDE), np.uint8)
    weak = np.full((SIDE, SIDE), 0.5, np.float32)
    _, of_one, bar = panels(draw(gray, weak, NO_LESION, 1.0, ("x",)))
    _, of_two, _ = panels(draw(gray, 4 * weak, NO_LESION, 4.0, ("x",)))
    assert np.array_equal(of_one, of_two)
    # On black, the overlay is the bar's colour at half its height, at the overlay's opacity.
    np.testing.assert_allclose(of_one[0, 0], 0.45 * bar[len(bar) // 2, 0].astype(float), atol=STEP)
    assert not np.array_equal(of_one, panels(draw(gray, weak, NO_LESION, 4.0, ("x",)))[1])


def test_the_outline_of_the_lesion_is_on_the_overlay(image):
    lesion = NO_LESION.copy()
    lesion[16:32, 16:40] = True
    heat = np.zeros((SIDE, SIDE), np.float32)
    without = panels(draw(image, heat, NO_LESION, 1.0, ("x",)))
    with_lesion = panels(draw(image, heat, lesion, 1.0, ("x",)))
    assert np.array_equal(without[0], with_lesion[0])
    changed = np.argwhere((without[1] != with_lesion[1]).any(axis=2))
    zoom = PANEL_PX // SIDE
    assert changed.min(axis=0).tolist() == [16 * zoom, 16 * zoom]
    assert changed.max(axis=0).tolist() == [32 * zoom - 1, 40 * zoom - 1]


@pytest.mark.parametrize("side", [SIDE, 448])
def test_pictures_are_of_one_size_whatever_the_model_s_is(side):
    image = np.full((side, side), 200, np.uint8)
    image[:, side // 2 :] = 40
    picture = draw(image, np.zeros((side, side), np.float32), image < 0, 1.0, ("first", "second"))
    assert picture.shape[0] == PANEL_PX + 2 * LINE_PX + 4
    assert not (picture % STEP).any()
    original, _, _ = panels(picture)
    assert (original[:, : PANEL_PX // 2 - 1] == 200).all() and (original[:, PANEL_PX // 2 + 1 :] == 40).all()


def test_the_caption_is_readable_where_the_page_shows_the_picture_at_a_third():
    black = np.zeros((SIDE, SIDE), np.uint8)
    picture = draw(
        black, black.astype(np.float32), NO_LESION, 1.0, ("Colour: what a cell adds to the logit of 'negative'",)
    )
    rows, columns = np.nonzero(picture[PANEL_PX:, :, 0] > 128)
    on_the_page = 360 / picture.shape[1]
    assert (rows.max() - rows.min() + 1) * on_the_page >= 9  # from the ascenders to the descenders, in px of the page
    assert columns.max() < picture.shape[1] - 8  # and it is not cut off


FIELD = {"x0_px": 30, "y0_px": 20, "x1_px": 158, "y1_px": 84, "polygon": "", "side_px": SIDE, "square": "pad_br"}


@given(st.integers(0, 7), st.integers(0, 3))
def test_a_cell_of_the_map_comes_to_its_place_on_the_screen(column, row):
    """The field, 128 x 64 px, fills the upper half of the square: a cell of 8 px there is 16 px on the screen."""
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 3.0
    found = on_screen(heat, SimpleNamespace(width_px=200, height_px=100, **FIELD), 6.0)
    assert found.shape == (100, 200) and found.max() == 128
    ys, xs = np.nonzero(found > 64)
    assert (ys.min(), ys.max() + 1) == (20 + 16 * row, 36 + 16 * row)
    assert (xs.min(), xs.max() + 1) == (30 + 16 * column, 46 + 16 * column)


def test_nothing_lies_outside_of_the_field_s_outline():
    heat = np.ones((SIDE, SIDE), np.float32)
    sector = {**FIELD, "polygon": "94,20|157,83|30,83"}
    found = on_screen(heat, SimpleNamespace(width_px=200, height_px=100, **sector), 1.0)
    assert found[50, 94] == 255 and found[25, 40] == 0 and found[90, 94] == 0
