"""BUS-BRA, breast ultrasound images from the National Institute of Cancer, Rio de Janeiro.

Source: Gómez-Flores W, Gregorio-Calas MJ, Pereira WCA. BUS-BRA: a breast ultrasound dataset for
assessing computer-aided diagnosis systems. Med Phys 2024;51:3110-3123. Licence: free use on
condition that the article is cited (LICENSE.txt in the set). Size: 1875 PNG images of 1064
patients (722 benign, 342 malignant), biopsy-proven, four scanners, one mask an image.

Known defects:
    - The official folds share patients between training and validation, so only their test parts are used.
    - Four rows of the table give a wrong image size: sizes are read from the files.
    - Cases 341 and 356 show the same pictures: near-duplicates link them.
    - Scanner and pathology go together, so the split balances scanners too.
    - Lesions are not sorted into masses and non-mass lesions: `finding` mass is a stand-in.
"""

from pathlib import Path
from typing import Literal

import pandas as pd

from nonmass.cohorts.cohort import Cohort, image_files, image_rows, match_files
from nonmass.cohorts.spreadsheet import label_problems, read_table
from nonmass.errors import InputError
from nonmass.params import Section

# Which case is in the test part of which official fold.
FOLDS = "5-fold-cv.csv"


class BusbraSource(Section):
    """A folder with `bus_data.csv`, Images/ (`bus_0001-l.png`) and Masks/ (`mask_0001-l.png`)."""

    adapter: Literal["busbra"]


def read(folder: Path, _params: BusbraSource) -> Cohort:
    """Join the table with the files; a patient's BI-RADS is the highest of her images.

    Where `5-fold-cv.csv` is there, patients get `official_fold`: the fold whose official test part she is in.

    Raises:
        InputError: The table or a column is missing.
    """
    table, problems = read_table(folder / "bus_data.csv", ["ID", "Case", "Histology", "Pathology", "BIRADS", "Device"])
    rows = pd.DataFrame(
        {
            "file": "Images/" + table["ID"] + ".png",
            "row": table.index,
            "patient": table["Case"],
            "finding": "mass",
            "pathology": table["Pathology"],
            "device": table["Device"],
            "mask": "Masks/" + table["ID"].str.replace("bus_", "mask_", regex=False) + ".png",
        }
    )
    problems += label_problems(rows)
    images, unmatched = match_files(image_rows(rows), image_files(folder))
    faulty = {problem.row for problem in problems}
    by_patient = table.sort_values("ID").groupby("Case", sort=True)
    patients = by_patient.agg(birads=("BIRADS", "max"), histology=("Histology", "first"), device=("Device", "first"))
    if (folder / FOLDS).is_file():
        patients = patients.assign(official_fold=_official_folds(folder / FOLDS, table))
    return Cohort(images[~images["row"].isin(faulty)], patients.reset_index(names="patient"), (*problems, *unmatched))


def _official_folds(path: Path, table: pd.DataFrame) -> "pd.Series[str]":
    """Fold of each patient; all images of one are in the test part of the same fold.

    Raises:
        InputError: An image has no fold, or a patient's images have several.
    """
    folds, problems = read_table(path, ["ID", "kFold"])
    fold = table["ID"].map(folds.drop_duplicates("ID").set_index("ID")["kFold"])
    if problems or fold.isna().any() or (fold.groupby(table["Case"]).nunique() > 1).any():
        raise InputError(f"{path}: does not give every case of bus_data.csv one fold; fetch the file again")
    return fold.groupby(table["Case"]).first()
