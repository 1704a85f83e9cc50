"""The review sheet's files: what is written, under which names, and what replaces what."""

import cv2
import pandas as pd
import pytest
from review_inputs import ACCEPTED, DOUBTFUL, REFUSED, SHAPED, content_of, entry

from nonmass.errors import InputError
from nonmass.review.contact import A_SHEET
from nonmass.review.sheet import VIEW_PX, write_sheet
from nonmass.tables import FOV_OVERRIDES

NONE = pd.DataFrame(columns=list(FOV_OVERRIDES.columns))


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_are_named_by_number_in_order_of_review(tmp_path):
    page = tmp_path / "out" / "sheet.html"
    raw = tmp_path / "raw"
    write_sheet(page, [entry(raw, "Zyndra", ACCEPTED, (100, 80)), entry(raw, "Oswy", DOUBTFUL, (90, 70))], NONE, "")
    folder = page.parent / "sheet_files"
    assert [screen["id"] for screen in content_of(page)["screens"]] == ["Oswy", "Zyndra"]
    assert cv2.imread(str(folder / "views" / "000001.jpg"), cv2.IMREAD_GRAYSCALE).shape == (70, 90)
    names = files(page.parent)
    pictures = [f"{kind}/{number:06}.jpg" for kind in ("thumbnails", "views") for number in (1, 2)]
    beside = [".gitignore", "screens.js", "sheet.css", "sheet.js", "sheet_001.png", *pictures]
    assert sorted(names) == ["sheet.html", *(f"sheet_files/{name}" for name in beside)]
    assert names["sheet_files/.gitignore"] == b"*\n"
    assert b"Zyndra" not in names["sheet.html"]


def test_numbers_are_pixels_of_the_screen(tmp_path):
    page = tmp_path / "sheet.html"
    large = entry(tmp_path / "raw", "x", SHAPED, (2000, 1000), "Quill T5")
    overrides = pd.DataFrame([["Quill T5 2000x1000", "box", 1, 2, 3, 4, "seen"]], columns=list(FOV_OVERRIDES.columns))
    write_sheet(page, [large], overrides, "One screen.")
    told = content_of(page)
    assert told["note"] == "One screen."
    assert told["columns"] == list(FOV_OVERRIDES.columns)
    assert told["overrides"] == [{"target": "Quill T5 2000x1000", "action": "box", "box": [1, 2, 3, 4], "note": "seen"}]
    (screen,) = told["screens"]
    assert (screen["width"], screen["height"], screen["layout"]) == (2000, 1000, "Quill T5 2000x1000")
    assert screen["box"] == [10, 10, 110, 70]
    assert screen["polygon"] == [[40, 10], [80, 10], [110, 70], [10, 70]]
    view = cv2.imread(str(tmp_path / "sheet_files" / "views" / "000001.jpg"), cv2.IMREAD_GRAYSCALE)
    assert view.shape == (VIEW_PX[0] // 2, VIEW_PX[0])


def test_the_page_warns_and_asks_nothing_of_a_network(tmp_path):
    page = tmp_path / "a b#1.html"
    write_sheet(page, [entry(tmp_path / "raw", "x", ACCEPTED)], NONE, "")
    text = page.read_text()
    assert "may show names, dates of birth and numbers of patients" in text
    assert 'src="a%20b%231_files/sheet.js"' in text
    everything = text + "".join((page.parent / "a b#1_files" / name).read_text() for name in ("sheet.js", "sheet.css"))
    assert "http" not in everything.replace("http://www.w3.org/2000/svg", "")


def test_many_screens_stand_on_many_contact_sheets(tmp_path):
    page = tmp_path / "sheet.html"
    one = entry(tmp_path / "raw", "x", REFUSED)
    write_sheet(page, [one] * (A_SHEET + 1), NONE, "")
    assert sorted(path.name for path in (tmp_path / "sheet_files").glob("*.png")) == ["sheet_001.png", "sheet_002.png"]


def test_a_sheet_replaces_an_older_one_whole_or_not_at_all(tmp_path):
    page = tmp_path / "out" / "sheet.html"
    two = [entry(tmp_path / "raw", name, ACCEPTED) for name in "ab"]
    write_sheet(page, two, NONE, "")
    before = files(page.parent)
    two[1].place.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"^b: "):
        write_sheet(page, two, NONE, "")
    assert files(page.parent) == before
    write_sheet(page, two[:1], NONE, "")
    assert "sheet_files/views/000002.jpg" not in files(page.parent)


def test_the_same_screens_give_the_same_bytes(tmp_path):
    entries = [entry(tmp_path / "raw", "x", SHAPED), entry(tmp_path / "raw", "y", REFUSED)]
    for name in "12":
        write_sheet(tmp_path / name / "sheet.html", entries, NONE, "")
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_a_folder_that_is_no_sheet_is_left_alone(tmp_path):
    (tmp_path / "thesis_files").mkdir()
    with pytest.raises(InputError, match="no review sheet"):
        write_sheet(tmp_path / "thesis.html", [entry(tmp_path / "raw", "x", ACCEPTED)], NONE, "")
    with pytest.raises(InputError, match=r"ends in \.html"):
        write_sheet(tmp_path / "thesis", [], NONE, "")


def test_a_page_that_is_no_sheet_is_left_alone(tmp_path):
    page = tmp_path / "thesis.html"
    page.write_text("<title>Thesis</title>")
    with pytest.raises(InputError, match=r"thesis\.html: is there already and is no review sheet"):
        write_sheet(page, [], NONE, "")
    assert page.read_text() == "<title>Thesis</title>"
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match="no review sheet"):
        write_sheet(tmp_path / "folder.html", [], NONE, "")


def test_a_sheet_may_be_empty(tmp_path):
    write_sheet(tmp_path / "sheet.html", [], NONE, "All are accepted.")
    assert content_of(tmp_path / "sheet.html")["screens"] == []
