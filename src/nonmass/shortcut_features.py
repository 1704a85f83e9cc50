"""Plain numbers of an image: of its file, its device, its crop, its marks, how bright and how sharp it is."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from nonmass.errors import InputError
from nonmass.geometry import Box, CropResize
from nonmass.images import Gray, read_gray
from nonmass.tables import MARK_KINDS

STRIP = 0.02  # width of the border strip, of the field's shorter side
CORNER = 0.05  # side of a corner, likewise
MARGIN = 0.2  # width of the left and the right margin, of the field's width
PERCENTILES = (5, 25, 50, 75, 95)
LEAST_STEP = 1.0  # gray levels; below it a field is empty

Features = dict[tuple[str, str], float]  # (group, feature) -> value


def shortcut_features(
    images: pd.DataFrame, fov_index: pd.DataFrame, crops: pd.DataFrame, marks: pd.DataFrame, images_dir: Path
) -> pd.DataFrame:
    """Features of every image.

    Args:
        images: Rows of `tables.MANIFEST` that have a crop.
        fov_index: Rows of `tables.FOV_INDEX`.
        crops: Rows of `tables.CROPS`.
        marks: Rows of `tables.MARKS`.
        images_dir: Holds `<image_id>.png`, the model's squares.

    Returns:
        One row an image, indexed by `image_id`; columns (group, feature) sorted, float64, categories as 0 or 1.

    Raises:
        InputError: An image has no field of view or no crop, or its crop is not of the side that the table says.
    """
    joined = images.merge(fov_index.drop(columns="duplicate_group"), on="image_id", how="inner", validate="one_to_one")
    joined = joined.merge(crops, on="image_id", how="inner", validate="one_to_one")
    lost = sorted(set(images["image_id"]) - set(joined["image_id"]))
    if lost:
        raise InputError(f"{len(lost)} image(s) of the splits have no crop, such as {lost[0]}; run `dvc repro crop`")
    joined = joined.join(_marks_by_image(marks), on="image_id").fillna(dict.fromkeys((*MARK_KINDS, "area_px"), 0))
    rows: list[Any] = list(joined.itertuples(index=False))
    table = pd.DataFrame([_features(row, images_dir) for row in rows], index=joined["image_id"])
    # A category that an image is not of has no entry.
    table.columns = pd.MultiIndex.from_tuples(list(map(tuple, table.columns)), names=["group", "feature"])
    return table.fillna(0.0).astype(float).sort_index(axis=1).sort_index()


def _features(row: Any, images_dir: Path) -> Features:
    box = Box(row.x0_px, row.y0_px, row.x1_px, row.y1_px)
    crop = CropResize(box, row.side_px, row.square)
    path = images_dir / f"{row.image_id}.png"
    square = read_gray(path)
    if square.shape != (row.side_px, row.side_px):
        raise InputError(f"{path}: is not a square of {row.side_px} pixels; run `dvc repro crop`")
    screen = float(row.width_px * row.height_px)
    return {
        **{("marks", f"{kind}s"): float(getattr(row, kind)) for kind in MARK_KINDS},
        ("marks", "area share"): row.area_px / box.area,
        ("marks", "covered lines"): float(row.masked_lines),
        ("size", "width"): float(row.width_px),
        ("size", "height"): float(row.height_px),
        ("device", row.device or "unknown"): 1.0,
        ("aspect", "width to height"): box.width / box.height,
        ("aspect", "area"): float(box.area),
        ("aspect", "share of the screen"): box.area / screen,
        ("padding", "share of the square"): 1 - crop.content.area / row.side_px**2,
        ("format", Path(row.path).suffix.lower() or "none"): 1.0,
        ("fov", "accepted"): float(row.accepted),
        ("fov", "confidence"): float(row.confidence),
        ("fov", f"method {row.method}"): 1.0,
        **{("fov", f"flag {flag}"): 1.0 for flag in row.flags.split("|") if flag},
        **picture_features(square[crop.content.slices]),
    }


def picture_features(field: Gray) -> Features:
    """Numbers of the pixels of a field of view, `(h, w)` uint8, as the network gets it but for the padding.

    The border is a strip around the field, the margins are what is left and right of where lesions mostly lie, at all
    depths; the whole field and its middle hold the lesion.
    """
    height, width = field.shape
    edge, corner = (max(1, round(share * min(field.shape))) for share in (STRIP, CORNER))
    margin, inner_y, inner_x = max(2, round(MARGIN * width)), height // 4, width // 4
    middle = field[inner_y : height - inner_y, inner_x : width - inner_x]
    margins = {"left": field[:, :margin], "right": field[:, -margin:]}
    groups = {
        "border": _brightness(border_strip(field, edge)) | _corners(field, corner),
        "margins": {
            f"{side}, {name}": value
            for side, strip in margins.items()
            for name, value in {**sharpness(strip), "mean": float(strip.mean())}.items()
        },
        "sharpness": sharpness(field),
        "acquisition": _brightness(field)
        | {f"percentile {p:02}": float(v) for p, v in zip(PERCENTILES, np.percentile(field, PERCENTILES), strict=True)},
        "centre": _brightness(middle),
    }
    return {(group, name): value for group, values in groups.items() for name, value in values.items()}


def sharpness(field: Gray) -> dict[str, float]:
    """How sharp pixels are, `(h, w)` uint8, both sides at least 2.

    Returns:
        `laplacian variance` (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548), `mean step` from pixel to pixel
        in gray levels, and `fineness`, the Laplacian's mean size in units of that step, whatever the contrast.
    """
    values = field.astype(np.float32)
    laplacian = cv2.Laplacian(values, cv2.CV_32F)
    step = float(np.abs(np.diff(values, axis=0)).mean() + np.abs(np.diff(values, axis=1)).mean())
    fineness = float(np.abs(laplacian).mean()) / max(step, LEAST_STEP)
    return {"laplacian variance": float(laplacian.var()), "mean step": step, "fineness": fineness}


def border_strip(field: Gray, width_px: int) -> Gray:
    """The pixels within `width_px` of the edge, flat."""
    inside = np.zeros(field.shape, bool)
    inside[width_px:-width_px, width_px:-width_px] = True
    return field[~inside]


def _brightness(pixels: Gray) -> dict[str, float]:
    return {"mean": float(pixels.mean()), "standard deviation": float(pixels.std())}


def _corners(field: Gray, side_px: int) -> dict[str, float]:
    rows = {"top": slice(None, side_px), "bottom": slice(-side_px, None)}
    columns = {"left": slice(None, side_px), "right": slice(-side_px, None)}
    return {
        f"corner {vertical} {horizontal}": float(field[row, column].mean())
        for vertical, row in rows.items()
        for horizontal, column in columns.items()
    }


def _marks_by_image(marks: pd.DataFrame) -> pd.DataFrame:
    """Number of marks of each kind, and `area_px` of all; images without any have no row."""
    counts = pd.crosstab(marks["image_id"], marks["kind"]).reindex(columns=list(MARK_KINDS), fill_value=0)
    return counts.assign(area_px=marks.groupby("image_id")["area_px"].sum())
