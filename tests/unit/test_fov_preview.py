"""`nonmass fov` on files and folders of screens whose field is known because it is drawn."""

import json
import os

import cv2
import numpy as np
import pytest
from dicom_files import drawn, region, still, with_regions

from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.fov import preview
from nonmass.fov.field import Fov
from nonmass.fov.preview import DEFAULTS, find_fields, json_line, params_here
from nonmass.geometry import Box

BOX = Box(96, 60, 642, 500)


def screen(key, height=600, width=800):
    """Smooth noise in a box on black, `(height, width)` uint8."""
    image = np.zeros((height, width), np.uint8)
    noise = cv2.GaussianBlur(generator("preview", key).normal(size=(BOX.height, BOX.width)), (0, 0), 1.5)
    image[BOX.slices] = np.clip(110 + 150 * noise, 20, 255)
    return image


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def lines_of(source):
    return [json.loads(json_line(found)) for found in find_fields(source, DEFAULTS)]


@pytest.fixture
def spied(monkeypatch):
    """What the finder was told, instead of what it would find."""
    told = {}

    def find(picture, params, known):
        told[picture.gray.shape] = known
        return Fov(Box(0, 0, 5, 5), "guess", (), 0.123456, doubts=("soft-left",))

    monkeypatch.setattr(preview, "find_fov", find)
    return told


def test_a_line_says_what_was_found(tmp_path):
    (line,) = lines_of(write(tmp_path / "one.png", screen(1)))
    assert list(line) == ["file", "box", "accepted", "confidence", "method", "flags", "reject"]
    assert line["file"] == str(tmp_path / "one.png")
    assert Box(*line["box"]).iou(BOX) > 0.97
    assert line["reject"] is None


def test_all_of_a_field_is_told():
    fov = Fov(
        Box(1, 2, 30, 40), "agreement", ("a",), 2 / 3, ("soft-left",), ("colour",), ((1, 2), (30, 2), (9, 40)),
        (Box(1, 2, 30, 40), Box(31, 2, 60, 40)), "m-mode",
    )  # fmt: skip
    line = json.loads(json_line(preview.Found(preview.File("a.png", None), fov)))
    assert line == {
        "file": "a.png",
        "box": [1, 2, 30, 40],
        "accepted": False,
        "confidence": 0.6667,
        "method": "agreement",
        "flags": ["soft-left", "colour"],
        "reject": "m-mode",
        "polygon": [[1, 2], [30, 2], [9, 40]],
        "panels": [[1, 2, 30, 40], [31, 2, 60, 40]],
    }


def test_a_folder_is_read_to_its_depth_in_order_and_without_strangers(tmp_path, spied):
    write(tmp_path / "b.PNG", drawn(20, 30))
    write(tmp_path / "a" / "z.jpg", drawn(21, 30))
    still(tmp_path / "scan.001", drawn(22, 30), Manufacturer="Quill", ManufacturerModelName="T5")
    write(tmp_path / ".hidden" / "c.png", drawn(20, 30))
    (tmp_path / "._b.PNG").write_bytes(b"beside it")
    (tmp_path / "notes.txt").write_text("no image")
    assert [line["file"] for line in lines_of(tmp_path)] == ["a/z.jpg", "b.PNG", "scan.001"]
    assert spied[22, 30].device == "Quill T5"


def test_dicom_regions_reach_the_finder(tmp_path, spied):
    lines_of(still(tmp_path / "one.dcm", drawn(22, 30), **with_regions(region((1, 2, 19, 19)))))
    assert spied[22, 30].regions == (Box(1, 2, 20, 20),)


def test_a_screen_that_dicom_calls_m_mode_is_refused(tmp_path):
    regions = with_regions(region((96, 60, 641, 499)), region((0, 510, 799, 599), spatial_format=2))
    (line,) = lines_of(still(tmp_path / "one.dcm", screen(1), **regions))
    assert (line["accepted"], line["reject"], line["method"]) == (False, "m-mode", "dicom")
    (line,) = lines_of(still(tmp_path / "two.dcm", screen(1), **with_regions(region((96, 60, 641, 499)))))
    assert line["accepted"]


def test_screens_of_one_size_share_their_layouts_box(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(preview, "find_fov", lambda picture, params, known: told.append(known) or _whole(picture))
    for number in range(DEFAULTS.layout_min_images):
        write(tmp_path / f"{number}.png", screen(number))
    write(tmp_path / "other.png", screen(1, 768, 1024))
    lines_of(tmp_path)
    assert [len(known.layout_boxes) > 0 for known in told] == [True] * DEFAULTS.layout_min_images + [False]
    assert told[0].layout_boxes[0].iou(BOX) > 0.95


def _whole(picture):
    height, width = picture.gray.shape
    return Fov(Box(0, 0, width, height), "guess", (), 0.0)


def test_a_file_that_cannot_be_read_stops_no_other(tmp_path, spied):
    write(tmp_path / "a.png", drawn(20, 30))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "c.jpg").write_bytes(b"")
    write(tmp_path / "d.png", drawn(20, 30))
    found = list(find_fields(tmp_path, DEFAULTS))
    assert [one.fov is None for one in found] == [False, True, True, False]
    assert found[1].fault.startswith("b.png: ")
    assert "\n" not in found[1].fault
    assert "empty" in found[2].fault
    with pytest.raises(ValueError, match=r"b\.png"):
        json_line(found[1])


def test_a_pipe_is_not_waited_for(tmp_path, spied):
    write(tmp_path / "a.png", drawn(20, 30))
    os.mkfifo(tmp_path / "b.png")
    os.mkfifo(tmp_path / "c")
    (tmp_path / "d.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "e.png").mkdir()
    found = list(find_fields(tmp_path, DEFAULTS))
    assert [(one.file.name, one.fov is None) for one in found] == [("a.png", False), ("b.png", True), ("d.png", True)]
    assert "pipe" in found[1].fault
    (alone,) = find_fields(tmp_path / "c", DEFAULTS)
    assert "pipe" in alone.fault


def test_nothing_to_look_at_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match="no image in this folder"):
        find_fields(tmp_path, DEFAULTS)
    with pytest.raises(InputError, match="not found"):
        find_fields(tmp_path / "nowhere", DEFAULTS)


def test_settings_are_the_projects_where_there_is_one(tmp_path):
    path = tmp_path / "params.yaml"
    assert params_here(path) == DEFAULTS
    path.write_text("other: 1\n")
    assert params_here(path) == DEFAULTS
    path.write_text("fov: {agreement_iou: 0.9, layout_min_images: 7, layout_max_images: 8}\n")
    assert params_here(path).layout_min_images == 7
    path.write_text("fov: {agreement_iou: high, layout_min_images: 7, layout_max_images: 8}\n")
    with pytest.raises(InputError, match=r"params\.yaml: fov\.agreement_iou"):
        params_here(path)


def test_defaults_are_the_projects_own(project):
    assert params_here(project / "params.yaml") == DEFAULTS
