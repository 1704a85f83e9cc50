"""One cohort, as it was handed over, to an inventory of its files and patients."""

from pathlib import Path

from nonmass import tables
from nonmass.cohorts.inventory import list_files, list_patients
from nonmass.cohorts.registry import Source, read_cohort
from nonmass.entry import run_stage
from nonmass.params import read_section


def main(cohort: str, raw_dir: Path, out_dir: Path) -> None:
    """Read RAW_DIR/COHORT as `sources` says; write OUT_DIR/files.csv and OUT_DIR/patients.csv."""
    content = read_cohort(raw_dir / cohort, read_section(f"sources.{cohort}", Source))
    files = list_files(raw_dir, cohort, content)
    tables.INVENTORY.write(files, out_dir / "files.csv")
    tables.PATIENTS.write(list_patients(files, cohort, content), out_dir / "patients.csv")


if __name__ == "__main__":
    run_stage(main)
