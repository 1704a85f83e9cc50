"""Stage `shortcuts`: how well marks, sizes, devices and the like alone tell the classes of every task apart."""

from pathlib import Path

from nonmass import tables
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.params import read_section
from nonmass.roc.analysis import RocParams
from nonmass.shortcut_features import shortcut_features
from nonmass.shortcut_table import SHORTCUTS
from nonmass.shortcuts import audit
from nonmass.splitting import join_fields, linked_groups
from nonmass.tasks import TaskParams


def main(
    manifest_csv: Path,
    fov_index_csv: Path,
    crops_csv: Path,
    marks_csv: Path,
    images_dir: Path,
    splits_dir: Path,
    metrics_json: Path,
    report_dir: Path,
) -> None:
    """Audit the images of SPLITS_DIR/<task>.csv: key figures in METRICS_JSON, all of them in REPORT_DIR/<task>.csv."""
    tasks = read_section("tasks", dict[str, TaskParams])
    level = read_section("roc", RocParams).confidence_level
    fov_index = tables.FOV_INDEX.read(fov_index_csv)
    images = join_fields(tables.MANIFEST.read(manifest_csv), fov_index)
    images = images[images["excluded"] == ""].set_index("image_id", drop=False)
    patients = linked_groups(images)
    splits = {task: tables.SPLIT.read(splits_dir / f"{task}.csv") for task in tasks}
    used = images[images["image_id"].isin({image for split in splits.values() for image in split["image_id"]})]
    crops, marks = tables.CROPS.read(crops_csv), tables.MARKS.read(marks_csv)
    features = shortcut_features(used.reset_index(drop=True), fov_index, crops, marks, images_dir)
    audits = {task: audit(task, split, patients, features, level) for task, split in splits.items()}
    for task, found in audits.items():
        SHORTCUTS.write(found.table, report_dir / f"{task}.csv")
    write_json(metrics_json, {task: found.metrics for task, found in audits.items()})


if __name__ == "__main__":
    run_stage(main)
