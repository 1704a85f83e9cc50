"""From the inventories of all cohorts to the manifest: what there is, whose it is, and what cannot be used."""

from pathlib import Path

import pandas as pd

from nonmass import tables
from nonmass.cohorts.manifest import CohortNames, flow, mark_copies, merge_copies
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section


def main(cohorts_dir: Path, manifest_csv: Path, patients_csv: Path, metrics_json: Path) -> None:
    """Join what `ingest` wrote to COHORTS_DIR/<cohort> and count images and patients."""
    cohorts = read_section("cohorts", CohortNames).root
    files = pd.concat([tables.INVENTORY.read(cohorts_dir / cohort / "files.csv") for cohort in cohorts])
    patients = pd.concat([tables.PATIENTS.read(cohorts_dir / cohort / "patients.csv") for cohort in cohorts])
    rows = mark_copies(files)
    tables.MANIFEST.write(merge_copies(rows), manifest_csv)
    tables.PATIENTS.write(patients.fillna(""), patients_csv)
    write_json(metrics_json, flow(rows))


if __name__ == "__main__":
    run_stage(main)
