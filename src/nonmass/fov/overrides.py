"""What a person has decided about fields of view: lines of data/fov_overrides.csv, which win over everything found."""

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


@dataclass(frozen=True)
class Override:
    """One decision.

    Attributes:
        box: The field of view, screen pixels; None if there is none to use.
    """

    box: Box | None

    def apply(self, fov: Fov, whole: Box) -> Fov:
        """The field of view as decided.

        Notes stay, since they say what is on the screen. Outline and panels stay only if the box found is confirmed.

        Args:
            fov: What was found.
            whole: The whole screen, which stands for the box of a refused one.
        """
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
    lines = FOV_OVERRIDES.read(path)
    sizes = _screen_sizes(manifest, set(lines["target"]))
    return Overrides({row.target: _override(row, sizes, path) for row in _rows(lines)})


def _override(row: Any, sizes: Mapping[str, tuple[int, int]], path: Path) -> Override:
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
        return Override(None)
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
    return Override(box)


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
