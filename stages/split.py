"""From the manifest to train, validation, test and external parts, with a certificate of what they share."""

import sys
from pathlib import Path

from nonmass import tables
from nonmass.assignment import NOT_DISJOINT
from nonmass.certificate import certify
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.frozen import read_frozen
from nonmass.params import read_section
from nonmass.quarantine import contradictions
from nonmass.splitting import SplitParams, assign_parts, join_fields
from nonmass.tasks import TaskParams, join_patients


def main(
    manifest_csv: Path, patients_csv: Path, fov_index_csv: Path, frozen_dir: Path, out_dir: Path, metrics_json: Path
) -> None:
    """Part the images of every task, and prove that the parts share nothing.

    Args:
        manifest_csv: All images.
        patients_csv: What filters may ask for beside the manifest.
        fov_index_csv: Knows the near-duplicates.
        frozen_dir: Holds <task>.csv for every task, if `split.assignment` is "frozen".
        out_dir: Gets <task>.csv for every task, and quarantine.csv.
        metrics_json: Gets the certificates.
    """
    params = read_section("split", SplitParams)
    tasks = read_section("tasks", dict[str, TaskParams])
    manifest = join_fields(tables.MANIFEST.read(manifest_csv), tables.FOV_INDEX.read(fov_index_csv))
    images = join_patients(manifest, tables.PATIENTS.read(patients_csv))
    certificates = {}
    for name, task in tasks.items():
        frozen = read_frozen(frozen_dir / f"{name}.csv") if params.assignment == "frozen" else None
        split = assign_parts(images, task, name, params, frozen)
        certificates[name] = certify(split, images, task, name)
        tables.SPLIT.write(split.table, out_dir / f"{name}.csv")
        if not certificates[name]["disjoint"]:
            sys.stderr.write(f"{NOT_DISJOINT}, as tasks.{name}.unit is 'image'\n")
    tables.QUARANTINE.write(contradictions(images), out_dir / "quarantine.csv")
    write_json(metrics_json, certificates)


if __name__ == "__main__":
    run_stage(main)
