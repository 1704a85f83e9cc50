"""The review sheet: one page, its pictures beside it, and contact sheets. It shows whole screens, so it stays here."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from nonmass.errors import InputError
from nonmass.files import write_text
from nonmass.images import Gray
from nonmass.look.style import style_of
from nonmass.look.templates import templates_of
from nonmass.review.contact import A_SHEET, contact_sheet
from nonmass.review.entries import Entry, in_order, layout_sizes
from nonmass.screens import read_gray
from nonmass.tables import BOX_COLUMNS, FOV_OVERRIDES

HERE = Path(__file__).parent
TITLE = "Review of fields of view"  # by which we know a page as ours
RESULTS = ("data", "metrics", "models", "predictions", "reports", "splits")  # what is kept, passed on or published
THUMBNAIL_PX, VIEW_PX = (320, 240), (1600, 1200)
THUMBNAIL_QUALITY, VIEW_QUALITY = 70, 75
IMAGES_A_WORKER = 32  # fewer are done before a second process has started


def write_sheet(
    page: Path,
    entries: Sequence[Entry],
    overrides: pd.DataFrame,
    note: str,
    known: Sequence[Entry] | None = None,
    is_project: bool = True,
) -> None:
    """Write a page and the folder `<page>_files` beside it; both replace older ones, whole or not at all.

    Pictures are named by their number on the sheet, never by file or patient. The folder asks Git to ignore it.

    Args:
        page: Where to; its name ends in .html.
        entries: The screens, in any order.
        overrides: Rows of `tables.FOV_OVERRIDES` that exist already.
        note: What the sheet shows, one plain sentence.
        known: All screens that a layout's line would concern, of which the sheet shows some; default its own.
        is_project: Whether a project's overrides can name the screens; if not, there is no such file to download.

    Raises:
        InputError: See `check_page`; or a screen cannot be read.
    """
    check_page(page)
    ordered = in_order(entries)
    with _replaced_folder(_folder_of(page)) as folder:
        for name in ("thumbnails", "views"):
            (folder / name).mkdir()
        _on_all_cores(_draw, [(folder, number, entry) for number, entry in enumerate(ordered, start=1)], "screens")
        parts = [ordered[start : start + A_SHEET] for start in range(0, len(ordered), A_SHEET)]
        _on_all_cores(
            _write_contact_sheet,
            [(folder, number, len(parts), part) for number, part in enumerate(parts, start=1)],
            "contact sheets",
        )
        shutil.copyfile(HERE / "sheet.js", folder / "sheet.js")
        write_text(folder / "sheet.css", style_of(HERE / "sheet.css"))
        content = {**sheet_content(ordered, overrides, note, known or ordered), "is_project": is_project}
        write_text(folder / "screens.js", f"window.REVIEW = {json.dumps(content, separators=(',', ':'))};\n")
        write_text(folder / ".gitignore", "*\n")
    templates = templates_of(HERE, autoescape=True)
    name = _folder_of(page).name
    write_text(page, templates.get_template("sheet.html.j2").render(title=TITLE, files=quote(name), folder=name))


def check_page(page: Path) -> None:
    """Say before any work is done that a page cannot be written.

    Raises:
        InputError: Its name has another ending than .html; it lies among a pipeline's results; or what is there, page
            or folder beside it, is no older sheet.
    """
    if page.suffix.lower() != ".html":
        raise InputError(f"{page}: the sheet is a page; give it a name that ends in .html")
    if _is_among_results(page):
        raise InputError(f"{page}: whole screens must not lie among results; give another folder, such as review")
    if page.exists() and not _is_sheet(page):
        raise InputError(f"{page}: is there already and is no review sheet; give the page another name")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(page.parent, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise InputError(f"{page.parent}: cannot be written to; give another place for the sheet")
    folder = _folder_of(page)
    if folder.exists() and not (folder / "screens.js").is_file():
        raise InputError(f"{folder}: is there already and is no review sheet; give the page another name")


def _is_among_results(page: Path) -> bool:
    """Whether a page would lie in a results folder of a pipeline (known by its dvc.yaml) around it or around us."""
    place = page.resolve()
    around = {*place.parents, *page.absolute().parents, *(Path.cwd() / "here").parents}
    roots = [folder for folder in around if (folder / "dvc.yaml").is_file()]
    return any(place.is_relative_to((root / name).resolve()) for root in roots for name in RESULTS)


def _is_sheet(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return f"<title>{TITLE}</title>" in file.read(1000)


def _folder_of(page: Path) -> Path:
    return page.with_name(f"{page.stem}_files")


def sheet_content(
    entries: Sequence[Entry], overrides: pd.DataFrame, note: str, known: Sequence[Entry]
) -> dict[str, Any]:
    """What the page's script works on; its numbers are pixels of the screen."""
    return {
        "note": note,
        "columns": list(FOV_OVERRIDES.columns),
        "overrides": [_line(row) for row in overrides.itertuples(index=False, name="Row")],
        "layouts": layout_sizes(known),
        "screens": [_screen(entry) for entry in entries],
    }


def _line(row: Any) -> dict[str, Any]:
    box = [int(getattr(row, column)) for column in BOX_COLUMNS]
    return {"target": row.target, "action": row.action, "box": box, "note": row.note}


def _screen(entry: Entry) -> dict[str, Any]:
    fov = entry.fov
    return {
        "id": entry.target,
        "device": entry.device,
        "layout": entry.layout,
        "width": int(entry.width_px),
        "height": int(entry.height_px),
        "state": entry.state,
        "box": _corners(fov.box),
        "polygon": [[int(x), int(y)] for x, y in fov.polygon],
        "panels": [_corners(panel) for panel in fov.panels],
        "method": fov.method,
        "confidence": round(float(fov.confidence), 4),
        "flags": list(fov.flags),
        "reject": fov.reject,
    }


def _corners(box: Any) -> list[int]:
    return [int(corner) for corner in astuple(box)]


def picture_name(number: int) -> str:
    """File of a screen's pictures by its number on the sheet, from 1; the script forms the same."""
    return f"{number:06}.jpg"


def _draw(folder: Path, number: int, entry: Entry) -> None:
    """Write a screen small, and as large as it need be to draw a box by hand."""
    gray = read_gray(entry.place, entry.frame, entry.target)
    for name, limit, quality in (
        ("thumbnails", THUMBNAIL_PX, THUMBNAIL_QUALITY),
        ("views", VIEW_PX, VIEW_QUALITY),
    ):
        _, encoded = cv2.imencode(".jpg", _fitting(gray, limit), [cv2.IMWRITE_JPEG_QUALITY, quality])
        (folder / name / picture_name(number)).write_bytes(encoded.tobytes())


def _fitting(gray: Gray, limit: tuple[int, int]) -> Gray:
    """A picture made so small that it fits into `limit`, width and height; never larger than it is."""
    scale = min(limit[0] / gray.shape[1], limit[1] / gray.shape[0])
    if scale >= 1:
        return gray
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _write_contact_sheet(folder: Path, number: int, n_sheets: int, entries: Sequence[Entry]) -> None:
    first = (number - 1) * A_SHEET + 1
    names = [folder / "thumbnails" / picture_name(first + i) for i in range(len(entries))]
    thumbnails = [read_gray(name) for name in names]
    heading = (
        f"{number} of {n_sheets}: screens {first} to {first + len(entries) - 1}, least sure first. "
        "Whole screens: they may show who the patient is. Do not pass on."
    )
    contact_sheet(entries, thumbnails, heading).save(folder / f"sheet_{number:03}.png", compress_level=3)


def _on_all_cores(function: Callable[..., None], jobs: Sequence[tuple[Any, ...]], label: str) -> None:
    n_workers = min(joblib.cpu_count(), 1 + len(jobs) // IMAGES_A_WORKER)
    results = joblib.Parallel(n_jobs=n_workers, return_as="generator")(joblib.delayed(function)(*job) for job in jobs)
    for _ in tqdm(results, total=len(jobs), desc=label, unit="image", disable=None):
        pass


@contextmanager
def _replaced_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` if the block ends well, and is removed if not."""
    growing = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    try:
        yield growing
        shutil.rmtree(folder, ignore_errors=True)
        growing.rename(folder)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
