"""Test whether clinical characteristics differ between benign and malignant patients."""

from pathlib import Path

from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.quarantine import exclude_refused
from nonmass.roc.characteristics import compare_pathologies
from nonmass.tables import CHARACTERISTICS, FOV_INDEX, MANIFEST, PATIENTS


def main(manifest_csv: Path, fov_index_csv: Path, patients_csv: Path, tests_csv: Path, software_json: Path) -> None:
    """Test whether the clinical columns differ between benign and malignant patients, for Table 1.

    Args:
        manifest_csv: Which patients are included, and of what class.
        fov_index_csv: Which of their screens show no field of view.
        patients_csv: Their clinical columns.
        tests_csv: Name of the test and p-value, or the reason why there is none.
        software_json: Versions of what computed them.
    """
    included = exclude_refused(MANIFEST.read(manifest_csv), FOV_INDEX.read(fov_index_csv))
    comparison = compare_pathologies(included, PATIENTS.read(patients_csv))
    CHARACTERISTICS.write(comparison.tests, tests_csv)
    write_json(software_json, comparison.software)


if __name__ == "__main__":
    run_stage(main)
