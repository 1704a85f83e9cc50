"""What the leaking arms of the experiment (leak/dvc.yaml) buy over the clean one, in points of the AUC."""

from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.assignment import ON_PURPOSE, check_assignment, read_seal
from nonmass.clusters import independent_patients
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.leak import CLEAN, LEAKING
from nonmass.params import read_section
from nonmass.roc.analysis import RocParams
from nonmass.roc.leakage import leak_gain
from nonmass.tables import FOV_INDEX, MANIFEST, PREDICTIONS


def main(
    n_folds: int, predictions_dir: Path, splits_dir: Path, manifest_csv: Path, fov_index_csv: Path, metrics_json: Path
) -> None:
    """Compare each leaking arm with the clean one on all images, each scored in the fold that tests on it.

    Args:
        n_folds: Counted from 1.
        predictions_dir: `<arm>/<fold>/<backbone>.csv`.
        splits_dir: `<arm>.json`: the certificates.
        manifest_csv: Says, with the next, which patients share a picture.
        fov_index_csv: Likewise.
        metrics_json: Backbone > arm > areas and gain, with intervals.
    """
    level = read_section("roc", RocParams).confidence_level
    patients = independent_patients(MANIFEST.read(manifest_csv), FOV_INDEX.read(fov_index_csv))

    def scored(backbone: str, arm: str) -> pd.DataFrame:
        folds = []
        for fold in range(1, n_folds + 1):
            seal = read_seal(splits_dir / f"{arm}.json", str(fold), may_leak=True)
            path = predictions_dir / arm / str(fold) / f"{backbone}.csv"
            folds.append(check_assignment(PREDICTIONS.read(path), seal, path).query("part == 'test'").assign(fold=fold))
        tested = pd.concat(folds)
        return tested.assign(patient=tested["image_id"].map(patients))

    metrics: dict[str, Any] = {ON_PURPOSE: 1}
    for backbone in read_section("backbones", tuple[str, ...]):
        clean = scored(backbone, CLEAN)
        counts = {"images": len(clean), "patients": clean["patient"].nunique()}
        gains = {arm: leak_gain(clean, scored(backbone, arm), level) for arm in LEAKING}
        metrics[backbone] = {"n": counts, **gains}
    write_json(metrics_json, metrics)


if __name__ == "__main__":
    run_stage(main)
