"""`split` from a manifest and a field-of-view index to the parts and their certificate."""

import hashlib
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
    manifest["patient_group"] = manifest["patient_id"]
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


@pytest.mark.parametrize("reason", ["another cohort", "contradiction"])
def test_an_excluded_copy_still_holds_its_patients_together(reason, run_stage):
    """m0 to m9 share a file each with n0 to n9; the copies are excluded, and with them went the link."""
    rows = [(f"m{n}-{v}", f"m{n}", "mass", n, f"{n}-{v}") for n in range(60) for v in range(2)]
    rows += [(f"n{n}-{v}", f"n{n}", "non_mass", n, f"{100 + n}-{v}") for n in range(20) for v in range(2)]
    if reason == "another cohort":  # the very pictures of m0 to m9, in B for n0 to n9
        rows += [(f"x{n}", f"n{n}", "mass", n, f"{n}-0") for n in range(10)]
        cohorts = {"A": "m", "B": "nx"}
    else:
        rows += [(f"{who}{n}", f"{who}{n}", "mass", n, f"x-{n}") for who in "mn" for n in range(10)]
        cohorts = {"A": "mn"}
    files = pd.DataFrame(rows, columns=["path", "patient_id", "finding", "number", "content"])
    digest = [hashlib.sha256(content.encode()).hexdigest()[:16] for content in files["content"]]
    files = files.assign(pathology=files["number"].map(lambda n: ("benign", "malignant")[n % 2]), digest=digest)
    for cohort, letters in cohorts.items():
        of_cohort = files[files["path"].str[0].isin(list(letters))]
        of_cohort = of_cohort.assign(
            cohort=cohort, image_id=cohort + "-" + of_cohort["digest"],
            width_px=9, height_px=9, device="X", mask_path="", mask_id="",
        )  # fmt: skip
        tables.INVENTORY.write(of_cohort[list(tables.INVENTORY.columns)], Path(f"cohorts/{cohort}/files.csv"))
        people = of_cohort[["patient_id", "cohort"]].drop_duplicates()
        tables.PATIENTS.write(people, Path(f"cohorts/{cohort}/patients.csv"))
    places = [Path(name) for name in ("cohorts", "manifest.csv", "patients.csv", "data.json")]
    run_stage("manifest", *places, params={"cohorts": list(cohorts)})
    manifest = tables.MANIFEST.read(Path("manifest.csv"))
    used = manifest[manifest["excluded"] == ""]
    assert used["image_id"].str.split("-").str[1].is_unique and len(used) < len(files)
    columns = {name: 0 if kind != "text" else "" for name, kind in tables.FOV_INDEX.columns.items()}
    tables.FOV_INDEX.write(pd.DataFrame({**columns, "image_id": used["image_id"]}), Path("index.csv"))
    Path("params.yaml").write_text("split: {seed: 1}\ntasks:\n  classify:" + PARAMS.partition("  classify:")[2])
    main("manifest.csv", "index.csv", "out/splits", "out/split.json")
    part = tables.SPLIT.read(Path("out/splits/classify.csv")).groupby("patient_id")["part"].first()
    assert set(part[[f"n{n}" for n in range(20)]]) == {"external"}
    assert not {f"m{n}" for n in range(10)} & set(part.index)  # withheld: they are in the external set
    certificate = json.loads(Path("out/split.json").read_text())["classify"]
    assert certificate["disjoint"] == 1
    assert certificate["withheld_images"] == 20
