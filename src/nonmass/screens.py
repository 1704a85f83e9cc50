"""Exported screens, whatever kind of file holds them."""

from pathlib import Path
from typing import Any

from nonmass import dicom, images
from nonmass.errors import InputError
from nonmass.images import Gray, Picture


def read_gray(path: Path, frame: int = 0, name: str | None = None) -> Gray:
    """One frame of a DICOM file, or a still picture, as gray.

    Args:
        path: Told apart by their content, not by their names.
        frame: From 0; of a still picture there is only that one.
        name: What messages call the file; default its path, which may tell whose image it is.

    Returns:
        `(H, W)` uint8.

    Raises:
        InputError: See `images.read_gray` and `dicom.read_gray`.
    """
    return dicom.read_gray(path, frame, name) if dicom.is_dicom(path) else images.read_gray(path, name=name)


def read_picture(path: Path, frame: int = 0, name: str | None = None) -> Picture:
    """Likewise as gray and chroma; the gray is that of `read_gray`."""
    return dicom.read_picture(path, frame, name) if dicom.is_dicom(path) else images.read_picture(path, name=name)


def trace(path: Path, name: str | None = None) -> str:
    """`m-mode` or `spectral` if a DICOM file says that this is on the screen, else "".

    Raises:
        InputError: See `dicom.trace`.
    """
    return dicom.trace(path, name) if dicom.is_dicom(path) else ""


def read_screen(row: Any, place: Path) -> Picture:
    """The screen of a row of the manifest, checked against it; messages call it by its path there.

    Raises:
        InputError: See `read_picture`; or the screen is not as large as the manifest says.
    """
    picture = read_picture(place, row.frame, row.path)
    height, width = picture.gray.shape
    if (height, width) != (row.height_px, row.width_px):
        size = f"{width} x {height} pixels, the manifest says {row.width_px} x {row.height_px}"
        raise InputError(f"{row.path}: image has {size}; run `dvc repro ingest`")
    return picture
