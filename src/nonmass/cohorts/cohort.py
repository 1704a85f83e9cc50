"""What every kind of source gives, and how it says what is wrong with it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from nonmass.images import FORMATS, SUFFIXES

# Of `Cohort.images`. All text but `frame` and `row`.
IMAGE_COLUMNS = ("file", "frame", "row", "patient", "finding", "pathology", "device", "mask", "us_regions")


TWICE = "file in several rows"


class Problem(NamedTuple):
    """Something of a source that cannot be used.

    Attributes:
        problem: What is wrong, in words without any value, so that rows of one kind can be counted.
        remedy: What to do.
        file: Relative to the cohort's folder; "" if none is named.
        row: Of the spreadsheet, which counts from 1 with the headings; 0 if there is none.
        value: The offending word or reason; cells of the spreadsheet and tags of a file go here and nowhere else.
    """

    problem: str
    remedy: str
    file: str = ""
    row: int = 0
    value: str = ""


@dataclass(frozen=True)
class Cohort:
    """The content of one source; an empty text means unknown.

    Attributes:
        images: One row an image: `file` (relative to the cohort's folder, forward slashes), `frame` of the
            file (0 unless it holds several), `row` of the spreadsheet (0: none), `patient` (empty: the
            source has no patient ids), `finding`, `pathology`, `device`, `mask` (files like `file`, joined
            by "|"), `us_regions` (see tables.MANIFEST).
        patients: One row a patient: `patient`, then whatever the source knows of it.
        problems: What else was found; no image of it stands in `images`.
        is_secret: Whether patient ids and file names may be identities, and must not be shown.
    """

    images: pd.DataFrame
    patients: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    is_secret: bool = False


def image_rows(images: pd.DataFrame) -> pd.DataFrame:
    """Rows of `Cohort.images`; columns that a source does not have are empty or 0."""
    missing = {name: 0 if name in ("frame", "row") else "" for name in IMAGE_COLUMNS if name not in images}
    return images.assign(**missing)[list(IMAGE_COLUMNS)]


def image_files(folder: Path) -> set[str]:
    """All image files below a folder, relative to it; hidden ones (`._x.png` of a Mac, `.thumbs/`) do not count."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {file.as_posix() for file in found if not any(part.startswith(".") for part in file.parts)}


def leads_out(folder: Path, file: str) -> bool:
    """Whether `file`, given relative to the folder, lies outside it once symbolic links are followed."""
    # The folder itself may be a link. Path.resolve would raise at a link that leads to itself.
    return not Path(os.path.realpath(folder / file)).is_relative_to(os.path.realpath(folder))


def match_files(images: pd.DataFrame, found: set[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Rows whose image and masks are there; the others, files in several rows and files without one as problems.

    Args:
        images: Rows of `Cohort.images`.
        found: Result of `image_files`.
    """
    masks = images["mask"].map(lambda mask: [file for file in mask.split("|") if file])
    no_image = ~images["file"].isin(found)
    no_mask = masks.map(lambda files: bool(set(files) - found)).astype(bool) & ~no_image
    orphans = found - set(images["file"]) - {file for files in masks for file in files}
    twice = images.duplicated(["file", "frame"], keep=False)
    no_image_remedy = f"add the file ({', '.join(FORMATS)}; letter case counts), or take the row out"
    no_mask_remedy = "add the mask, or empty its cell"
    problems = [
        *(Problem(TWICE, "keep one row for each file", *place) for place in _places(images[twice])),
        *(Problem("row without an image file", no_image_remedy, *place) for place in _places(images[no_image])),
        *(Problem("row without its mask file", no_mask_remedy, *place) for place in _places(images[no_mask])),
        *(Problem("file without a row", "add a row, or take the file out", file) for file in sorted(orphans)),
    ]
    return images[~no_image & ~no_mask & ~twice], problems


def _places(images: pd.DataFrame) -> list[tuple[str, int]]:
    """File and row of each."""
    return list(zip(images["file"].tolist(), images["row"].tolist(), strict=True))


def plain(text: str) -> str:
    """A text on one line of UTF-8: what is not printable, as half a line or bytes of another encoding, is an escape."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def first_few(items: Iterable[object], n: int = 3) -> str:
    """The first items in words: "a, b, c and 4 more"."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:n]) + (f" and {len(texts) - n} more" if len(texts) > n else "")
