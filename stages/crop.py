"""From fields of view to square images."""

from pathlib import Path

from nonmass import tables
from nonmass.cropping import CropParams, crop_all
from nonmass.entry import run_stage
from nonmass.parallel import ParallelParams
from nonmass.params import read_section


def main(
    raw_dir: Path,
    manifest_csv: Path,
    fov_index_csv: Path,
    text_csv: Path,
    images_dir: Path,
    crops_csv: Path,
    marks_csv: Path,
) -> None:
    """Crop every image in MANIFEST_CSV that has a field of view: IMAGES_DIR, CROPS_CSV, and its marks in MARKS_CSV.

    Args:
        raw_dir: Holds the screens.
        manifest_csv: Names them.
        fov_index_csv: Knows their fields of view.
        text_csv: Knows the lines of text to cover.
        images_dir: Gets the squares.
        crops_csv: Gets how each was made.
        marks_csv: Gets the burned-in marks.
    """
    params = read_section("crop", CropParams)
    parallel = read_section("parallel", ParallelParams)
    manifest, fields = tables.MANIFEST.read(manifest_csv), tables.FOV_INDEX.read(fov_index_csv)
    crops = crop_all(manifest, fields, tables.TEXT_LINES.read(text_csv), raw_dir, images_dir, params, parallel)
    tables.CROPS.write(crops.rows, crops_csv)
    tables.MARKS.write(crops.marks, marks_csv)


if __name__ == "__main__":
    run_stage(main)
