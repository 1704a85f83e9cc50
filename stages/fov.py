"""Find the field of view on every exported screen, and which screens show the same picture."""

import sys
from pathlib import Path

from nonmass import tables
from nonmass.duplicates import DuplicatesParams
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.fov.finder import FindParams
from nonmass.fov.index import index_all, summary
from nonmass.fov.overrides import read_overrides
from nonmass.parallel import ParallelParams
from nonmass.params import read_section


def main(
    raw_dir: Path,
    manifest_csv: Path,
    overrides_csv: Path,
    index_csv: Path,
    pairs_csv: Path,
    metrics_json: Path,
    layouts_csv: Path,
) -> None:
    """Look at every image in MANIFEST_CSV: INDEX_CSV, near-duplicates in PAIRS_CSV, counts in METRICS_JSON.

    Args:
        raw_dir: Holds the images.
        manifest_csv: Names them.
        overrides_csv: What a person has decided; wins over everything found.
        index_csv: Gets the box of every screen and how far to trust it.
        pairs_csv: Gets the pairs of images that were compared.
        metrics_json: Gets the counts, for `dvc metrics`.
        layouts_csv: Gets where the field lies in each layout, for screens that come later.
    """
    params = read_section("fov", FindParams)
    duplicates = read_section("duplicates", DuplicatesParams)
    parallel = read_section("parallel", ParallelParams)
    manifest = tables.MANIFEST.read(manifest_csv)
    overrides = read_overrides(overrides_csv, manifest)
    journal = index_csv.with_name(f".{index_csv.stem}.part.jsonl")
    found = index_all(manifest, overrides, raw_dir, journal, params, duplicates, parallel)
    counts = summary(found.rows)
    tables.FOV_INDEX.write(found.rows, index_csv)
    tables.DUPLICATE_PAIRS.write(found.pairs, pairs_csv)
    tables.LAYOUTS.write(found.layouts, layouts_csv)
    write_json(metrics_json, counts)
    sys.stderr.write(
        f"fov: of {counts['images']} fields of view {counts['doubtful']} are doubtful and {counts['refused']} refused; "
        f"see {index_csv}, and `nonmass review` to look at them\n"
    )


if __name__ == "__main__":
    run_stage(main)
