"""Text inside fields of view: where it is and of which kind, never what it says."""

import sys
from pathlib import Path

import pandas as pd

from nonmass import tables
from nonmass.entry import run_stage
from nonmass.files import write_json
from nonmass.parallel import ParallelParams
from nonmass.params import read_section
from nonmass.text.engines import engine_version
from nonmass.text.listing import TextParams, list_text
from nonmass.text.summary import no_metrics, text_metrics


def main(raw_dir: Path, manifest_csv: Path, fov_index_csv: Path, text_csv: Path, metrics_json: Path) -> None:
    """Read text in the fields of FOV_INDEX_CSV as `text.engine` says; write TEXT_CSV and METRICS_JSON."""
    engine = read_section("text", TextParams).engine
    parallel = read_section("parallel", ParallelParams)
    if engine == "none":
        tables.TEXT_LINES.write(pd.DataFrame(columns=list(tables.TEXT_LINES.columns)), text_csv)
        write_json(metrics_json, no_metrics())
        return
    fov_index = tables.FOV_INDEX.read(fov_index_csv)
    remembered = text_csv.with_name(f".{text_csv.stem}.part.jsonl")
    lines = list_text(tables.MANIFEST.read(manifest_csv), fov_index, raw_dir, remembered, engine, parallel)
    tables.TEXT_LINES.write(lines, text_csv)
    n_images = int((fov_index["reject"] == "").sum())
    metrics = text_metrics(lines, n_images, engine, engine_version(engine))
    write_json(metrics_json, metrics)
    n_suspect = metrics["images_with_phi_suspect"]
    sys.stderr.write(f"text: {n_suspect} of {n_images} images may name or date a patient (phi-suspect in {text_csv})\n")


if __name__ == "__main__":
    run_stage(main)
