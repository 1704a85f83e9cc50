"""Stage `environment`: the records of all models and of the statistics -> what computed them, in one file of Git."""

from itertools import chain
from pathlib import Path

from nonmass.entry import run_stage
from nonmass.environment import OF_TRAINING, read_records, together
from nonmass.files import write_json


def main(detect_dir: Path, classify_dir: Path, measures_dir: Path, environment_json: Path) -> None:
    """Join the records, so that another version, precision or number of threads shows in a diff.

    Args:
        detect_dir: Models of the task, `<backbone>/<seed>/model.json`.
        classify_dir: Likewise.
        measures_dir: Holds `<task>_software.json`.
        environment_json: What they have in common, or what they differ in.
    """
    models = read_records(chain.from_iterable(folder.glob("*/*/model.json") for folder in (detect_dir, classify_dir)))
    software = read_records(measures_dir.glob("*_software.json"))
    names = sorted({name for record in software for name in record})
    write_json(environment_json, {"training": together(models, OF_TRAINING), "statistics": together(software, names)})


if __name__ == "__main__":
    run_stage(main)
