"""Stage `eval`: predictions of all backbones of one task -> metrics, curves, measures, versions of the software."""

from pathlib import Path

import pandas as pd

from nonmass.assignment import check_assignment, read_seal
from nonmass.clusters import independent_patients
from nonmass.determinism import RuntimeParams
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section
from nonmass.roc.analysis import RocParams, evaluate
from nonmass.roc.calibration import CalibrationParams, calibrate
from nonmass.roc.key_figures import key_figures
from nonmass.tables import (
    CURVES,
    DECISIONS,
    FOV_INDEX,
    MANIFEST,
    MEASURES,
    PREDICTIONS,
    RELIABILITY,
    SEED_PREDICTIONS,
)


def main(
    task: str,
    predictions_dir: Path,
    seeds_dir: Path,
    split_json: Path,
    manifest_csv: Path,
    fov_index_csv: Path,
    metrics_json: Path,
    curves_csv: Path,
    measures_csv: Path,
    software_json: Path,
    reliability_csv: Path,
    decisions_csv: Path,
) -> None:
    """Judge the backbones of a task on all parts, apart and against each other.

    Args:
        task: `detect` or `classify`.
        predictions_dir: Holds `<backbone>.csv` for every backbone of params: its seeds together.
        seeds_dir: Holds the same of the seeds one by one.
        split_json: Holds the certificate of the split that the predictions must be made on.
        manifest_csv: Says, with the next, which patients share a picture.
        fov_index_csv: Likewise.
        metrics_json: Key figures, for `dvc metrics`.
        curves_csv: ROC points, for `dvc plots`.
        measures_csv: Every measure with its interval, or the reason why it has none.
        software_json: Versions of what computed them: R, pROC, Python.
        reliability_csv: Reliability curves, for `dvc plots`.
        decisions_csv: Decision curves, for `dvc plots`.
    """
    params = read_section("roc", RocParams)
    is_repeatable = read_section("runtime", RuntimeParams).deterministic
    seal = read_seal(split_json, task)
    backbones = read_section("backbones", tuple[str, ...])
    files = {name: predictions_dir / f"{name}.csv" for name in backbones}
    predictions = {name: check_assignment(PREDICTIONS.read(path), seal, path) for name, path in files.items()}
    seeds = {name: SEED_PREDICTIONS.read(seeds_dir / f"{name}.csv") for name in backbones}
    patients = independent_patients(MANIFEST.read(manifest_csv), FOV_INDEX.read(fov_index_csv))
    evaluation = evaluate(predictions, params, task, seeds, patients)
    calibration = calibrate(predictions, params, read_section("calibration", CalibrationParams), task, patients)
    measures = MEASURES.check(pd.concat([evaluation.measures, calibration.measures]), task)
    shout = {} if is_repeatable else {"NOT_DETERMINISTIC": 1}
    write_json(metrics_json, {**key_figures(measures), **seal.metrics(), **shout})
    CURVES.write(evaluation.curves, curves_csv)
    MEASURES.write(seal.mark(measures), measures_csv)
    write_json(software_json, evaluation.software)
    RELIABILITY.write(calibration.reliability, reliability_csv)
    DECISIONS.write(calibration.decisions, decisions_csv)


if __name__ == "__main__":
    run_stage(main)
