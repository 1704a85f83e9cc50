"""Synthetic exported screens with masks, true boxes and a clinical table: the embedded default data."""

from pathlib import Path

from nonmass.entry import run_stage
from nonmass.params import read_section
from nonmass.phantom.generate import write_cohort
from nonmass.phantom.patients import PhantomParams


def main(out_dir: Path) -> None:
    """Write OUT_DIR/images, OUT_DIR/masks, OUT_DIR/images.csv and OUT_DIR/patients.csv."""
    write_cohort(read_section("phantom", PhantomParams), out_dir)


if __name__ == "__main__":
    run_stage(main)
