"""Draw the report: tables 1 to 3, figures 1, 3 and 4, and one page that holds them all."""

from pathlib import Path

from nonmass.entry import run_stage
from nonmass.params import load, read_section
from nonmass.report.build import compose_report, write_report
from nonmass.report.folders import Folders
from nonmass.report.sources import read_sources


def main(
    metrics_dir: Path,
    data_dir: Path,
    curves_dir: Path,
    measures_dir: Path,
    characteristics_dir: Path,
    problems_csv: Path,
    models_dir: Path,
    gradcam_dir: Path,
    shortcuts_dir: Path,
    calibration_dir: Path,
    decisions_dir: Path,
    subgroups_dir: Path,
    explanations_dir: Path,
    out_dir: Path,
) -> None:
    """Read what the graph left, write OUT_DIR/index.html, OUT_DIR/tables and OUT_DIR/figures."""
    backbones = read_section("backbones", tuple[str, ...])
    folders = Folders(
        metrics_dir,
        data_dir,
        curves_dir,
        measures_dir,
        characteristics_dir,
        problems_csv,
        models_dir,
        gradcam_dir,
        shortcuts_dir,
        calibration_dir,
        decisions_dir,
        subgroups_dir,
        explanations_dir,
    )
    write_report(compose_report(read_sources(folders, load(), backbones)), out_dir)


if __name__ == "__main__":
    run_stage(main)
