"""Entries of a review sheet: drawn screens with fields of view of every state."""

import json

import cv2
import numpy as np
import pandas as pd

from nonmass import tables
from nonmass.fov.field import Fov
from nonmass.fov.index import index_row
from nonmass.geometry import Box
from nonmass.review.entries import Entry

ACCEPTED = Fov(Box(20, 10, 100, 60), "agreement", ("a", "b"), 0.9, notes=("colour",))
DOUBTFUL = Fov(Box(10, 20, 90, 70), "guess", (), 0.25, doubts=("soft-bottom",), notes=("colour",))
UNSURE = Fov(Box(10, 20, 90, 70), "guess", (), 0.1, doubts=("no-agreement",))
REFUSED = Fov(Box(0, 0, 120, 80), "guess", (), 0.8, reject="m-mode")
SHAPED = Fov(
    Box(10, 10, 110, 70), "layout", ("a",), 0.95, polygon=((40, 10), (80, 10), (110, 70), (10, 70)),
    panels=(Box(10, 10, 60, 70), Box(60, 10, 110, 70)),
)  # fmt: skip


def entry(folder, name, fov, size=(120, 80), device=""):
    """An entry whose screen is gray 60, written as PNG."""
    width, height = size
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{name}.png"
    cv2.imwrite(str(place), np.full((height, width), 60, np.uint8))
    return Entry(name, place, 0, device, width, height, fov)


def index_of(**fovs):
    """Rows of `tables.FOV_INDEX` by image_id."""
    rows = [{"image_id": name, "duplicate_group": "", **index_row(fov)} for name, fov in fovs.items()]
    return tables.FOV_INDEX.check(pd.DataFrame(rows), "test")


def manifest_of(*names, frame=0, device="Quill T5"):
    """Rows of `tables.MANIFEST` that fit `entry`'s screens in data/raw/a."""
    texts = {name: "" for name, kind in tables.MANIFEST.columns.items() if kind == "text"}
    rows = [
        {**texts, "image_id": name, "path": f"a/{name}.png", "frame": frame, "finding": "mass", "device": device}
        | {"width_px": 120, "height_px": 80}
        for name in names
    ]
    return tables.MANIFEST.check(pd.DataFrame(rows), "test")


def content_of(page):
    """What a written page's script works on."""
    text = (page.parent / f"{page.stem}_files" / "screens.js").read_text()
    return json.loads(text.removeprefix("window.REVIEW = ").removesuffix(";\n"))
