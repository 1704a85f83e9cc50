"""What is odd about the files of a folder, though each of them may be readable."""

import os
import stat
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from nonmass.cohorts.cohort import image_files, leads_out
from nonmass.dicom import is_dicom, n_frames
from nonmass.doctor.diagnosis import Finding
from nonmass.errors import InputError
from nonmass.images import FORMATS, SUFFIXES

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima", "")  # or the end of a UID, which can be any number
NO_FILE = "is no file (broken link, pipe or the like)"


def entries(folder: Path) -> tuple[str, ...]:
    """All files, folders and links below a folder, relative to it, in order of their bytes; links are not followed."""
    return tuple(sorted((path.relative_to(folder).as_posix() for path in folder.rglob("*")), key=os.fsencode))


def pictures(folder: Path, names: Iterable[str]) -> list[tuple[str, int]]:
    """File and frame of all that is, or should be, a picture: by its suffix, or as DICOM by its content."""
    found = {(file, 0) for file in image_files(folder)}
    for file in names:
        if _is_readable(folder, file) and is_dicom(folder / file):
            try:
                found |= {(file, frame) for frame in range(n_frames(folder / file))}
            except InputError:
                found.add((file, 0))  # what is wrong with it will be said where it is read
    return sorted(found)


def check_files(folder: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Names that collide, folders that are not read, and files that are not what their names say.

    Args:
        folder: The cohort's.
        names: Result of `entries`.
    """
    yield from _colliding(names)
    for file in names:
        if is_no_file(folder / file):
            yield Finding("error", NO_FILE, "take it out: DVC cannot read the folder with it", file)
        elif os.path.isdir(folder / file):  # noqa: PTH112 (Path's methods raise where a folder cannot be searched)
            yield from _folder(folder, file)
        elif _is_readable(folder, file):
            yield from _misnamed(folder, file)


def check_sizes(rows: pd.DataFrame, min_px: int) -> Iterator[Finding]:
    """Images with a side of fewer than `min_px` pixels; `path` of the rows of `tables.INVENTORY` is the file."""
    problem, remedy = f"image with a side below {min_px} px", "export the whole screen, or take it out"
    small = rows[rows[["width_px", "height_px"]].min(axis=1) < min_px].drop_duplicates("path")
    for file, width_px, height_px in small[["path", "width_px", "height_px"]].itertuples(index=False, name=None):
        yield Finding("warning", problem, remedy, file, value=f"{width_px} x {height_px} px")


def _is_readable(folder: Path, file: str) -> bool:
    """Whether it is a file of the cohort: no pipe, nothing elsewhere, and not hidden (`._x.png` of a Mac)."""
    path = folder / file
    return os.path.isfile(path) and not path.name.startswith(".") and not leads_out(folder, file)  # noqa: PTH113


def is_no_file(path: Path) -> bool:
    """Whether an entry of a folder is neither a file nor a folder, nor a link to one: DVC stops at it, or waits."""
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return False  # nobody knows, and the folder that cannot be searched is a finding of its own
    except OSError:
        return path.is_symlink()  # to nowhere, or to itself
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _colliding(names: Iterable[str]) -> Iterator[Finding]:
    problem = "names differ in letter case or in the encoding of accents only"
    remedy = "rename one: many systems take them for one file, and tables are compared letter by letter"
    first: dict[str, str] = {}
    for file in names:
        other = first.setdefault(unicodedata.normalize("NFC", file).casefold(), file)
        if other != file:
            yield Finding("warning", problem, remedy, file, other)


def _folder(folder: Path, file: str) -> Iterator[Finding]:
    path = folder / file
    if path.is_symlink() and leads_out(folder, file):
        yield Finding("error", "linked folder leads out of the cohort's folder and is not read", "copy it in", file)
    elif path.is_symlink():
        yield Finding("warning", "linked folder is not read", "copy it in, unless its files are read already", file)
    elif not os.access(path, os.R_OK | os.X_OK):
        yield Finding("error", "folder cannot be opened", "give yourself the right to read it", file)


def _misnamed(folder: Path, file: str) -> Iterator[Finding]:
    kind, suffix = kind_of(folder / file), Path(file).suffix.lower()
    if not kind:
        return
    fits = suffix in FORMATS[kind] if kind in FORMATS else suffix in DICOM_SUFFIXES or suffix[1:].isdecimal()
    if suffix in SUFFIXES and not fits:
        yield Finding("warning", "content is not what the suffix says", "rename it", file, value=f"it is {kind}")
    elif not fits:
        problem, remedy = "image that is not read, since its name does not say so", "rename it, if it should be"
        yield Finding("warning", problem, remedy, file, value=f"it is {kind}")


def kind_of(path: Path) -> str:
    """What a regular file is by its first bytes: "DICOM", a key of `images.FORMATS`, or ""."""
    if is_dicom(path):
        return "DICOM"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=tuple(FORMATS)) as image:
                return "JPEG" if image.format == "MPO" else str(image.format)
    except Exception:  # decoders raise whatever they like on broken files, which are found where they are read
        return ""
