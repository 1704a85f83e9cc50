"""How many lines of text the engines find inside fields of view, on phantoms with lines planted in known places."""

import shutil
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from planted_text import plant

from nonmass.geometry import Box
from nonmass.images import Picture, chroma_of
from nonmass.text.engines import engine_version, open_engine
from nonmass.text.reading import read_lines
from nonmass.text.summary import MEASURED, Measured

FIELDS = range(1000, 1080)  # the reading was tuned on fields 0 to 39
COVERED = 0.9  # share of a line's ink within boxes from which it counts as found
TOLERANCE = 0.01


def measure(engine_name, numbers):
    engine, right = open_engine(engine_name), np.zeros((4, 2), int)
    for number in numbers:
        planted = plant(number)
        luma, red, blue = cv2.split(cv2.cvtColor(planted.field, cv2.COLOR_BGR2YCrCb))
        height, width = luma.shape
        lines = read_lines(Picture(luma, chroma_of(blue, red)), Box(0, 0, width, height), "", engine, "field")
        suspect = [line for line in lines if line["kind"] == "phi-suspect"]
        is_suspect = np.isin(planted.inks, [i for i, kind in enumerate(planted.kinds, 1) if kind == "phi-suspect"])
        right += [
            share_found(planted, lines, planted.kinds),
            share_true(lines, planted.inks > 0),
            share_found(planted, suspect, ["phi-suspect"]),
            share_true(suspect, is_suspect),
        ]
    recall, precision, phi_recall, phi_precision = right[:, 0] / right[:, 1]
    return Measured(engine_version(engine_name), int(right[0, 1]), recall, precision, phi_recall, phi_precision)


def share_found(planted, lines, kinds):
    """How many planted lines of some kinds are covered by boxes, and of how many."""
    covered = np.zeros(planted.inks.shape, bool)
    for line in lines:
        covered[line["y0_px"] : line["y1_px"], line["x0_px"] : line["x1_px"]] = True
    shares = [covered[planted.inks == i].mean() for i, kind in enumerate(planted.kinds, 1) if kind in kinds]
    return sum(share >= COVERED for share in shares), len(shares)


def share_true(lines, ink):
    """How many boxes hold ink, and of how many."""
    return sum(ink[line["y0_px"] : line["y1_px"], line["x0_px"] : line["x1_px"]].any() for line in lines), len(lines)


def check_against_record(measured):
    """The metrics of every run quote the record."""
    record = asdict(MEASURED[measured.version.split("-")[0]])
    for name, value in asdict(measured).items():
        same = value == record[name] if name in ("n_lines", "version") else abs(value - record[name]) <= TOLERANCE
        assert same, f"summary.MEASURED has {name} {record[name]}, measured {value}: {measured}"


@pytest.mark.long
def test_rapidocr_finds_planted_lines_and_little_else():
    pytest.importorskip("rapidocr")
    measured = measure("rapidocr", FIELDS)
    assert measured.recall >= 0.98
    assert measured.precision >= 0.95
    assert measured.phi_suspect_recall >= 0.98
    check_against_record(measured)


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")
def test_tesseract_finds_what_the_record_says():
    if engine_version("tesseract") != MEASURED["tesseract"].version:
        pytest.skip("another version of tesseract than the one in the record")
    check_against_record(measure("tesseract", FIELDS))
