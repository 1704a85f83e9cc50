"""The figures of the text stage: what was found, beside how much of what is there the engine finds."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from nonmass.files import metric_key
from nonmass.tables import TEXT_KINDS


@dataclass(frozen=True)
class Measured:
    """How an engine did on phantoms with planted lines; shares of 0 to 1.

    Attributes:
        version: As `engines.engine_version` says.
        n_lines: Planted.
        recall: Lines whose ink lies in found boxes, at least nine tenths of it.
        precision: Found boxes with ink of planted lines in them.
        phi_suspect_recall: Planted lines about the patient of which at least nine tenths are marked phi-suspect.
        phi_suspect_precision: Boxes marked phi-suspect that hold ink of such a line.
    """

    version: str
    n_lines: int
    recall: float
    precision: float
    phi_suspect_recall: float
    phi_suspect_precision: float


# tests/reference/test_text_recall.py measures again, and fails where it finds other figures.
MEASURED_ON = "phantoms with planted lines, capitals 12 to 28 px high (tests/reference/test_text_recall.py)"
MEASURED = {
    "rapidocr": Measured("rapidocr-3.10.0+onnxruntime-1.28.0", 480, 0.996, 0.998, 1.0, 0.984),
    "tesseract": Measured("tesseract-5.3.0", 480, 0.535, 0.984, 0.554, 0.863),
}


def text_metrics(lines: pd.DataFrame, n_images: int, engine: str, version: str) -> dict[str, Any]:
    """What metrics/text.json says of a run that read.

    Args:
        lines: Rows of `tables.TEXT_LINES`.
        n_images: How many were read.
        engine: Its name.
        version: See `engines.engine_version`.
    """
    suspect = lines[lines["kind"] == "phi-suspect"]
    return {
        "engine": engine,
        "version": version,
        "images_read": n_images,
        "images_with_text": int(lines["image_id"].nunique()),
        "images_with_phi_suspect": int(suspect["image_id"].nunique()),
        "lines": {metric_key(kind): int((lines["kind"] == kind).sum()) for kind in TEXT_KINDS},
        **_measured(engine, version),
    }


def _measured(engine: str, version: str) -> dict[str, Any]:
    """What was measured of this very version; nothing if another was measured, which may read otherwise."""
    record = MEASURED.get(engine)
    return {"measured": {"on": MEASURED_ON, **asdict(record)}} if record and record.version == version else {}


def no_metrics() -> dict[str, Any]:
    """What it says if nothing was read: no counts, since a 0 would look like an answer."""
    return {
        "engine": "none",
        "version": "none",
        "images_read": 0,
        "note": "no text was read; whether there is any is unknown",
    }
