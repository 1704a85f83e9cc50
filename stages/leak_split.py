"""Folds of one arm of the leak experiment (leak/dvc.yaml), with certificates that say what leaks."""

from pathlib import Path

from nonmass import tables
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.leak import Arm, assign_arm, certify_arm
from nonmass.params import read_section
from nonmass.splitting import SplitParams, join_fields
from nonmass.tasks import TaskParams, join_patients


def main(
    task: str,
    arm: Arm,
    n_folds: int,
    manifest_csv: Path,
    patients_csv: Path,
    fov_index_csv: Path,
    out_dir: Path,
    splits_json: Path,
) -> None:
    """Write OUT_DIR/<fold>.csv: test on that fold, validate on the next, train on the rest."""
    given = read_section("tasks", dict[str, TaskParams])[task]
    manifest = join_fields(tables.MANIFEST.read(manifest_csv), tables.FOV_INDEX.read(fov_index_csv))
    images = join_patients(manifest, tables.PATIENTS.read(patients_csv))
    folds = assign_arm(images, given, task, read_section("split", SplitParams), n_folds, arm)
    certificates = certify_arm(folds, images, given, task, arm)
    for fold, split in folds.items():
        tables.SPLIT.write(split.table, out_dir / f"{fold}.csv")
    write_json(splits_json, certificates)


if __name__ == "__main__":
    run_stage(main)
