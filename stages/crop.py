"""From exported screens to square images of the field of view alone."""

import sys
from pathlib import Path

from nonmass import tables
from nonmass.cropping import crop_all
from nonmass.duplicates import DuplicatesParams
from nonmass.entry import run_stage
from nonmass.fov import FovParams
from nonmass.parallel import ParallelParams
from nonmass.params import read_section


def main(raw_dir: Path, manifest_csv: Path, images_dir: Path, index_csv: Path, pairs_csv: Path) -> None:
    """Crop every image in MANIFEST_CSV to its field of view: IMAGES_DIR, INDEX_CSV and near-duplicates in PAIRS_CSV."""
    fov = read_section("fov", FovParams)
    duplicates = read_section("duplicates", DuplicatesParams)
    parallel = read_section("parallel", ParallelParams)
    crops = crop_all(tables.MANIFEST.read(manifest_csv), raw_dir, images_dir, fov, duplicates, parallel)
    tables.FOV_INDEX.write(crops.index, index_csv)
    tables.DUPLICATE_PAIRS.write(crops.pairs, pairs_csv)
    doubtful = int((crops.index["accepted"] == 0).sum())
    sys.stderr.write(
        f"crop: {doubtful} of {len(crops.index)} fields of view are doubtful (accepted = 0 in {index_csv})\n"
    )


if __name__ == "__main__":
    run_stage(main)
