"""From the manifest to square images: which layouts there are, and what becomes of each file."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from nonmass.duplicates import DuplicatesParams, duplicate_groups, duplicate_pairs, picture_hashes, pixel_digest
from nonmass.errors import InputError
from nonmass.fov import FovParams, find_fov
from nonmass.fov_layout import layout_consensus
from nonmass.geometry import Box, CropResize
from nonmass.images import Gray, write_png
from nonmass.parallel import ParallelParams, forget, map_images
from nonmass.pseudonyms import locate
from nonmass.screens import read_screen

BOX_COLUMNS = ("x0_px", "y0_px", "x1_px", "y1_px")
Layout = tuple[str, int, int]  # device, width and height in pixels

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Crops:
    """What `crop_all` gives: rows of `tables.FOV_INDEX`, and of `tables.DUPLICATE_PAIRS`."""

    index: pd.DataFrame
    pairs: pd.DataFrame


def crop_all(
    manifest: pd.DataFrame,
    raw_dir: Path,
    images_dir: Path,
    params: FovParams,
    duplicates: DuplicatesParams,
    parallel: ParallelParams,
) -> Crops:
    """Crop every image of the manifest that is not excluded, say what was done, and which show the same.

    An interrupted run goes on where it was: finished images wait beside `images_dir`.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        raw_dir: What its paths are relative to.
        images_dir: Gets one `<image_id>.png` an image; replaced as a whole at the end, or left as it was.
        params: How to find and square.
        duplicates: When two images are near-duplicates.
        parallel: Where to work.

    Raises:
        InputError: An image cannot be read, lies outside `raw_dir`, or is not what the manifest says.
    """
    used = manifest[manifest["excluded"] == ""].sort_values("image_id")
    if used.empty:
        raise InputError("manifest: no image is left to crop; every row is excluded")
    _check_names(used)
    places = locate(raw_dir, used["path"])
    layouts = _layout_boxes(used, places, params)
    fingerprint = json.dumps(params.model_dump())
    with _growing_folder(images_dir) as (folder, journal):
        rows: list[Any] = list(used.itertuples(index=False, name="Row"))
        jobs = (_job(row, places[row.path], layouts.get(_layout(row)), folder, params) for row in rows)
        done = map_images(_crop, jobs, len(rows), journal, fingerprint, parallel, "crop")
        index = pd.DataFrame(list(done.values()))
        _remove_strangers(folder, set(index["image_id"]))
        boxes = [Box(*box) for box in index[list(BOX_COLUMNS)].to_numpy().tolist()]

        def read_crop(number: int) -> Gray:
            return _read(rows[number], places[rows[number].path])[boxes[number].slices]

        hashes, pixels = index.pop("hashes").tolist(), index.pop("pixels").tolist()
        pairs = duplicate_pairs(index["image_id"].tolist(), hashes, pixels, read_crop, duplicates)
    return Crops(index.assign(duplicate_group=duplicate_groups(index["image_id"].tolist(), pairs)), pairs)


def _job(row: Any, place: Path, layout_box: Box | None, folder: Path, params: FovParams) -> tuple[str, tuple[Any, ...]]:
    """Key of a result, which another layout's box would change, and what `_crop` needs."""
    key = json.dumps([row.image_id, astuple(layout_box) if layout_box else None])
    return key, (row, place.absolute(), layout_box, folder.absolute(), params)


def _crop(row: Any, place: Path, layout_box: Box | None, folder: Path, params: FovParams) -> dict[str, Any]:
    """Find, square and write one image; its row of the index, and its hashes."""
    image = _read(row, place)
    fov = find_fov(image, params.agreement_iou, layout_box)
    write_png(folder / f"{row.image_id}.png", CropResize(fov.box, params.side_px, params.square).apply(image))
    return {
        "image_id": row.image_id,
        **dict(zip(BOX_COLUMNS, astuple(fov.box), strict=True)),
        "side_px": params.side_px,
        "square": params.square,
        "method": fov.method,
        "confidence": round(fov.confidence, 4),
        "flags": "|".join(fov.flags),
        "accepted": int(fov.accepted),
        "hashes": picture_hashes(image[fov.box.slices]),
        "pixels": pixel_digest(image[fov.box.slices]),
    }


def _layout(row: Any) -> Layout:
    return (row.device, row.width_px, row.height_px)


def _layout_boxes(used: pd.DataFrame, places: dict[str, Path], params: FovParams) -> dict[Layout, Box]:
    """The field's box of every layout (device and size) of which there are enough screens.

    One screen a patient as far as there are enough: those of one examination, and all frames of one clip,
    share far more than the layout.
    """
    boxes: dict[Layout, Box] = {}
    apart = used.drop_duplicates("path")
    apart = apart.assign(turn=apart.groupby("patient_id").cumcount()).sort_values(["turn", "image_id"])
    for key, rows in apart.groupby(["device", "width_px", "height_px"], sort=True):
        if len(rows) >= params.layout_min_images:
            some: Iterator[Any] = rows.head(params.layout_max_images).itertuples(index=False)
            box = layout_consensus((_read(row, places[row.path]) for row in some), params.layout_min_images)
            if box:
                boxes[cast("Layout", key)] = box
    return boxes


def _check_names(used: pd.DataFrame) -> None:
    wrong = [name for name in used["image_id"] if not SAFE_NAME.fullmatch(name)]
    if wrong:
        raise InputError(f"manifest: image_id {wrong[0]!r} cannot name a file; use letters, digits, - and _")


def _read(row: Any, place: Path) -> Gray:
    """The image of a row of the manifest, checked against it; messages call it by its path there."""
    image = read_screen(place, row.frame, row.path)
    if image.shape != (row.height_px, row.width_px):
        size = f"{image.shape[1]} x {image.shape[0]} pixels, the manifest says {row.width_px} x {row.height_px}"
        raise InputError(f"{row.path}: image has {size}; run `dvc repro ingest`")
    return image


@contextmanager
def _growing_folder(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give a folder beside `folder`, with what an interrupted run left there, and its journal.

    If the block ends well, the folder takes its place; if not, it waits for the next run.
    """
    growing, journal = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.part.jsonl")
    if not growing.is_dir():
        forget(journal)  # which speaks of images that are gone
    growing.mkdir(parents=True, exist_ok=True)
    yield growing, journal
    shutil.rmtree(folder, ignore_errors=True)
    growing.rename(folder)
    forget(journal)


def _remove_strangers(folder: Path, image_ids: set[str]) -> None:
    """What an interrupted run with another manifest left, or a process that was killed while it wrote."""
    for path in folder.iterdir():
        if path.stem not in image_ids:
            path.unlink()
