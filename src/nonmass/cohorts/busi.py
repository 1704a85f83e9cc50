"""BUSI, the Breast Ultrasound Images dataset.

Source: Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A. Dataset of breast ultrasound images. Data in
Brief 2020;28:104863. Licence: CC BY 4.0. Size: 780 PNG images of 600 women (437 benign, 210
malignant, 133 normal) with lesion masks, from LOGIQ E9 machines; which one took an image is not said.

Known defects:
    - No patient ids: each image counts as its own patient, so patient-level figures are image-level
      ones. Images of one woman are held together only as far as they look alike (duplicate groups).
    - One file stands under two classes, benign (433) = malignant (145); `manifest` excludes it.
    - Up to 40 % of the images have a near-duplicate, some across classes.
    - Already cropped by hand, with calipers and text burned in, more often in lesions.
    - A lesion may have several masks (`_mask`, `_mask_1`, ...), whose union it is.
    - Lesions are not sorted into masses and non-mass lesions: `finding` mass is a stand-in.
"""

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from nonmass.cohorts.cohort import Cohort, first_few, image_files
from nonmass.errors import InputError
from nonmass.params import Section

CLASSES = {"benign": ("mass", "benign"), "malignant": ("mass", "malignant"), "normal": ("normal", "")}


class BusiSource(Section):
    """A folder with benign/, malignant/ and normal/, or with the Dataset_BUSI_with_GT that holds them."""

    adapter: Literal["busi"]


def read(folder: Path, _params: BusiSource) -> Cohort:
    """List the images of the three class folders with their masks.

    Raises:
        InputError: A class folder is missing, a mask has no image, or a file is called otherwise.
    """
    top = folder / "Dataset_BUSI_with_GT"
    top = top if top.is_dir() else folder
    rows = [row for name in CLASSES for row in _class_rows(folder, top / name)]
    beside = [file for file in image_files(folder) if not (folder / file).is_relative_to(top)]
    beside += [file for file in image_files(top) if file.split("/")[0] not in CLASSES]
    if beside:
        raise InputError(
            f"{top}: {len(beside)} image(s) in no class folder: {first_few(sorted(beside))}; take them out"
        )
    images = pd.DataFrame(rows, columns=["file", "finding", "pathology", "mask"], dtype="string")
    return Cohort(images.assign(patient="", device=""), pd.DataFrame({"patient": []}, dtype="string"))


def _class_rows(folder: Path, class_folder: Path) -> list[tuple[str, str, str, str]]:
    if not class_folder.is_dir():
        raise InputError(f"{class_folder}: not found; BUSI has the folders {', '.join(CLASSES)}")
    finding, pathology = CLASSES[class_folder.name]
    masks: dict[str, list[str]] = {}
    images: dict[str, str] = {}
    strange: list[str] = []
    place = class_folder.relative_to(folder)
    scheme = re.compile(rf"({class_folder.name} \(\d+\))(_mask(?:_\d+)?)?\.\w+")
    for file in sorted(image_files(class_folder)):
        match = scheme.fullmatch(file)
        if not match or (not match[2] and match[1] in images):
            strange.append(file)
        elif match[2]:
            masks.setdefault(match[1], []).append((place / file).as_posix())
        else:
            images[match[1]] = (place / file).as_posix()
    if strange:
        raise InputError(
            f"{class_folder}: {len(strange)} file(s) are neither the one image '{class_folder.name} (n)' nor a mask of "
            f"it: {first_few(strange)}; rename them or take them out"
        )
    alone = sorted(masks.keys() - images.keys())
    if alone:
        raise InputError(f"{class_folder}: {len(alone)} mask(s) without an image: {first_few(alone)}; copy them again")
    if finding == "normal":
        masks = {}  # all zero: there is nothing to outline
    return [(file, finding, pathology, "|".join(masks.get(name, []))) for name, file in images.items()]
