"""Exported screens, whatever kind of file holds them."""

from pathlib import Path

from nonmass import dicom
from nonmass.images import Gray, read_gray


def read_screen(path: Path, frame: int = 0, name: str | None = None) -> Gray:
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
    return dicom.read_gray(path, frame, name) if dicom.is_dicom(path) else read_gray(path, name=name)
