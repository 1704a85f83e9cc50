"""What stands on a review sheet: a screen and its field of view, as the pipeline or `nonmass fov` found it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from nonmass.dicom_regions import region_boxes
from nonmass.errors import InputError
from nonmass.fov.field import Fov
from nonmass.fov.overrides import REASON, is_plain, layout_name
from nonmass.fov.preview import Found
from nonmass.geometry import Box
from nonmass.pseudonyms import locate
from nonmass.tables import BOX_COLUMNS

STATES = ("refused", "doubtful", "accepted")  # in this order on the sheet


@dataclass(frozen=True)
class Entry:
    """A screen on the sheet.

    Attributes:
        target: What a line of data/fov_overrides.csv calls it: its image_id. Beside a pipeline, its file's name.
        place: Where its file lies.
        frame: Of the file, from 0.
        device: As in the manifest; or "".
        width_px: Of the screen.
        height_px: Of the screen.
        fov: What was found.
    """

    target: str
    place: Path
    frame: int
    device: str
    width_px: int
    height_px: int
    fov: Fov

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if self.fov.reject:
            return "refused"
        return "accepted" if self.fov.accepted else "doubtful"

    @property
    def layout(self) -> str:
        """What a line calls all screens of this device and size."""
        return layout_name(self.device, self.width_px, self.height_px)


def layout_sizes(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """How many screens a layout's line concerns, by layout: `all` by a refusal, `plain` by a box (see `overrides`).

    What a person has refused counts as plain, since nothing else is known of it any more.
    """
    sizes: dict[str, dict[str, int]] = {}
    for entry in entries:
        size = sizes.setdefault(entry.layout, {"all": 0, "plain": 0})
        size["all"] += 1
        size["plain"] += entry.fov.reject == REASON or is_plain(entry.fov)
    return dict(sorted(sizes.items()))


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Refused and doubtful screens before accepted ones, then the least confidence first."""
    return sorted(entries, key=lambda entry: (STATES.index(entry.state), entry.fov.confidence, entry.target))


def entries_of_folder(found: Iterable[Found]) -> list[Entry]:
    """Entries of what `nonmass fov` found; files that could not be read are left out."""
    return [
        Entry(one.file.name, one.file.place, 0, one.file.device, one.file.width_px, one.file.height_px, one.fov)
        for one in found
        if one.fov
    ]


def entries_of_pipeline(manifest: pd.DataFrame, index: pd.DataFrame, raw_dir: Path) -> list[Entry]:
    """Entries of what stage `fov` found.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        index: Rows of `tables.FOV_INDEX`; those that are to stand on the sheet.
        raw_dir: What the manifest's paths are relative to.

    Raises:
        InputError: A row of the index is not in the manifest, or a secret file is not there (see `locate`).
    """
    rows = index.merge(manifest, on="image_id", how="left", validate="one_to_one")
    if unknown := rows.loc[rows["path"].isna(), "image_id"].tolist():
        raise InputError(f"data/fov/index.csv: {unknown[0]} is not in the manifest; run `dvc repro fov` again")
    places = locate(raw_dir, rows["path"])
    return [_entry(row, places[row.path]) for row in cast("Iterable[Any]", rows.itertuples(index=False, name="Row"))]


def _entry(row: Any, place: Path) -> Entry:
    return Entry(row.image_id, place, row.frame, row.device, row.width_px, row.height_px, fov_of(row))


def fov_of(row: Any) -> Fov:
    """A field of view read back from a row of `tables.FOV_INDEX`; flags of an accepted one are its notes."""
    flags = _parts(row.flags, "|")
    is_settled = bool(row.accepted or row.reject)
    return Fov(
        box=Box(*(getattr(row, column) for column in BOX_COLUMNS)),
        method=row.method,
        estimators=_parts(row.estimators, "+"),
        confidence=row.confidence,
        doubts=() if is_settled else flags,
        notes=flags if is_settled else (),
        polygon=tuple(_point(text) for text in _parts(row.polygon, "|")),
        panels=region_boxes(row.panels),
        reject=row.reject,
    )


def _parts(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(mark) if part)


def _point(text: str) -> tuple[int, int]:
    x, y = text.split(",")
    return int(x), int(y)
