"""From exported screens to square images of the field of view alone."""

import sys
from pathlib import Path

from nonmass import tables
from nonmass.cropping import crop_all
from nonmass.duplicates import DuplicatesParams
from nonmass.entry import run_stage
from nonmass.fov import FovParams
from nonmass.params import read_section


def main(raw_dir: Path, manifest_csv: Path, images_dir: Path, index_csv: Path) -> None:
    """Find the field of view of every image in MANIFEST_CSV, write IMAGES_DIR and INDEX_CSV."""
    fov = read_section("fov", FovParams)
    duplicates = read_section("duplicates", DuplicatesParams)
    manifest = tables.MANIFEST.read(manifest_csv)
    index = crop_all(manifest, raw_dir, images_dir, fov, duplicates.max_hash_distance)
    tables.FOV_INDEX.write(index, index_csv)
    doubtful = int((index["accepted"] == 0).sum())
    sys.stderr.write(f"crop: {doubtful} of {len(index)} fields of view are doubtful (accepted = 0 in {index_csv})\n")


if __name__ == "__main__":
    run_stage(main)
