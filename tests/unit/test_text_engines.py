"""The engines on one phantom: what they need, what they leave behind, what they keep to themselves."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from nonmass.errors import InputError
from nonmass.text import engines
from nonmass.text.engines import Reading, engine_version, open_engine

# Run by an interpreter of its own: no connection is possible, and what is left of the picture's reading is printed.
OFFLINE = """
import socket, sys
import cv2

def refuse(*_):
    raise AssertionError("a connection is opened")

socket.socket.connect = socket.getaddrinfo = refuse
from nonmass.text.engines import open_engine

picture = cv2.imread(sys.argv[1])
first, second = (open_engine("rapidocr")(picture) for _ in range(2))
assert first == second
print(len(first), *(len(reading.text) for reading in first))
"""
TSV = """level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext
1\t1\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t
5\t1\t1\t1\t1\t1\t20\t40\t60\t30\t96.5\tLEFT
5\t1\t1\t1\t1\t2\t90\t44\t70\t30\t83.5\tBREAST
5\t1\t1\t1\t2\t1\t20\t100\t60\t30\t12.0\t"gibberish
"""


@pytest.fixture
def picture():
    """Two lines on black."""
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.putText(image, "LEFT BREAST", (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2, cv2.LINE_AA)
    cv2.putText(image, "1.23 cm", (200, 220), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2, cv2.LINE_AA)
    return image


def program(folder, monkeypatch, lines):
    """A program called tesseract on the path, and no other."""
    path = folder / "tesseract"
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def test_rapidocr_reads_offline_alike_and_leaves_nothing_behind(picture, tmp_path):
    rapidocr = pytest.importorskip("rapidocr")
    package, home = Path(rapidocr.__file__).parent, tmp_path / "home"
    home.mkdir()
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    before = {path: path.stat().st_mtime_ns for path in package.rglob("*")}
    environment = {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", OFFLINE, str(tmp_path / "picture.png")]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["2", "11", "7"]
    assert {path: path.stat().st_mtime_ns for path in package.rglob("*")} == before
    assert not list(home.iterdir())


def test_rapidocr_says_where_the_lines_are(picture):
    pytest.importorskip("rapidocr")
    first, second = open_engine("rapidocr")(picture)
    assert (first.text, second.text) == ("LEFT BREAST", "1.23 cm")
    for reading, ink in ((first, picture[:150]), (second, picture)):
        ys, xs = np.nonzero(
            ink[..., 0] if reading is first else np.where(np.arange(300)[:, None] < 150, 0, ink[..., 0])
        )
        assert reading.corners == pytest.approx((xs.min(), ys.min(), xs.max(), ys.max()), abs=8)
        assert reading.confidence > 0.9


def test_words_of_tesseract_become_lines_in_pixels_of_the_picture(picture, tmp_path, monkeypatch):
    (tmp_path / "said.tsv").write_text(TSV)
    program(tmp_path, monkeypatch, ["cat > /dev/null", f"cat {tmp_path}/said.tsv"])
    (reading,) = open_engine("tesseract")(picture)
    assert reading == Reading((10, 20, 80, 37), "LEFT BREAST", pytest.approx(0.9))


def test_a_failing_tesseract_is_not_quoted(picture, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, ["echo DOE^JANE >&2", "echo DOE^JANE", "exit 3"])
    with pytest.raises(InputError, match="tesseract fails with exit code 3") as caught:
        open_engine("tesseract")(picture)
    assert "DOE" not in str(caught.value)


@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")
def test_the_real_tesseract_reads(picture):
    assert {reading.text for reading in open_engine("tesseract")(picture)} == {"LEFT BREAST", "1.23 cm"}


def test_an_engine_that_is_not_installed_is_named_with_its_remedy(monkeypatch):
    def lacking(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(engines.importlib.metadata, "version", lacking)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"text\.engine: rapidocr is not installed; pip install 'nonmass\[text\]'"):
        engine_version("rapidocr")
    with pytest.raises(InputError, match=r"text\.engine: tesseract is not installed; apt-get install tesseract-ocr"):
        engine_version("tesseract")


def test_a_reading_does_not_show_its_text():
    assert "JANE" not in repr(Reading((0, 0, 1, 1), "DOE^JANE", 0.9))
