"""Contact sheets, pixel by pixel where it matters."""

import numpy as np
from review_inputs import ACCEPTED, DOUBTFUL, REFUSED, SHAPED, entry

from nonmass.review.contact import CAPTION_PX, COLOURS, COLUMNS, GAP_PX, LINE_PX, TILE_PX, caption, contact_sheet

TOP = 2 * GAP_PX + LINE_PX


def drawn(tmp_path, *fovs, size=(240, 180)):
    """RGB of a sheet of gray screens that fill their tiles, so that a screen's pixel is one of the sheet's."""
    entries = [entry(tmp_path, f"screen {number}", fov, size) for number, fov in enumerate(fovs)]
    thumbnails = [np.full((size[1], size[0]), 60, np.uint8)] * len(fovs)
    return np.asarray(contact_sheet(entries, thumbnails, "heading").convert("RGB"))


def coloured(sheet, name):
    """Rows and columns, within the first tile, of pixels in a colour."""
    tile = sheet[TOP : TOP + TILE_PX[1], GAP_PX : GAP_PX + TILE_PX[0]]
    return np.argwhere((tile == COLOURS[name]).all(axis=2))


def test_the_box_stands_where_it_was_found(tmp_path):
    where = coloured(drawn(tmp_path, DOUBTFUL), "doubtful")
    assert where.min(axis=0).tolist() == [20, 10]
    assert where.max(axis=0).tolist() == [69, 89]  # half-open


def test_it_shrinks_with_its_screen(tmp_path):
    where = coloured(drawn(tmp_path, DOUBTFUL, size=(480, 360)), "doubtful")
    assert where.min(axis=0).tolist() == [10, 5]
    assert where.max(axis=0).tolist() == [34, 44]


def test_state_shows_in_colour_and_words(tmp_path):
    for fov, name in ((ACCEPTED, "accepted"), (DOUBTFUL, "doubtful"), (REFUSED, "refused")):
        sheet = drawn(tmp_path, fov)
        assert {other for other in ("accepted", "doubtful", "refused") if len(coloured(sheet, other))} == {name}
    assert caption(entry(tmp_path, "x", DOUBTFUL)) == ("x", "doubtful 0.25, guess", "soft-bottom, colour")
    assert caption(entry(tmp_path, "x", REFUSED))[1] == "refused: m-mode"


def test_outline_and_panels_are_drawn(tmp_path):
    where = {tuple(place) for place in coloured(drawn(tmp_path, SHAPED), "panel").tolist()}
    assert (40, 59) in where  # right side of the left panel
    assert (40, 25) in where  # middle of the outline's left side


def test_screens_stand_row_by_row_and_gray_as_they_are(tmp_path):
    sheet = drawn(tmp_path, *[ACCEPTED] * (COLUMNS + 1))
    assert sheet.shape[0] == TOP + 2 * (TILE_PX[1] + CAPTION_PX + GAP_PX)
    second_row = TOP + TILE_PX[1] + CAPTION_PX + GAP_PX
    assert np.abs(sheet[second_row + 170, GAP_PX + 120].astype(int) - 60).max() <= 1
    assert (sheet[second_row + 170, 2 * GAP_PX + TILE_PX[0] + 120] < 40).all()  # nothing beside it


def test_odd_names_are_drawn(tmp_path):
    odd = entry(tmp_path, "x", ACCEPTED)
    object.__setattr__(odd, "target", "n\udcffame\n" + 99 * "long ")
    contact_sheet([odd], [np.zeros((180, 240), np.uint8)], "heading")
