"""A person's decisions: which line holds for which screen, what it does to what was found, which lines are refused."""

from dataclasses import replace

import pandas as pd
import pytest

from nonmass.errors import InputError
from nonmass.fov.field import Fov
from nonmass.fov.overrides import Override, layout_name, read_overrides
from nonmass.geometry import Box
from nonmass.tables import FOV_OVERRIDES

HEADING = ",".join(FOV_OVERRIDES.columns)
MANIFEST = pd.DataFrame(
    [("a-01", "Quill, T5", 800, 600), ("a-02", "Quill, T5", 800, 600), ("b-01", "", 640, 480)],
    columns=["image_id", "device", "width_px", "height_px"],
)
LAYOUT = '"Quill, T5 800x600"'
FOUND = Fov(
    Box(10, 20, 300, 400),
    "guess",
    ("texture", "edges"),
    0.31,
    doubts=("soft-bottom",),
    notes=("colour",),
    polygon=((10, 20), (300, 20), (150, 400)),
    panels=(Box(10, 20, 300, 400), Box(310, 20, 600, 400)),
)
WHOLE = Box(0, 0, 800, 600)
REFUSED = Fov(WHOLE, "guess", (), 0.9, reject="m-mode")


def read(tmp_path, *lines, heading=HEADING):
    path = tmp_path / "fov_overrides.csv"
    path.write_text("\n".join([heading, *lines, ""]), encoding="utf-8")
    return read_overrides(path, MANIFEST)


def test_an_images_own_line_wins_over_its_layouts(tmp_path):
    overrides = read(tmp_path, f"{LAYOUT},box,1,2,30,40,", "a-02,refuse,0,0,0,0,no breast")
    assert overrides.of("a-01", "Quill, T5", 800, 600) == Override(Box(1, 2, 30, 40), is_own=False)
    assert overrides.of("a-02", "Quill, T5", 800, 600) == Override(None)
    assert overrides.of("b-01", "", 640, 480) is None


def test_a_layout_without_device_is_its_size(tmp_path):
    assert layout_name("", 640, 480) == "640x480"
    overrides = read(tmp_path, "640x480,box,0,0,640,480,")
    assert overrides.of("b-01", "", 640, 480) == Override(Box(0, 0, 640, 480), is_own=False)
    assert overrides.of("a-01", "Quill, T5", 640, 480) is None


def test_an_empty_table_decides_nothing(tmp_path):
    assert read(tmp_path).of("a-01", "Quill, T5", 800, 600) is None


def test_a_box_replaces_what_was_found_and_settles_it():
    fov = Override(Box(5, 6, 70, 80)).apply(FOUND, WHOLE)
    assert fov == Fov(Box(5, 6, 70, 80), "override", (), 1.0, notes=("colour",))
    assert fov.accepted


def test_the_box_found_can_be_confirmed_with_its_outline():
    fov = Override(FOUND.box).apply(FOUND, WHOLE)
    assert fov.accepted
    assert (fov.method, fov.confidence) == ("override", 1.0)
    assert (fov.polygon, fov.panels, fov.estimators) == (FOUND.polygon, FOUND.panels, FOUND.estimators)


def test_an_images_own_box_takes_back_a_refusal():
    assert Override(Box(5, 6, 70, 80)).apply(REFUSED, WHOLE).accepted


@pytest.mark.parametrize("shape", [{"reject": "m-mode"}, {"polygon": FOUND.polygon}, {"panels": FOUND.panels}])
def test_a_layouts_box_leaves_what_is_no_plain_rectangle_as_it_was_found(shape):
    plain = replace(FOUND, polygon=(), panels=())
    layouts = Override(Box(5, 6, 70, 80), is_own=False)
    assert layouts.apply(plain, WHOLE).box == layouts.box
    found = replace(plain, **shape)
    assert layouts.apply(found, WHOLE) == found


def test_a_layouts_refusal_concerns_every_screen():
    for found in (FOUND, REFUSED):
        assert Override(None, is_own=False).apply(found, WHOLE).reject == "override"


def test_a_refusal_says_so_and_keeps_no_box():
    fov = Override(None).apply(FOUND, WHOLE)
    assert (fov.box, fov.reject, fov.method, fov.confidence) == (WHOLE, "override", "override", 1.0)
    assert not fov.accepted
    assert not fov.polygon
    assert not fov.panels


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a-03,box,1,2,3,4,", "'a-03': no image_id and no layout"),
        ("Quill T5 800x600,box,1,2,3,4,", "no image_id and no layout"),
        ("a-01,box,1,2,801,4,", "1, 2, 801, 4 leaves the screen of 800 x 600"),
        ("640x480,box,1,2,3,481,", "1, 2, 3, 481 leaves the screen of 640 x 480"),
        ("a-01,box,7,2,7,4,", "7, 2, 7, 4 is empty"),
        ("a-01,box,-1,2,7,4,", "starts outside the screen"),
        ("a-01,box,0,0,0,0,", "all zeros"),
        ("a-01,refuse,0,0,5,5,", "refuse takes no box"),
        ("a-01,keep,0,0,5,5,", "holds 'keep'"),
        ("a-01,box,0,0,5.5,5,", "not int"),
        ("a-01,box,0,0,,5,", "x1_px"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, says):
    with pytest.raises(InputError) as error:
        read(tmp_path, line)
    assert says in str(error.value)
    assert "fov_overrides.csv" in str(error.value)


def test_two_lines_for_one_target_are_refused(tmp_path):
    with pytest.raises(InputError, match="more than one row for a-01"):
        read(tmp_path, "a-01,box,1,2,3,4,", "a-01,refuse,0,0,0,0,")


def test_a_spreadsheets_marks_do_no_harm(tmp_path):
    path = tmp_path / "fov_overrides.csv"
    path.write_bytes(f"\ufeff{HEADING}\r\na-01,refuse,0,0,0,0,trübe\r\n".encode())
    assert read_overrides(path, MANIFEST).of("a-01", "Quill, T5", 800, 600) == Override(None)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "it is empty"), (f"{HEADING}\na-01,refuse\n".encode(), "row 2 is not as long"), (b"\xff\n", "UTF-8")],
)
def test_what_is_no_table_is_said(tmp_path, content, says):
    path = tmp_path / "fov_overrides.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"fov_overrides\.csv.*{says}"):
        read_overrides(path, MANIFEST)


def test_a_lost_file_is_no_empty_one(tmp_path):
    with pytest.raises(InputError, match=HEADING):
        read_overrides(tmp_path / "fov_overrides.csv", MANIFEST)
