"""From one cohort to one row a file: identity, size, patient; the same for every kind of source."""

import hashlib
import io
import warnings
from pathlib import Path

import pandas as pd
from PIL import Image

from nonmass.cohorts.cohort import Cohort, first_few
from nonmass.errors import InputError
from nonmass.tables import INVENTORY


def list_files(raw_dir: Path, name: str, cohort: Cohort) -> pd.DataFrame:
    """One row a file with the columns of `INVENTORY`, sorted by path.

    Patient ids get the cohort's name in front, so that ids of two cohorts never meet; where the
    source has none, the image's own id stands in.

    Args:
        raw_dir: The folder that holds one folder a cohort.
        name: The cohort's name and folder.
        cohort: Its content.

    Raises:
        InputError: A file is missing, lies outside the cohort's folder, or is no readable image.
    """
    images = cohort.images.sort_values("file", ignore_index=True)
    _check_places(raw_dir / name, images)
    contents = _contents(raw_dir / name, list(images["file"]))
    image_id = name + "-" + contents["sha256"].str[:16]
    rows = images.assign(
        image_id=image_id,
        cohort=name,
        path=name + "/" + images["file"],
        patient_id=(name + "-" + images["patient"]).where(images["patient"] != "", image_id),
        width_px=contents["width_px"],
        height_px=contents["height_px"],
        mask_path=images["mask"].map(lambda mask: "|".join(f"{name}/{file}" for file in mask.split("|") if file)),
        mask_id=images["mask"].map(lambda mask: _mask_id(raw_dir / name, mask.split("|")) if mask else ""),
    )
    return rows[list(INVENTORY.columns)]


def list_patients(files: pd.DataFrame, name: str, cohort: Cohort) -> pd.DataFrame:
    """One row a patient of the inventory `files`, with the source's further columns; "" where unknown."""
    known = cohort.patients.assign(patient_id=name + "-" + cohort.patients["patient"]).drop(columns="patient")
    seen = files[["patient_id", "cohort"]].drop_duplicates()
    return seen.merge(known, on="patient_id", how="left", validate="one_to_one").fillna("")


def _check_places(folder: Path, images: pd.DataFrame) -> None:
    """Each image and mask exists below `folder`; symbolic links may not lead out of it."""
    masks = images["mask"].str.split("|").explode()
    inside = folder.resolve()  # the folder itself may be a link to where the data lie
    outside, missing = [], []
    for file in [*images["file"], *masks[masks != ""]]:
        place = (folder / file).resolve()
        if not place.is_relative_to(inside):
            outside.append(file)
        elif not place.is_file():
            missing.append(file)
    if outside:
        raise InputError(
            f"{folder}: {len(outside)} file(s) lead out of this folder: {first_few(outside)}; copy them in"
        )
    if missing:
        raise InputError(f"{folder}: {len(missing)} file(s) not found: {first_few(missing)}; copy them in")


def _contents(folder: Path, files: list[str]) -> pd.DataFrame:
    """SHA-256, width and height of each file, at some 7000 files a second; threads made it slower."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found = [_content(folder / file) for file in files]
    unreadable = [file for file, content in zip(files, found, strict=True) if content is None]
    if unreadable:
        raise InputError(
            f"{folder}: {len(unreadable)} file(s) are no readable image: {first_few(unreadable)}; "
            "export them again, or take them and their rows out"
        )
    return pd.DataFrame(found, columns=["sha256", "width_px", "height_px"])


def _mask_id(folder: Path, files: list[str]) -> str:
    """Lets a changed mask show in the tables, and so re-run what reads masks."""
    digest = hashlib.sha256()
    for file in files:
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()[:16]


def _content(path: Path) -> tuple[str, int, int] | None:
    """Only the header is decoded; None if that fails."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            return hashlib.sha256(content).hexdigest(), image.width, image.height
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
