"""One fold of the cross-validation: its parts for every task, with a certificate of what they share."""

from pathlib import Path

from nonmass import tables
from nonmass.certificate import certify
from nonmass.entry import run_stage
from nonmass.errors import InputError
from nonmass.files import write_json
from nonmass.folds import Folds, assign_folds
from nonmass.params import PARAMS_FILE, read_section
from nonmass.splitting import SplitParams, join_fields
from nonmass.tasks import TaskParams, join_patients


def main(
    fold: int, manifest_csv: Path, patients_csv: Path, fov_index_csv: Path, out_dir: Path, metrics_json: Path
) -> None:
    """Write OUT_DIR/<task>.csv for every task of params.yaml: test on FOLD, validate on the next, train on the rest."""
    params = read_section("split", SplitParams)
    n_folds = len(read_section("folds", Folds))
    if fold not in range(1, n_folds + 1):
        raise InputError(f"fold {fold}: {PARAMS_FILE} names folds 1 to {n_folds}")
    manifest = join_fields(tables.MANIFEST.read(manifest_csv), tables.FOV_INDEX.read(fov_index_csv))
    images = join_patients(manifest, tables.PATIENTS.read(patients_csv))
    certificates = {}
    for name, task in read_section("tasks", dict[str, TaskParams]).items():
        by_patient = task.model_copy(update={"unit": "patient"})
        split = assign_folds(images, by_patient, name, params, n_folds)[fold]
        certificates[name] = certify(split, images, by_patient, name)
        tables.SPLIT.write(split.table, out_dir / f"{name}.csv")
    write_json(metrics_json, certificates)


if __name__ == "__main__":
    run_stage(main)
