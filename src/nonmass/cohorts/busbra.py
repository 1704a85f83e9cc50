"""BUS-BRA, breast ultrasound images from the National Institute of Cancer, Rio de Janeiro.

Source: Gómez-Flores W, Gregorio-Calas MJ, Pereira WCA. BUS-BRA: a breast ultrasound dataset for
assessing computer-aided diagnosis systems. Med Phys 2024;51:3110-3123. Licence: free use on
condition that the article is cited (LICENSE.txt in the set). Size: 1875 PNG images of 1064
patients (722 benign, 342 malignant), biopsy-proven, four scanners, one mask an image.

Known defects:
    - The official folds share patients between training and validation: not used here.
    - Four rows of the table give a wrong image size: sizes are read from the files.
    - Scanner and pathology go together, so the split balances scanners too.
    - Lesions are not sorted into masses and non-mass lesions: `finding` mass is a stand-in.
"""

from pathlib import Path
from typing import Literal

import pandas as pd

from nonmass.cohorts.cohort import Cohort, check_orphans, image_files, read_csv
from nonmass.params import Section


class BusbraSource(Section):
    """A folder with `bus_data.csv`, Images/ (`bus_0001-l.png`) and Masks/ (`mask_0001-l.png`)."""

    adapter: Literal["busbra"]


def read(folder: Path, _params: BusbraSource) -> Cohort:
    """Join the table with the files; a patient's BI-RADS is the highest of her images.

    Raises:
        InputError: The table or a column is missing, or a file stands in only one of table and folder.
    """
    table_csv = folder / "bus_data.csv"
    table = read_csv(table_csv, ["ID", "Case", "Histology", "Pathology", "BIRADS", "Device"])
    images = pd.DataFrame(
        {
            "file": "Images/" + table["ID"] + ".png",
            "patient": table["Case"],
            "finding": "mass",
            "pathology": table["Pathology"],
            "device": table["Device"],
            "mask": "Masks/" + table["ID"].str.replace("bus_", "mask_", regex=False) + ".png",
        }
    )
    check_orphans([*images["file"], *images["mask"]], image_files(folder), table_csv)
    by_patient = table.sort_values("ID").groupby("Case", sort=True)
    patients = by_patient.agg(birads=("BIRADS", "max"), histology=("Histology", "first"), device=("Device", "first"))
    return Cohort(images, patients.reset_index(names="patient"))
