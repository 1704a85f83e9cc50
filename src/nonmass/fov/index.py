"""From the manifest to a field of view for every screen: layouts, overrides, near-duplicates."""

import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd

from nonmass import screens
from nonmass.dicom_regions import region_boxes, region_text
from nonmass.duplicates import DuplicatesParams, duplicate_groups, duplicate_pairs, picture_hashes, pixel_digest
from nonmass.errors import InputError
from nonmass.fov.field import Fov, Known
from nonmass.fov.finder import FindParams, find_fov
from nonmass.fov.layout import layout_consensus
from nonmass.fov.overrides import Override, Overrides
from nonmass.geometry import Box
from nonmass.images import Gray
from nonmass.parallel import ParallelParams, forget, map_images
from nonmass.pseudonyms import locate
from nonmass.screens import read_screen
from nonmass.tables import BOX_COLUMNS, LAYOUTS

Layout = tuple[str, int, int]  # device, width and height in pixels


@dataclass(frozen=True)
class FovIndex:
    """What `index_all` gives: rows of `tables.FOV_INDEX`, of `tables.DUPLICATE_PAIRS`, and of `tables.LAYOUTS`."""

    rows: pd.DataFrame
    pairs: pd.DataFrame
    layouts: pd.DataFrame


def index_all(
    manifest: pd.DataFrame,
    overrides: Overrides,
    raw_dir: Path,
    journal: Path,
    params: FindParams,
    duplicates: DuplicatesParams,
    parallel: ParallelParams,
) -> FovIndex:
    """Find the field of view of every image of the manifest that is not excluded, and which show the same.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        overrides: What a person has decided.
        raw_dir: What the manifest's paths are relative to.
        journal: Remembers finished images if the run is interrupted; removed at the end.
        params: How to find.
        duplicates: When two images are near-duplicates.
        parallel: Where to work.

    Raises:
        InputError: An image cannot be read, lies outside `raw_dir`, or is not what the manifest says.
    """
    used = manifest[manifest["excluded"] == ""].sort_values("image_id")
    if used.empty:
        raise InputError("manifest: no image is left to look at; every row is excluded")
    places = locate(raw_dir, used["path"])
    layouts = _layout_boxes(used, places, params)
    rows: list[Any] = list(used.itertuples(index=False, name="Row"))
    jobs = (_job(row, places[row.path], layouts.get(_layout(row), ()), overrides, params) for row in rows)
    journal.parent.mkdir(parents=True, exist_ok=True)
    done = map_images(_look, jobs, len(rows), journal, json.dumps(params.model_dump()), parallel, "fov")
    index = pd.DataFrame(list(done.values()))
    boxes = [Box(*box) for box in index[list(BOX_COLUMNS)].to_numpy().tolist()]
    usable = [number for number, reason in enumerate(index["reject"]) if not reason]

    def read_crop(number: int) -> Gray:
        row = rows[usable[number]]
        return read_screen(row, places[row.path]).gray[boxes[usable[number]].slices]

    seen = index.iloc[usable]
    image_ids = seen["image_id"].tolist()
    pairs = duplicate_pairs(image_ids, seen["hashes"].tolist(), seen["pixels"].tolist(), read_crop, duplicates)
    groups = dict(zip(image_ids, duplicate_groups(image_ids, pairs), strict=True))
    index["duplicate_group"] = [groups.get(image_id, "") for image_id in index["image_id"]]
    forget(journal)
    return FovIndex(index.drop(columns=["hashes", "pixels"]), pairs, _layout_rows(layouts))


def summary(index: pd.DataFrame) -> dict[str, int]:
    """How many fields are accepted, doubtful, refused, and decided by a person: for `dvc metrics`."""
    refused = index["reject"] != ""
    return {
        "images": len(index),
        "accepted": int(index["accepted"].sum()),
        "doubtful": int(((index["accepted"] == 0) & ~refused).sum()),
        "refused": int(refused.sum()),
        "overridden": int(((index["method"] == "override") | (index["reject"] == "override")).sum()),
        "several_panels": int((index["panels"] != "").sum()),
        "not_rectangular": int((index["polygon"] != "").sum()),
    }


def _job(
    row: Any, place: Path, layout_boxes: tuple[Box, ...], overrides: Overrides, params: FindParams
) -> tuple[str, tuple[Any, ...]]:
    """Key of a result, which another layout's box or an override would change, and what `_look` needs."""
    known = Known(row.device, region_boxes(row.us_regions), layout_boxes)
    override = overrides.of(row.image_id, row.device, row.width_px, row.height_px)
    key = json.dumps([row.image_id, astuple(known), astuple(override) if override else None])
    return key, (row, place.absolute(), known, override, params)


def _look(row: Any, place: Path, known: Known, override: Override | None, params: FindParams) -> dict[str, Any]:
    """Find the field of view of one image; its row of the index, and the hashes of what it shows."""
    picture = read_screen(row, place)
    fov = find_fov(picture, params, replace(known, trace=screens.trace(place, row.path)))
    if override:
        fov = override.apply(fov, Box(0, 0, row.width_px, row.height_px))
    crop = picture.gray[fov.box.slices]
    hashes = {} if fov.reject else {"hashes": picture_hashes(crop), "pixels": pixel_digest(crop)}
    return {"image_id": row.image_id, **index_row(fov), "hashes": None, "pixels": None, **hashes}


def index_row(fov: Fov) -> dict[str, Any]:
    """A field of view as columns of `tables.FOV_INDEX`."""
    return {
        **dict(zip(BOX_COLUMNS, astuple(fov.box), strict=True)),
        "polygon": fov.outline,
        "panels": region_text(fov.panels),
        "method": fov.method,
        "estimators": "+".join(fov.estimators),
        "confidence": round(fov.confidence, 4),
        "flags": "|".join(fov.flags),
        "reject": fov.reject,
        "accepted": int(fov.accepted),
    }


def _layout_rows(layouts: dict[Layout, tuple[Box, ...]]) -> pd.DataFrame:
    """Rows of `tables.LAYOUTS`."""
    rows = [(*layout, rank, *astuple(box)) for layout, boxes in layouts.items() for rank, box in enumerate(boxes, 1)]
    return pd.DataFrame(rows, columns=list(LAYOUTS.columns))


def _layout(row: Any) -> Layout:
    return (row.device, row.width_px, row.height_px)


def _layout_boxes(used: pd.DataFrame, places: dict[str, Path], params: FindParams) -> dict[Layout, tuple[Box, ...]]:
    """Where the field lies in every layout (device and size) of which there are enough screens.

    One screen a patient as far as there are enough: those of one examination, and all frames of one clip,
    share far more than the layout.
    """
    boxes: dict[Layout, tuple[Box, ...]] = {}
    apart = used.drop_duplicates("path")
    apart = apart.assign(turn=apart.groupby("patient_id").cumcount()).sort_values(["turn", "image_id"])
    for key, rows in apart.groupby(["device", "width_px", "height_px"], sort=True):
        if len(rows) >= params.layout_min_images:
            some: Iterator[Any] = rows.head(params.layout_max_images).itertuples(index=False)
            screens = (read_screen(row, places[row.path]).exported.gray for row in some)
            boxes[cast("Layout", key)] = layout_consensus(screens, params.layout_min_images)
    return boxes
