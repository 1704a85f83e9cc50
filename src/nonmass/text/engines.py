"""Text readers that work offline: RapidOCR, whose models are in its wheel, and Tesseract's program."""

import csv
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.errors import InputError

EngineName = Literal["rapidocr", "tesseract"]
MIN_CONFIDENCE = {"rapidocr": 0.5, "tesseract": 0.6}  # below it, speckle reads as words
# Tesseract was made for print, black on white at 300 dots an inch: on phantoms it finds three times as many lines so.
TESSERACT_SCALE = 2
TESSERACT_INK = (150, 240)  # gray levels that become white and black


@dataclass(frozen=True)
class Reading:
    """A line as it was read; it shows no text where it is printed or logged.

    Attributes:
        corners: x0, y0, x1, y1 in pixels of the picture, which may end between two.
        text: What it says.
        confidence: The engine's own, 0 to 1.
    """

    corners: tuple[float, float, float, float]
    text: str = field(repr=False)
    confidence: float


Engine = Callable[[NDArray[np.uint8]], list[Reading]]  # of an `(H, W, 3)` BGR picture


def engine_version(name: EngineName) -> str:
    """What the results of an engine depend on; loads nothing.

    Raises:
        InputError: The engine is not installed.
    """
    if name == "tesseract":
        return _tesseract_version()
    try:
        parts = [f"{package}-{importlib.metadata.version(package)}" for package in ("rapidocr", "onnxruntime")]
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"text.engine: {error.name} is not installed; pip install 'nonmass[text]'") from None
    return "+".join(parts)


@cache  # one a process, as loading takes as long as reading
def open_engine(name: EngineName) -> Engine:
    """An engine that works on one thread and gives the same for the same picture.

    Raises:
        InputError: It is not installed, or not as a whole.
    """
    engine_version(name)
    return _read_with_tesseract if name == "tesseract" else _open_rapidocr()


def _open_rapidocr() -> Engine:
    """RapidOCR with the models of its own wheel, given by path, so that it looks for none elsewhere."""
    # From 1.29 on, ONNX Runtime reports to its maker unless this stands before it is loaded (its pull request 27379).
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    engine: Any = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": MIN_CONFIDENCE["rapidocr"],
            "Global.use_cls": False,  # no screen is upside down
            "Det.model_path": str(_only(models, "*_det_*.onnx")),
            "Rec.model_path": str(_only(models, "*_rec_*.onnx")),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(picture: NDArray[np.uint8]) -> list[Reading]:
        found = engine(picture)
        if found.boxes is None:
            return []
        return [
            Reading((*quad.min(0).tolist(), *quad.max(0).tolist()), text, float(score))
            for quad, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]

    return read


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise InputError("text.engine: rapidocr lacks the models of its wheel; reinstall it, or see constraints.txt")
    return found[0]


def _tesseract_version() -> str:
    if not shutil.which("tesseract"):
        raise InputError("text.engine: tesseract is not installed; apt-get install tesseract-ocr")
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=False)
    return "-".join((said.stdout or said.stderr or "tesseract").split()[:2])


def _read_with_tesseract(picture: NDArray[np.uint8]) -> list[Reading]:
    """Sparse text (page segmentation mode 11) of English letters; the picture goes through a pipe, not a file.

    Raises:
        InputError: The program fails; what it says is kept back.
    """
    low, high = TESSERACT_INK
    print_like = 255 - ((picture.max(axis=2).astype(np.float32) - low) * (255 / (high - low))).clip(0, 255)
    large = cv2.resize(
        print_like.astype(np.uint8), None, fx=TESSERACT_SCALE, fy=TESSERACT_SCALE, interpolation=cv2.INTER_CUBIC
    )
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", "11", "-l", "eng", "tsv"],
        input=cv2.imencode(".bmp", large)[1].tobytes(),
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise InputError(f"text.engine: tesseract fails with exit code {done.returncode}; try it on a picture by hand")
    return list(_lines_of_tsv(done.stdout.decode("utf-8", "replace")))


def _lines_of_tsv(text: str) -> Iterator[Reading]:
    """Tesseract's table of words as lines."""
    lines: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for word in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if float(word["conf"]) >= 100 * MIN_CONFIDENCE["tesseract"] and word["text"].strip():
            lines.setdefault((word["block_num"], word["par_num"], word["line_num"]), []).append(word)
    for words in lines.values():
        left, top, width, height = (
            np.array([[float(word[key]) for key in ("left", "top", "width", "height")] for word in words]).T
            / TESSERACT_SCALE
        )
        corners = (left.min(), top.min(), (left + width).max(), (top + height).max())
        confidence = float(np.mean([float(word["conf"]) for word in words])) / 100
        yield Reading(corners, " ".join(word["text"] for word in words), confidence)
