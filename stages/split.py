"""From the manifest to train, validation, test and external parts, with a certificate of what they share."""

import sys
from pathlib import Path

from nonmass import tables
from nonmass.certificate import certify
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section
from nonmass.splitting import SplitParams, TaskParams, assign_parts, join_duplicates


def main(manifest_csv: Path, fov_index_csv: Path, out_dir: Path, metrics_json: Path) -> None:
    """Write OUT_DIR/<task>.csv for every task of params.yaml, and their certificates."""
    seed = read_section("split", SplitParams).seed
    tasks = read_section("tasks", dict[str, TaskParams])
    images = join_duplicates(tables.MANIFEST.read(manifest_csv), tables.FOV_INDEX.read(fov_index_csv))
    certificates = {}
    for name, task in tasks.items():
        split = assign_parts(images, task, name, seed)
        certificates[name] = certify(split, images, task, name)
        tables.SPLIT.write(split.table, out_dir / f"{name}.csv")
        if task.unit == "image":
            sys.stderr.write(f"NOT DISJOINT: tasks.{name}.unit is 'image', so patients may stand in several parts\n")
    write_json(metrics_json, certificates)


if __name__ == "__main__":
    run_stage(main)
