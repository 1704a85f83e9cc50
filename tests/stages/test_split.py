"""`split` from a manifest and a field-of-view index to the parts and their certificate."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from nonmass import tables
from nonmass.errors import InputError
from nonmass.frozen import freeze

STAGES = Path(__file__).parents[2] / "stages"
PARAMS = """
split: {seed: 1, assignment: balanced, conflicts: quarantine}
folds: [1, 2, 3]
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


BLANK = {"frame": 0, "us_regions": "", "width_px": 9, "height_px": 9, "mask_path": "", "mask_id": ""}
INPUTS = ("manifest.csv", "patients.csv", "index.csv")


def main(stage, *arguments):
    spec = importlib.util.spec_from_file_location(f"stage_{stage}", STAGES / f"{stage}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(*arguments)


def run(out, unit="patient", assignment="balanced"):
    Path("params.yaml").write_text(PARAMS.replace("UNIT", unit).replace("balanced", assignment))
    main("split", *map(Path, (*INPUTS, "frozen", f"{out}/splits", f"{out}/split.json")))
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
    manifest = manifest.assign(image_id=[f"c-{n:016x}" for n in range(len(rows))], cohort="c", excluded="", **BLANK)
    manifest["patient_group"] = manifest["patient_id"]
    manifest = manifest.assign(path=manifest["image_id"], device="X")
    tables.MANIFEST.write(manifest, Path("manifest.csv"))
    people = manifest[["patient_id", "cohort"]].drop_duplicates()
    tables.PATIENTS.write(people.assign(birads=["4", "5"] * 100), Path("patients.csv"))
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
    assert certificates["detect"]["NOT_DISJOINT"] == 1
    shout = "NOT DISJOINT: parts share patients or pictures, as tasks.detect.unit is 'image'\n"
    assert capfd.readouterr().err == shout


def test_contradictory_near_duplicates_are_listed_and_in_no_part():
    index = tables.FOV_INDEX.read(Path("index.csv"))
    index.loc[[0, 100, 200], "duplicate_group"] = "g"  # normal, benign mass, malignant mass
    tables.FOV_INDEX.write(index, Path("index.csv"))
    certificates = run("out")
    listed = tables.QUARANTINE.read(Path("out/splits/quarantine.csv"))
    assert listed["image_id"].tolist() == index["image_id"][[0, 100, 200]].tolist()
    assert {name: c["quarantined_images"] for name, c in certificates.items()} == {"detect": 1, "classify": 2}
    assert not set(listed["image_id"]) & set(tables.SPLIT.read(Path("out/splits/classify.csv"))["image_id"])


def test_a_frozen_split_is_read_from_its_folder():
    with pytest.raises(InputError, match=r"frozen/detect.csv: frozen split not found; write it with `nonmass freeze`"):
        run("out", assignment="frozen")
    before = run("out", assignment="hashed")
    freeze(Path("out/splits"), Path("frozen"), ("detect", "classify"))
    after = run("again", assignment="frozen")
    assert [c["assignment"] for c in after.values()] == [c["assignment"] for c in before.values()]


def test_a_filter_reads_the_table_of_patients():
    Path("params.yaml").write_text(
        PARAMS.replace("    ratio: [7", '    test: {birads: "5"}\n    ratio: [7').replace("UNIT", "patient")
    )
    main("split", *map(Path, (*INPUTS, "frozen", "out/splits", "out/split.json")))
    split = tables.SPLIT.read(Path("out/splits/detect.csv"))
    patients = tables.PATIENTS.read(Path("patients.csv"))
    asked = set(patients.loc[patients["birads"] == "5", "patient_id"])
    assert set(split.loc[split["part"] == "test", "patient_id"]) == asked & set(split["patient_id"])


def test_folds_cover_everybody_once_and_are_certified():
    Path("params.yaml").write_text(PARAMS.replace("UNIT", "image"))
    for fold in (1, 2, 3):
        main("folds", fold, *map(Path, (*INPUTS, f"folds/{fold}", f"folds/{fold}/split.json")))
    for name, n in (("detect", 240), ("classify", 160)):
        splits = [tables.SPLIT.read(Path(f"folds/{fold}/{name}.csv")) for fold in (1, 2, 3)]
        tested = pd.concat(split[split["part"] == "test"] for split in splits)
        assert len(tested) == tested["image_id"].nunique() == n
        for fold in (1, 2, 3):
            certificate = json.loads(Path(f"folds/{fold}/split.json").read_text())[name]
            assert (certificate["disjoint"], certificate["unit"]) == (1, "patient")


def test_a_fold_that_params_do_not_name_is_one_line():
    Path("params.yaml").write_text(PARAMS.replace("UNIT", "patient"))
    with pytest.raises(InputError, match=r"fold 4: params.yaml names folds 1 to 3"):
        main("folds", 4, *map(Path, (*INPUTS, "folds/4", "folds/4/split.json")))


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
            device="X", **BLANK,
        )  # fmt: skip
        tables.INVENTORY.write(of_cohort[list(tables.INVENTORY.columns)], Path(f"cohorts/{cohort}/files.csv"))
        people = of_cohort[["patient_id", "cohort"]].drop_duplicates()
        tables.PATIENTS.write(people, Path(f"cohorts/{cohort}/patients.csv"))
        nothing = pd.DataFrame(columns=list(tables.PROBLEMS.columns))
        tables.PROBLEMS.write(nothing, Path(f"cohorts/{cohort}/problems.csv"))
    names = ("cohorts", "manifest.csv", "patients.csv", "copies.csv", "problems.csv", "data.json")
    places = [Path(name) for name in names]
    params = {"cohorts": list(cohorts), "criteria": [], "ingest": {"on_problem": "stop"}}
    run_stage("manifest", *places, params=params)
    manifest = tables.MANIFEST.read(Path("manifest.csv"))
    used = manifest[manifest["excluded"] == ""]
    assert used["image_id"].str.split("-").str[1].is_unique and len(used) < len(files)
    columns = {name: 0 if kind != "text" else "" for name, kind in tables.FOV_INDEX.columns.items()}
    tables.FOV_INDEX.write(pd.DataFrame({**columns, "image_id": used["image_id"]}), Path("index.csv"))
    Path("params.yaml").write_text("split: {seed: 1}\ntasks:\n  classify:" + PARAMS.partition("  classify:")[2])
    main("split", *map(Path, (*INPUTS, "frozen", "out/splits", "out/split.json")))
    part = tables.SPLIT.read(Path("out/splits/classify.csv")).groupby("patient_id")["part"].first()
    assert set(part[[f"n{n}" for n in range(20)]]) == {"external"}
    assert not {f"m{n}" for n in range(10)} & set(part.index)  # withheld: they are in the external set
    certificate = json.loads(Path("out/split.json").read_text())["classify"]
    assert certificate["disjoint"] == 1
    assert certificate["withheld_images"] == 20
