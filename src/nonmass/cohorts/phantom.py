"""Synthetic screens, as the stage `phantom` writes them.

Source: `nonmass.phantom`; nobody's data, no licence needed. Size: set in params.yaml. Patient ids
are invented, so they are kept. The true field-of-view boxes of `images.csv` are left aside: the
pipeline has to find them itself.
"""

from pathlib import Path
from typing import Literal

from nonmass.cohorts.cohort import Cohort, check_orphans, image_files, read_csv
from nonmass.params import Section

IMAGE_COLUMNS = ("file", "patient", "finding", "pathology", "device", "mask")


class PhantomSource(Section):
    """A folder with `images.csv`, `patients.csv` and the files that the first one names."""

    adapter: Literal["phantom"]


def read(folder: Path, _params: PhantomSource) -> Cohort:
    """Read the two tables.

    Raises:
        InputError: A table or a column is missing, or a file stands in only one of table and folder.
    """
    images = read_csv(folder / "images.csv", IMAGE_COLUMNS)[list(IMAGE_COLUMNS)]
    masks = set(images["mask"]) - {""}
    check_orphans({*images["file"], *masks}, image_files(folder), folder / "images.csv")
    return Cohort(images, read_csv(folder / "patients.csv", ["patient"]))
