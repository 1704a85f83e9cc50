"""From the inventories of all cohorts to the manifest: what there is, whose it is, and what is excluded."""

import sys
from pathlib import Path

import pandas as pd

from nonmass import tables
from nonmass.cohorts.criteria import Criteria, words_of_nobody
from nonmass.cohorts.manifest import (
    CohortNames,
    IngestParams,
    exclude,
    flow,
    mark_copies,
    merge_copies,
    merged_copies,
    refuse_problems,
)
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section


def main(
    cohorts_dir: Path, manifest_csv: Path, patients_csv: Path, copies_csv: Path, problems_csv: Path, metrics_json: Path
) -> None:
    """Join what `ingest` wrote to COHORTS_DIR/<cohort>, apply the criteria and count images and patients.

    Of files that a cohort has several times, MANIFEST_CSV holds the first, and COPIES_CSV the others.
    """
    folders = [cohorts_dir / cohort for cohort in read_section("cohorts", CohortNames).root]
    criteria = read_section("criteria", Criteria)
    problems = pd.concat([tables.PROBLEMS.read(folder / "problems.csv") for folder in folders])
    tables.PROBLEMS.write(problems, problems_csv)  # first, since whoever is stopped needs the list
    refuse_problems(problems, read_section("ingest", IngestParams), problems_csv)
    files = pd.concat([tables.INVENTORY.read(folder / "files.csv") for folder in folders])
    patients = pd.concat([tables.PATIENTS.read(folder / "patients.csv") for folder in folders]).fillna("")
    rows = exclude(mark_copies(files), patients, criteria)
    for line in words_of_nobody(rows, patients, criteria):
        sys.stderr.write(f"criteria: {line}\n")
    tables.MANIFEST.write(merge_copies(rows), manifest_csv)
    tables.COPIES.write(merged_copies(rows), copies_csv)
    tables.PATIENTS.write(patients, patients_csv)
    write_json(metrics_json, flow(rows, criteria, problems))


if __name__ == "__main__":
    run_stage(main)
