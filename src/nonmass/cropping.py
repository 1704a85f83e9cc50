"""From the manifest to square images: which layouts there are, and what becomes of each file."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path, PurePosixPath
from typing import Any, cast

import joblib
import pandas as pd
from tqdm import tqdm

from nonmass.duplicates import duplicate_groups, picture_hashes
from nonmass.errors import InputError
from nonmass.fov import FovParams, find_fov
from nonmass.fov_layout import layout_consensus
from nonmass.geometry import Box, CropResize
from nonmass.images import Gray, read_gray, write_png

IMAGES_A_WORKER = 32  # fewer are done before a second process has started
Layout = tuple[str, int, int]  # device, width and height in pixels

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def crop_all(
    manifest: pd.DataFrame, raw_dir: Path, images_dir: Path, params: FovParams, max_hash_distance: int
) -> pd.DataFrame:
    """Crop every image of the manifest that is not excluded, and say what was done.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        raw_dir: What its paths are relative to.
        images_dir: Gets one `<image_id>.png` an image; replaced as a whole at the end, or left as it was.
        params: How to find and square.
        max_hash_distance: See `DuplicatesParams`.

    Returns:
        Rows of `tables.FOV_INDEX`.

    Raises:
        InputError: An image cannot be read, lies outside `raw_dir`, or is not what the manifest says.
    """
    used = manifest[manifest["excluded"] == ""].sort_values("image_id")
    if used.empty:
        raise InputError("manifest: no image is left to crop; every row is excluded")
    layouts = _layout_boxes(used, raw_dir, params)
    rows: list[Any] = list(used.itertuples(index=False))
    workers = min(joblib.cpu_count(), 1 + len(rows) // IMAGES_A_WORKER)
    with _whole_folder(images_dir) as folder:
        jobs = (
            joblib.delayed(_crop)(row, layouts.get((row.device, row.width_px, row.height_px)), raw_dir, folder, params)
            for row in rows
        )
        done = joblib.Parallel(n_jobs=workers, return_as="generator")(jobs)
        index = pd.DataFrame(list(tqdm(done, total=len(rows), desc="crop", unit="image", disable=None)))
    groups = duplicate_groups(index["image_id"].tolist(), index.pop("hashes").tolist(), max_hash_distance)
    return index.assign(duplicate_group=groups)


def _crop(row: Any, layout_box: Box | None, raw_dir: Path, folder: Path, params: FovParams) -> dict[str, object]:
    """Find, square and write one image; its row of the index, and its hash."""
    image = _read(row, raw_dir)
    fov = find_fov(image, params.agreement_iou, layout_box)
    write_png(folder / f"{row.image_id}.png", CropResize(fov.box, params.side_px, params.square).apply(image))
    return {
        "image_id": row.image_id,
        **dict(zip(("x0_px", "y0_px", "x1_px", "y1_px"), astuple(fov.box), strict=True)),
        "side_px": params.side_px,
        "square": params.square,
        "method": fov.method,
        "confidence": round(fov.confidence, 4),
        "flags": "|".join(fov.flags),
        "accepted": int(fov.accepted),
        "hashes": picture_hashes(image[fov.box.slices]),
    }


def _layout_boxes(used: pd.DataFrame, raw_dir: Path, params: FovParams) -> dict[Layout, Box]:
    """The field's box of every layout (device and size) of which there are enough screens."""
    boxes: dict[Layout, Box] = {}
    for key, rows in used.groupby(["device", "width_px", "height_px"], sort=True):
        if len(rows) >= params.layout_min_images:
            some = rows.head(params.layout_max_images).itertuples(index=False)
            box = layout_consensus((_read(row, raw_dir) for row in some), params.layout_min_images)
            if box:
                boxes[cast("Layout", key)] = box
    return boxes


def _read(row: Any, raw_dir: Path) -> Gray:
    """The image of a row of the manifest, checked against it."""
    relative = PurePosixPath(row.path)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise InputError(f"manifest: path {row.path!r} of {row.image_id} leads out of {raw_dir}; make it relative")
    if not SAFE_NAME.fullmatch(row.image_id):
        raise InputError(f"manifest: image_id {row.image_id!r} cannot name a file; use letters, digits, - and _")
    path = raw_dir / relative
    image = read_gray(path)
    if image.shape != (row.height_px, row.width_px):
        size = f"{image.shape[1]} x {image.shape[0]} pixels, the manifest says {row.width_px} x {row.height_px}"
        raise InputError(f"{path}: image has {size}; run `dvc repro ingest`")
    return image


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; put it in its place if the block ends well."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
