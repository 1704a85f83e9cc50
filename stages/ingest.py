"""One cohort, as it was handed over, to an inventory of its images and patients, and what is wrong with the rest."""

from pathlib import Path

from nonmass import tables
from nonmass.cohorts.inventory import take_stock
from nonmass.cohorts.registry import Source, read_cohort
from nonmass.entry import run_stage
from nonmass.parallel import ParallelParams
from nonmass.params import read_section


def main(cohort: str, raw_dir: Path, out_dir: Path) -> None:
    """Read RAW_DIR/COHORT as `sources` says; write OUT_DIR/files.csv, OUT_DIR/patients.csv and OUT_DIR/problems.csv."""
    content = read_cohort(raw_dir / cohort, read_section(f"sources.{cohort}", Source))
    journal = out_dir.with_name(f".{out_dir.name}.part.jsonl")
    parallel = read_section("parallel", ParallelParams)
    files, patients, problems = take_stock(raw_dir, cohort, content, journal, parallel)
    tables.INVENTORY.write(files, out_dir / "files.csv")
    tables.PATIENTS.write(patients, out_dir / "patients.csv")
    tables.PROBLEMS.write(problems, out_dir / "problems.csv")


if __name__ == "__main__":
    run_stage(main)
