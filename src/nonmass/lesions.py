"""Lesion masks, from the files of a source to the model's square."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.errors import InputError
from nonmass.geometry import Box, CropResize, inside_polygon
from nonmass.images import read_gray
from nonmass.tables import BOX_COLUMNS


def add_masks(rows: pd.DataFrame, manifest: pd.DataFrame, fov_index: pd.DataFrame, crops: pd.DataFrame) -> pd.DataFrame:
    """Rows with where their images come from: screen, mask files, field of view and whether it is `accepted`, square.

    Args:
        rows: One row an image, with `image_id`; their order is kept.
        manifest: Rows of `tables.MANIFEST`.
        fov_index: Rows of `tables.FOV_INDEX`.
        crops: Rows of `tables.CROPS`.

    Raises:
        InputError: One of the tables lacks an image.
    """
    screens = manifest[["image_id", "path", "frame", "mask_path", "width_px", "height_px"]]
    boxes = fov_index[["image_id", *BOX_COLUMNS, "polygon", "accepted"]]
    squares = crops[["image_id", "side_px", "square", "overlays"]]
    joined = rows.merge(screens, on="image_id").merge(boxes, on="image_id").merge(squares, on="image_id")
    if len(joined) != len(rows):
        unknown = rows.loc[~rows["image_id"].isin(joined["image_id"]), "image_id"].iloc[0]
        raise InputError(
            f"image {unknown} is not in the manifest, the field-of-view index and the crops; run `dvc repro` again"
        )
    return joined


def mask_files(rows: pd.DataFrame) -> list[str]:
    """Names in the manifest of all masks of the rows."""
    return [file for files in rows["mask_path"].str.split("|") for file in files if file]


def crop_of(row: Any) -> CropResize:
    """How the screen of a row of `add_masks` became the model's square."""
    return CropResize(Box(row.x0_px, row.y0_px, row.x1_px, row.y1_px), row.side_px, row.square)


def read_lesion(places: Mapping[str, Path], row: Any) -> NDArray[np.bool_]:
    """The lesion of one image on the model's square: the union of its masks.

    Args:
        places: Where each mask lies, by its name in the manifest (`pseudonyms.locate`).
        row: Of `add_masks`.

    Returns:
        (side_px, side_px) bool; all False without a mask, or where the crop has cut the lesion away.

    Raises:
        InputError: A mask is missing, damaged, or not as large as the screen.
    """
    lesion = np.zeros((row.height_px, row.width_px), bool)
    for name in filter(None, row.mask_path.split("|")):
        mask = read_gray(places[name], name=name)
        if mask.shape != lesion.shape:
            raise InputError(
                f"{name}: mask of {mask.shape[1]} x {mask.shape[0]} px on a screen of "
                f"{row.width_px} x {row.height_px} px; export it again at the screen's size"
            )
        lesion |= mask > mask.max() / 2  # masks hold 0 and 1 or 0 and 255, and some went through JPEG
    return crop_of(row).mask_to_model(lesion)


def tissue_of(row: Any) -> NDArray[np.bool_]:
    """The field of view of a row of `add_masks` on the model's square, without padding and what is beside a sector."""
    if row.polygon:
        return crop_of(row).mask_to_model(inside_polygon(row.polygon, row.height_px, row.width_px))
    tissue = np.zeros((row.side_px, row.side_px), bool)
    tissue[crop_of(row).content.slices] = True
    return tissue
