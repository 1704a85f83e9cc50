"""What a person has decided about fields of view: lines of data/fov_overrides.csv, which win over what was found.

An image's own line wins over everything. A layout's box concerns plain rectangular fields alone: a screen of that
layout that is refused, has an outline or shows several panels stays as it was found, until a line of its own decides.
A layout's refusal concerns all its screens.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.errors import InputError
from nonmass.fov.field import Fov
from nonmass.geometry import Box
from nonmass.tables import BOX_COLUMNS, FOV_OVERRIDES

REASON = "override"  # as method of a box, and as reason of a refusal


def layout_name(device: str, width_px: int, height_px: int) -> str:
    """What a line calls all screens of one device and size: "DEVICE WIDTHxHEIGHT", or the size alone."""
    return f"{device} {width_px}x{height_px}".strip()


def is_plain(fov: Fov) -> bool:
    """Whether a field of view is one rectangle that is not refused, so that its layout's box may stand for it."""
    return not (fov.reject or fov.polygon or fov.panels)


@dataclass(frozen=True)
class Override:
    """One decision.

    Attributes:
        box: The field of view, screen pixels; None if there is none to use.
        is_own: Whether the line names the image itself, not its layout.
    """

    box: Box | None
    is_own: bool = True

    def apply(self, fov: Fov, whole: Box) -> Fov:
        """The field of view as decided.

        Notes stay, since they say what is on the screen. Outline and panels stay only if the box found is confirmed.
        A layout's box neither lifts a refusal nor drops an outline or panels: nobody has looked at that screen.

        Args:
            fov: What was found.
            whole: The whole screen, which stands for the box of a refused one.
        """
        if self.box and not self.is_own and not is_plain(fov):
            return fov
        decided = replace(fov, method=REASON, confidence=1.0, doubts=(), reject="")
        if self.box is None:
            return replace(decided, box=whole, polygon=(), panels=(), reject=REASON)
        if self.box == fov.box:
            return decided
        return replace(decided, box=self.box, estimators=(), polygon=(), panels=())


@dataclass(frozen=True)
class Overrides:
    """All decisions, by image_id or layout."""

    lines: Mapping[str, Override]

    def of(self, image_id: str, device: str, width_px: int, height_px: int) -> Override | None:
        """The decision that concerns a screen; its own line wins over its layout's."""
        return self.lines.get(image_id) or self.lines.get(layout_name(device, width_px, height_px))


def read_overrides(path: Path, manifest: pd.DataFrame) -> Overrides:
    """Read and check the decisions.

    Args:
        path: Table `tables.FOV_OVERRIDES`.
        manifest: Rows of `tables.MANIFEST`, excluded ones too.

    Raises:
        InputError: No such file or no such table; two lines for one target; a target that is neither an image nor a
            layout of the manifest; a box that is empty or leaves the screen; a refusal with a box.
    """
    if not path.is_file():
        heading = ",".join(FOV_OVERRIDES.columns)
        raise InputError(f"{path}: not found; take it back from Git, or make it with the one line {heading}")
    lines = read_lines(path)
    sizes = _screen_sizes(manifest, set(lines["target"]))
    images = set(manifest["image_id"])
    return Overrides({row.target: Override(_box(row, sizes, path), row.target in images) for row in _rows(lines)})


def read_lines(path: Path) -> pd.DataFrame:
    """Rows of `tables.FOV_OVERRIDES`, which people also edit: a spreadsheet's byte-order mark is no part of them.

    Raises:
        InputError: No such table, or one that cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not readable: {error}; save it as CSV in UTF-8") from None
    uneven = [number for number, row in enumerate(rows, start=1) if len(row) != len(rows[0])]
    if not rows or uneven:
        fault = f"row {uneven[0]} is not as long as the header; correct it" if uneven else "it is empty"
        raise InputError(f"{path}: {fault}; the header is {','.join(FOV_OVERRIDES.columns)}")
    return FOV_OVERRIDES.check(pd.DataFrame(rows[1:], columns=rows[0], dtype="str"), str(path))


def _box(row: Any, sizes: Mapping[str, tuple[int, int]], path: Path) -> Box | None:
    """The box of a line, or None if it refuses."""
    where = f"{path}: target {row.target!r}"
    if row.target not in sizes:
        raise InputError(
            f"{where}: no image_id and no layout of the manifest; "
            "correct it (a layout is DEVICE WIDTHxHEIGHT) or remove the line"
        )
    corners = tuple(int(getattr(row, column)) for column in BOX_COLUMNS)
    if row.action == "refuse":
        if any(corners):
            raise InputError(f"{where}: refuse takes no box; write 0,0,0,0, or make the action box")
        return None
    if not any(corners):
        raise InputError(f"{where}: box is all zeros; fill in its corners, or make the action refuse")
    try:
        box = Box(*corners)
    except ValueError:
        raise InputError(
            f"{where}: box {_listed(corners)} is empty or starts outside the screen; "
            "x1 must be more than x0, y1 more than y0, none less than 0"
        ) from None
    width, height = sizes[row.target]
    if box.x1 > width or box.y1 > height:
        raise InputError(f"{where}: box {_listed(corners)} leaves the screen of {width} x {height} pixels; correct it")
    return box


def _screen_sizes(manifest: pd.DataFrame, targets: set[str]) -> dict[str, tuple[int, int]]:
    """Width and height, pixels, of those targets that the manifest knows."""
    layouts = manifest[["device", "width_px", "height_px"]].drop_duplicates()
    sizes = {
        layout_name(row.device, row.width_px, row.height_px): (row.width_px, row.height_px) for row in _rows(layouts)
    }
    images = manifest.loc[manifest["image_id"].isin(targets), ["image_id", "width_px", "height_px"]]
    return sizes | {row.image_id: (row.width_px, row.height_px) for row in _rows(images)}


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    return frame.itertuples(index=False, name="Row")


def _listed(corners: tuple[int, ...]) -> str:
    return ", ".join(map(str, corners))
