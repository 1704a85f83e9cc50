"""`split` from a manifest and a field-of-view index to the parts and their certificate."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from nonmass import tables
from nonmass.errors import InputError

STAGE = Path(__file__).parents[2] / "stages" / "split.py"
PARAMS = """
split: {seed: 1}
tasks:
  detect:
    positive: {finding: non_mass}
    negative: {finding: normal}
    ratio: [7, 1, 2]
    unit: UNIT
  classify:
    positive: {pathology: malignant}
    negative: {pathology: benign}
    develop: {finding: mass}
    external: {finding: non_mass}
    ratio: [8, 1, 1]
    unit: patient
"""


def main(*paths):
    spec = importlib.util.spec_from_file_location("stage_split", STAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(*map(Path, paths))


def run(out, unit="patient"):
    Path("params.yaml").write_text(PARAMS.replace("UNIT", unit))
    main("manifest.csv", "index.csv", f"{out}/splits", f"{out}/split.json")
    return json.loads(Path(f"{out}/split.json").read_text())


@pytest.fixture(autouse=True)
def cohort(tmp_path, monkeypatch):
    """40 patients a class, two images each, written as `manifest` and `crop` write them."""
    monkeypatch.chdir(tmp_path)
    kinds = [
        ("normal", ""),
        ("mass", "benign"),
        ("mass", "malignant"),
        ("non_mass", "benign"),
        ("non_mass", "malignant"),
    ]
    patients = [(f"c-{finding}{pathology}{n}", finding, pathology) for finding, pathology in kinds for n in range(40)]
    rows = [(*patient, n) for patient in patients for n in range(2)]
    manifest = pd.DataFrame(rows, columns=["patient_id", "finding", "pathology", "device"])
    manifest = manifest.assign(
        image_id=[f"c-{n:016x}" for n in range(len(rows))], cohort="c", excluded="", mask_path="", mask_id=""
    )
    manifest = manifest.assign(path=manifest["image_id"], width_px=9, height_px=9, device="X")
    tables.MANIFEST.write(manifest, Path("manifest.csv"))
    columns = {name: 0 if kind != "text" else "" for name, kind in tables.FOV_INDEX.columns.items()}
    index = pd.DataFrame({**columns, "image_id": manifest["image_id"]})
    tables.FOV_INDEX.write(index, Path("index.csv"))


def test_parts_and_certificate():
    certificates = run("out")
    for name, n_external in (("detect", 0), ("classify", 160)):
        table = tables.SPLIT.read(Path(f"out/splits/{name}.csv"))
        parts = certificates[name]["parts"]
        assert {part: counts["images"] for part, counts in parts.items()} == dict(table["part"].value_counts())
        assert (table["part"] == "external").sum() == n_external
        assert certificates[name]["disjoint"] == 1
    assert len(certificates["classify"]["shared"]) == 6
    assert certificates["classify"]["parts"]["test"]["patients"] == 8


def test_a_second_run_gives_the_same_bytes():
    run("one")
    run("two")
    for file in ("splits/detect.csv", "splits/classify.csv", "split.json"):
        assert Path("one", file).read_bytes() == Path("two", file).read_bytes()


def test_a_split_by_image_is_shouted(capfd):
    certificates = run("out", "image")
    assert certificates["detect"]["disjoint"] == 0
    assert certificates["detect"]["unit"] == "image"
    assert capfd.readouterr().err.startswith("NOT DISJOINT: tasks.detect.unit is 'image'")


def test_an_empty_class_is_one_clear_line():
    Path("manifest.csv").write_text(Path("manifest.csv").read_text().replace("non_mass", "mass"))
    with pytest.raises(InputError, match=r"tasks.detect: no image matches positive"):
        run("out")
    assert not Path("out").exists()
