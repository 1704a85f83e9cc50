"""Stage `subgroups`: how well the backbones of one task do by device, age, BI-RADS, size of the lesion and calipers."""

from pathlib import Path

from nonmass import tables
from nonmass.assignment import check_assignment, read_seal
from nonmass.clusters import independent_patients
from nonmass.entry import run_stage
from nonmass.params import read_section
from nonmass.roc.analysis import RocParams
from nonmass.subgroups import SubgroupParams, characteristics, subgroup_areas


def main(
    task: str,
    predictions_dir: Path,
    split_json: Path,
    manifest_csv: Path,
    patients_csv: Path,
    fov_index_csv: Path,
    marks_csv: Path,
    subgroups_csv: Path,
) -> None:
    """Write SUBGROUPS_CSV from PREDICTIONS_DIR/<backbone>.csv and what is known of images and patients."""
    roc, params = read_section("roc", RocParams), read_section("subgroups", SubgroupParams)
    seal = read_seal(split_json, task)
    files = {name: predictions_dir / f"{name}.csv" for name in read_section("backbones", tuple[str, ...])}
    predictions = {name: check_assignment(tables.PREDICTIONS.read(path), seal, path) for name, path in files.items()}
    manifest = tables.MANIFEST.read(manifest_csv)
    patients, marks = tables.PATIENTS.read(patients_csv), tables.MARKS.read(marks_csv)
    clusters = independent_patients(manifest, tables.FOV_INDEX.read(fov_index_csv))
    groups = characteristics(manifest, patients, marks, params)
    tables.SUBGROUPS.write(subgroup_areas(predictions, groups, clusters, roc, params, task), subgroups_csv)


if __name__ == "__main__":
    run_stage(main)
