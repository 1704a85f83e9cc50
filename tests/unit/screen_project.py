"""A project of drawn screens whose field of view is known, for the stages fov, text and crop."""

import os
import runpy
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from nonmass import tables
from nonmass.determinism import generator
from nonmass.geometry import Box

ROOT = Path(__file__).parents[2]
FIELD = Box(90, 60, 490, 360)
PARAMS = """
fov: {agreement_iou: 0.95, layout_min_images: 5, layout_max_images: 30}
duplicates: {candidate_distance: 12, candidate_distance_sum: 34, min_inliers: 20}
text: {engine: none}
crop: {side_px: 64, square: pad_br, overlays: keep, masked_text: [phi-suspect]}
parallel: {dask_scheduler: ""}
"""
PATHS = {
    "fov": (
        *("raw", "manifest.csv", "overrides.csv"),
        *("fov/index.csv", "fov/duplicates.csv", "metrics/fov.json", "fov/layouts.csv"),
    ),
    "text": ("raw", "manifest.csv", "fov/index.csv", "fov/text.csv", "metrics/text.json"),
    "crop": (
        *("raw", "manifest.csv", "fov/index.csv", "fov/text.csv"),
        *("fov/images", "fov/crops.csv", "fov/marks.csv"),
    ),
}


def draw(key, fading=False):
    """A screen of 640 x 480: noise in a known field whose depth may be black, a name, a ruler."""
    rng = generator("crop", key)
    image = np.zeros((480, 640), np.uint8)
    coarse = cv2.resize(rng.random((6, 8)).astype(np.float32), (FIELD.width, FIELD.height))
    grain = rng.random((FIELD.height, FIELD.width))
    lost = np.linspace(-60, 280, FIELD.height).clip(0)[:, None] if fading else 0
    image[FIELD.slices] = (40 + 100 * coarse + 80 * grain - lost).clip(0)
    cv2.putText(image, f"NAME {key} 123456", (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 220, 1)
    image[FIELD.y0 : FIELD.y1 : 20, 505:515] = 200
    return image


def write_project(folder):
    """Eight screens of one layout; the last is a copy of the first with other text, one has a black depth."""
    (folder / "params.yaml").write_text(PARAMS)
    screens = [draw(key, fading=key == 3) for key in range(7)]
    copy = screens[0].copy()
    copy[:50] = 0
    raw = folder / "raw" / "drawn"
    raw.mkdir(parents=True)
    for number, image in enumerate([*screens, copy]):
        cv2.imwrite(str(raw / f"{number}.png"), image)
    write_manifest(folder, [row(number) for number in range(8)])
    write_overrides(folder, [])


def row(number, **changes):
    """A row of the manifest."""
    known = {
        "image_id": f"drawn-{number:016x}", "cohort": "drawn", "path": f"drawn/{number}.png",
        "patient_id": f"p{number}", "patient_group": f"p{number}",
        "finding": "mass", "pathology": "benign", "device": "d", "frame": 0, "width_px": 640, "height_px": 480,
    }  # fmt: skip
    return {**dict.fromkeys(tables.MANIFEST.columns, ""), **known, **changes}


def write_manifest(folder, rows):
    tables.MANIFEST.write(pd.DataFrame(rows), folder / "manifest.csv")


def write_overrides(folder, rows):
    columns = list(tables.FOV_OVERRIDES.columns)
    tables.FOV_OVERRIDES.write(pd.DataFrame(rows, columns=columns), folder / "overrides.csv")


def run(folder, *stages):
    """Run stages' own functions, one after the other, in the folder that holds params.yaml."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in stages:
            runpy.run_path(str(ROOT / "stages" / f"{stage}.py"))["main"](*map(Path, PATHS[stage]))
    finally:
        os.chdir(before)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
