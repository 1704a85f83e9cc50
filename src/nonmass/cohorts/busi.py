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

from nonmass.cohorts.cohort import Cohort, Problem, image_files, image_rows
from nonmass.errors import InputError
from nonmass.params import Section

SCHEME = re.compile(r"(?P<class>benign|malignant|normal)/(?P=class) \((?P<number>\d+)\)(?P<mask>_mask(?:_\d+)?)?\.\w+")
CLASSES = {"benign": ("mass", "benign"), "malignant": ("mass", "malignant"), "normal": ("normal", "")}


class BusiSource(Section):
    """A folder with benign/, malignant/ and normal/, or with the Dataset_BUSI_with_GT that holds them."""

    adapter: Literal["busi"]


def read(folder: Path, _params: BusiSource) -> Cohort:
    """List the images of the three class folders with their masks.

    Raises:
        InputError: A class folder is missing.
    """
    top = folder / "Dataset_BUSI_with_GT"
    top = top if top.is_dir() else folder
    for name in CLASSES:
        if not (top / name).is_dir():
            raise InputError(f"{top / name}: not found; BUSI has the folders {', '.join(CLASSES)}")
    found = sorted(image_files(folder))
    prefix = "" if top == folder else f"{top.name}/"
    images: dict[str, dict[str, str]] = {}
    problems: list[Problem] = []
    for file in found:  # an image comes before its masks: "." sorts before "_"
        match = SCHEME.fullmatch(file.removeprefix(prefix)) if file.startswith(prefix) else None
        stem = f"{match['class']} ({match['number']})" if match else ""
        if not match or (not match["mask"] and stem in images):
            problems.append(Problem("name is not as in BUSI", "rename the file, or take it out", file))
        elif not match["mask"]:
            finding, pathology = CLASSES[match["class"]]
            images[stem] = {"file": file, "finding": finding, "pathology": pathology, "mask": ""}
        elif stem not in images:
            problems.append(Problem("mask without an image", "copy the image again", file))
        elif images[stem]["finding"] != "normal":  # whose masks are all zero: there is nothing to outline
            images[stem]["mask"] = "|".join(filter(None, (images[stem]["mask"], file)))
    rows = pd.DataFrame(list(images.values()), columns=["file", "finding", "pathology", "mask"], dtype="string")
    return Cohort(image_rows(rows), pd.DataFrame({"patient": []}, dtype="string"), tuple(problems))
