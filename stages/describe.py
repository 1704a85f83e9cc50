"""Stage `describe`: manifest and patients -> tests of clinical characteristics, benign against malignant."""

from pathlib import Path

from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.roc.characteristics import compare_pathologies
from nonmass.tables import CHARACTERISTICS, MANIFEST, PATIENTS


def main(manifest_csv: Path, patients_csv: Path, tests_csv: Path, software_json: Path) -> None:
    """Test whether the clinical columns differ between benign and malignant patients, for Table 1.

    Args:
        manifest_csv: Which patients are included, and of what class.
        patients_csv: Their clinical columns.
        tests_csv: Name of the test and p-value, or the reason why there is none.
        software_json: Versions of what computed them.
    """
    comparison = compare_pathologies(MANIFEST.read(manifest_csv), PATIENTS.read(patients_csv))
    CHARACTERISTICS.write(comparison.tests, tests_csv)
    write_json(software_json, comparison.software)


if __name__ == "__main__":
    run_stage(main)
