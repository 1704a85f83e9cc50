"""Synthetic screens, as the stage `phantom` writes them.

Source: `nonmass.phantom`; nobody's data, no licence needed. Size: set in params.yaml. Patient ids
are invented, so they are kept. The true field-of-view boxes of `images.csv` are left aside: the
pipeline has to find them itself.
"""

from pathlib import Path
from typing import Literal

from nonmass.cohorts.cohort import Cohort, image_files, image_rows, match_files
from nonmass.cohorts.spreadsheet import label_problems, read_table
from nonmass.errors import InputError
from nonmass.params import Section

COLUMNS = ("file", "patient", "finding", "pathology", "device", "mask")


class PhantomSource(Section):
    """A folder with `images.csv`, `patients.csv` and the files that the first one names."""

    adapter: Literal["phantom"]


def read(folder: Path, _params: PhantomSource) -> Cohort:
    """Read the two tables.

    Raises:
        InputError: A table or a column is missing, or the table of patients is damaged.
    """
    rows, problems = read_table(folder / "images.csv", COLUMNS)
    patients, uneven = read_table(folder / "patients.csv", ["patient"])
    if uneven or not patients["patient"].is_unique:
        raise InputError(f"{folder / 'patients.csv'}: is damaged; run `dvc repro -f phantom`")
    problems += label_problems(rows)
    images, unmatched = match_files(image_rows(rows.assign(row=rows.index)), image_files(folder))
    faulty = {problem.row for problem in problems}
    return Cohort(images[~images["row"].isin(faulty)], patients, (*problems, *unmatched))
