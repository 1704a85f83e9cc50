"""From one cohort to one row a file: identity, size, patient; the same for every kind of source."""

import hashlib
from pathlib import Path

import pandas as pd

from nonmass.cohorts.cohort import Cohort, first_few, leads_out
from nonmass.errors import InputError
from nonmass.images import read_size
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
        InputError: A file is missing, lies outside the cohort's folder, or is no readable image, or
            a mask is not as large as its image.
    """
    images = cohort.images.sort_values("file", ignore_index=True)
    _check_places(raw_dir / name, images)
    masks = images["mask"].map(lambda mask: [file for file in mask.split("|") if file])
    sizes = _sizes(raw_dir / name, [*images["file"], *masks.explode().dropna()])
    _check_masks(raw_dir / name, dict(zip(images["file"], masks, strict=True)), sizes)
    image_id = images["file"].map(lambda file: f"{name}-{_sha256(raw_dir / name, [file])}")
    rows = images.assign(
        image_id=image_id,
        cohort=name,
        path=name + "/" + images["file"],
        patient_id=(name + "-" + images["patient"]).where(images["patient"] != "", image_id),
        width_px=images["file"].map(lambda file: sizes[file][0]),
        height_px=images["file"].map(lambda file: sizes[file][1]),
        mask_path=masks.map(lambda files: "|".join(f"{name}/{file}" for file in files)),
        mask_id=masks.map(lambda files: _sha256(raw_dir / name, files) if files else ""),
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
    outside, missing = [], []
    for file in [*images["file"], *masks[masks != ""]]:
        if leads_out(folder, file):
            outside.append(file)
        elif not (folder / file).is_file():
            missing.append(file)
    if outside:
        raise InputError(
            f"{folder}: {len(outside)} file(s) lead out of this folder: {first_few(outside)}; copy them in"
        )
    if missing:
        raise InputError(f"{folder}: {len(missing)} file(s) not found: {first_few(missing)}; copy them in")


def _sizes(folder: Path, files: list[str]) -> dict[str, tuple[int, int]]:
    """Width and height of each file by its header, without decoding a pixel."""
    sizes: dict[str, tuple[int, int]] = {}
    reasons: dict[str, str] = {}
    for file in files:
        try:
            sizes[file] = read_size(folder / file)
        except InputError as error:
            reasons[file] = str(error)
    if reasons:
        raise InputError(
            f"{folder}: {len(reasons)} file(s) are no readable image: {first_few(reasons)}; "
            f"export them again, or take them and their rows out ({next(iter(reasons.values()))})"
        )
    return sizes


def _check_masks(folder: Path, masks: dict[str, list[str]], sizes: dict[str, tuple[int, int]]) -> None:
    """Each mask is as large as its image: better said now than after training."""
    wrong = [
        f"{mask} ({sizes[mask][0]} x {sizes[mask][1]} px, its image {sizes[file][0]} x {sizes[file][1]} px)"
        for file, files in masks.items()
        for mask in files
        if sizes[mask] != sizes[file]
    ]
    if wrong:
        raise InputError(
            f"{folder}: {len(wrong)} mask(s) are not as large as their image: {first_few(wrong)}; export them again"
        )


def _sha256(folder: Path, files: list[str]) -> str:
    """First 16 hex digits, of the files' bytes one after another; so a changed mask shows in the tables, too."""
    digest = hashlib.sha256()
    for file in files:
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()[:16]
