"""From screens and their fields of view to square images: marks seen to, text covered, squared, written."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from nonmass.errors import InputError
from nonmass.geometry import Box, CropResize, Square, inside_polygon
from nonmass.images import Gray, Picture, write_png
from nonmass.overlays.mark import Mark, mark_rows
from nonmass.overlays.marks import find_marks
from nonmass.overlays.removal import Removal, cover, remove_marks
from nonmass.parallel import ParallelParams, forget, map_images
from nonmass.params import Section
from nonmass.pseudonyms import locate
from nonmass.screens import read_screen
from nonmass.tables import BOX_COLUMNS, CROPS, MARKS

TextKind = Literal["phi-suspect", "annotation", "device", "ruler"]
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class CropParams(Section):
    """How a field of view becomes the model's square.

    Attributes:
        side_px: Side of the square image.
        square: See `geometry.CropResize`.
        overlays: What becomes of burned-in marks: keep, mask (black) or inpaint.
        masked_text: Kinds of text that are covered, if text was read at all.
    """

    side_px: int = Field(ge=32, le=4096)
    square: Square
    overlays: Removal
    masked_text: tuple[TextKind, ...]


@dataclass(frozen=True)
class Crops:
    """What `crop_all` gives: rows of `tables.CROPS`, and of `tables.MARKS`."""

    rows: pd.DataFrame
    marks: pd.DataFrame


def crop_all(
    manifest: pd.DataFrame,
    fov_index: pd.DataFrame,
    text_lines: pd.DataFrame,
    raw_dir: Path,
    images_dir: Path,
    params: CropParams,
    parallel: ParallelParams,
) -> Crops:
    """Crop every image that has a field of view, and say what was done.

    An interrupted run goes on where it was: finished images wait beside `images_dir`.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        fov_index: Rows of `tables.FOV_INDEX`; refused screens get no image.
        text_lines: Rows of `tables.TEXT_LINES`.
        raw_dir: What the manifest's paths are relative to.
        images_dir: Gets one `<image_id>.png` an image; replaced as a whole at the end, or left as it was.
        params: How to crop.
        parallel: Where to work.

    Raises:
        InputError: An image cannot be read, lies outside `raw_dir`, or is not what the manifest says; or none is left.
    """
    fields = fov_index[fov_index["reject"] == ""].drop(columns=["flags", "duplicate_group"])
    used = manifest.merge(fields, on="image_id").sort_values("image_id")
    if used.empty:
        raise InputError("no field of view is left to crop: all are refused; see data/fov/index.csv")
    _check_names(used)
    places = locate(raw_dir, used["path"])
    covered = _covered(text_lines, params)
    with _growing_folder(images_dir) as (folder, journal):
        rows: list[Any] = list(used.itertuples(index=False, name="Row"))
        jobs = (_job(row, places[row.path], covered.get(row.image_id, ()), folder, params) for row in rows)
        fingerprint = json.dumps(params.model_dump())
        done = list(map_images(_crop, jobs, len(rows), journal, fingerprint, parallel, "crop").values())
        _remove_strangers(folder, {result["row"]["image_id"] for result in done})
    marks = [mark for result in done for mark in result["marks"]]
    return Crops(
        pd.DataFrame([result["row"] for result in done], columns=list(CROPS.columns)),
        pd.DataFrame(marks, columns=list(MARKS.columns)),
    )


def _covered(text_lines: pd.DataFrame, params: CropParams) -> dict[str, tuple[Box, ...]]:
    """The lines of text to cover, by image."""
    lines = text_lines[text_lines["kind"].isin(params.masked_text)].sort_values(["image_id", "line"])
    return {
        str(image_id): tuple(Box(*box) for box in some[list(BOX_COLUMNS)].to_numpy().tolist())
        for image_id, some in lines.groupby("image_id")
    }


def _job(
    row: Any, place: Path, covered: tuple[Box, ...], folder: Path, params: CropParams
) -> tuple[str, tuple[Any, ...]]:
    """Key of a result, which another field or line of text would change, and what `_crop` needs."""
    key = json.dumps([row.image_id, row.x0_px, row.y0_px, row.x1_px, row.y1_px, row.polygon, str(covered)])
    return key, (row, place.absolute(), covered, folder.absolute(), params)


def _crop(row: Any, place: Path, covered: tuple[Box, ...], folder: Path, params: CropParams) -> dict[str, Any]:
    """Square and write one image; its row, and those of its marks."""
    crop = CropResize(Box(row.x0_px, row.y0_px, row.x1_px, row.y1_px), params.side_px, params.square)
    square, marks = square_field(read_screen(row, place), crop, row.polygon, covered, params.overlays)
    write_png(folder / f"{row.image_id}.png", square)
    about = {
        "image_id": row.image_id,
        "side_px": params.side_px,
        "square": params.square,
        "resampling": crop.resampling,
        "overlays": params.overlays,
        "masked_lines": len(covered),
    }
    return {"row": about, "marks": mark_rows(row.image_id, marks)}


def square_field(
    picture: Picture, crop: CropResize, polygon: str, covered: tuple[Box, ...], overlays: Removal
) -> tuple[Gray, list[Mark]]:
    """A field of view as the model's square, and the marks that were burned into it.

    Args:
        picture: The screen.
        crop: The field's box, and how it becomes a square.
        polygon: Its outline as in `tables.FOV_INDEX`, or "".
        covered: Lines of text that become black.
        overlays: What becomes of marks.

    Returns:
        `(side_px, side_px)` uint8, and the marks in reading order.
    """
    inside = inside_polygon(polygon, *picture.gray.shape) if polygon else np.ones_like(picture.gray, bool)
    # Beside a sector there may be words, which are not in the field.
    marks = [mark for mark in find_marks(picture, crop.box) if inside[mark.box.slices][mark.pixels].mean() >= 0.5]
    gray = cover(remove_marks(picture.gray, marks, overlays), covered)
    return crop.apply(np.where(inside, gray, np.uint8(0))), marks


def _check_names(used: pd.DataFrame) -> None:
    wrong = [name for name in used["image_id"] if not SAFE_NAME.fullmatch(name)]
    if wrong:
        raise InputError(f"manifest: image_id {wrong[0]!r} cannot name a file; use letters, digits, - and _")


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
