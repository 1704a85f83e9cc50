"""How long one screen takes from file to square, beside decoding, resizing and encoding it alone; one core."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd

from nonmass.fov.field import Known
from nonmass.fov.finder import FindParams, find_fov
from nonmass.geometry import Box, CropResize
from nonmass.images import read_gray, write_png
from nonmass.overlays.marks import find_marks
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import PatientCounts, PhantomParams, draw_cohort
from nonmass.phantom.screen import LAYOUTS
from nonmass.screens import read_picture

DEVICE_NUMBER = 0  # the one that exports 1024 x 768 pixels
SIDE_PX = 448
SEED = 1


def bench_crop(n_screens: int, params: FindParams) -> pd.DataFrame:
    """Phantom screens of 1024 x 768 pixels as JPEG: found, cropped, squared to 448 pixels and written as PNG.

    Args:
        n_screens: How many, each of another patient.
        params: How to find.

    Returns:
        One row a way: `way`, `median_ms`, `p95_ms`, and `times_limit`, the median against that of "decode, resize,
        encode", which does no more than read the gray, square the true box and write it.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with TemporaryDirectory() as folder:
            screens = _screens(n_screens, Path(folder))
            ways: dict[str, Callable[[Path, Box, Path], None]] = {
                "decode, resize, encode": _limit,
                "known layout box": partial(_found, params=params, is_known=True),
                "box found": partial(_found, params=params, is_known=False),
                "box found, marks listed": partial(_found, params=params, is_known=False, lists_marks=True),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            for path, box in screens:  # in turns, so that a busy moment hits all ways alike
                for name, way in ways.items():
                    start = time.perf_counter()
                    way(path, box, path.with_suffix(".png"))
                    times[name].append(1000 * (time.perf_counter() - start))
    finally:
        cv2.setNumThreads(threads)
    rows = [(name, np.median(ms), np.percentile(ms, 95)) for name, ms in times.items()]
    table = pd.DataFrame(rows, columns=["way", "median_ms", "p95_ms"])
    return table.assign(times_limit=table["median_ms"] / table["median_ms"].iloc[0])


def _screens(number: int, folder: Path) -> list[tuple[Path, Box]]:
    """Files of one device and their true fields."""
    counts = PatientCounts(normal=2 * number, mass=2 * number, non_mass=2 * number)
    patients = draw_cohort(PhantomParams(seed=SEED, patients=counts, ineligible=0))
    chosen = [patient for patient in patients if patient.device_number == DEVICE_NUMBER][:number]
    screens = []
    for patient in chosen:
        export = draw_export(SEED, patient, 1)
        path = folder / f"{patient.name}.jpg"
        cv2.imwrite(str(path), export.screen, [cv2.IMWRITE_JPEG_QUALITY, LAYOUTS[DEVICE_NUMBER].jpeg_quality])
        screens.append((path, export.box))
    return screens


def _limit(path: Path, box: Box, square: Path) -> None:
    write_png(square, CropResize(box, SIDE_PX, "pad_br").apply(read_gray(path)))


def _found(path: Path, box: Box, square: Path, params: FindParams, is_known: bool, lists_marks: bool = False) -> None:
    picture = read_picture(path)
    fov = find_fov(picture, params, Known(layout_boxes=(box,) if is_known else ()))
    if lists_marks:
        find_marks(picture, fov.box)
    write_png(square, CropResize(fov.box, SIDE_PX, "pad_br").apply(picture.gray))
