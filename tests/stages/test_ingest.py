"""`ingest` and `manifest` on a hand-made cohort, and on BUSI and BUS-BRA where they are at hand."""

import importlib.util
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from nonmass.errors import InputError

STAGES = Path(__file__).parents[2] / "stages"
PARAMS = """
cohorts: [BUSI, clinic]
ingest: {on_problem: stop}
parallel: {dask_scheduler: ""}
criteria:
  - {name: no pathology, of: {finding: non_mass}, keep: {pathology: {known: true}}}
sources:
  BUSI: {adapter: busi}
  BUSBRA: {adapter: busbra}
  clinic:
    adapter: folder
    table: list.csv
    columns: {file: file, patient: who, finding: finding, pathology: histology}
    values: {finding: {NML: non_mass}}
    patient_ids: hash
    extra: {age_years: age}
  empty: {adapter: busi}
  lost: {adapter: busi}
  other: {adapter: zip}
"""


def stage(name):
    spec = importlib.util.spec_from_file_location(f"stage_{name}", STAGES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def draw(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 6), level).save(path)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with params.yaml and a raw folder, in which the stages run."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NONMASS_SALT", "a secret of this test")
    for name, level in (("benign/benign (1)", 1), ("malignant/malignant (1)", 2), ("malignant/malignant (2)", 1)):
        draw(tmp_path / "elsewhere" / f"{name}.png", level)
    draw(tmp_path / "elsewhere/normal/normal (1).png", 3)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/BUSI").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    for number in (4, 5, 6):
        draw(tmp_path / f"raw/clinic/{number}.png", number)
    (tmp_path / "raw/clinic/list.csv").write_text(
        "file,who,finding,histology,age\n4.png,Ms A,NML,benign,41\n5.png,Ms A,NML,benign,41\n6.png,Ms B,NML,,60\n"
    )
    for name in ("benign", "malignant", "normal"):
        (tmp_path / "raw/empty" / name).mkdir(parents=True)
    return tmp_path


def run_both(cohorts, out):
    for cohort in cohorts:
        stage("ingest")(cohort, Path("raw"), out / "cohorts" / cohort)
    tables = [out / name for name in ("manifest.csv", "patients.csv", "copies.csv", "ingest_problems.csv")]
    stage("manifest")(out / "cohorts", *tables, out / "data.json")


def test_two_cohorts_become_one_manifest(workplace):
    run_both(["BUSI", "clinic"], Path("data"))
    manifest = pd.read_csv("data/manifest.csv", keep_default_na=False)
    assert list(manifest["image_id"]) == sorted(manifest["image_id"])
    by_path = manifest.set_index("path")
    assert by_path.loc["BUSI/benign/benign (1).png", "excluded"] == "contradictory duplicate"
    assert "BUSI/malignant/malignant (2).png" not in by_path.index
    copies = pd.read_csv("data/copies.csv", keep_default_na=False).set_index("path")["excluded"]
    assert copies["BUSI/malignant/malignant (2).png"] == "contradictory duplicate"
    assert set(by_path["width_px"]) == {8} and set(by_path["height_px"]) == {6}
    counts = json.loads(Path("data/data.json").read_text())
    assert counts["BUSI"]["read"] == {"images": 4, "patients": 3}  # of one file twice: without ids, it is the patient
    assert counts["BUSI"]["steps"]["1_contradictory_duplicate"] == {
        "excluded": {"images": 2, "patients": 1},
        "left": {"images": 2, "patients": 2},
    }
    assert counts["BUSI"]["mass_malignant"] == counts["BUSI"]["normal"] == {"images": 1, "patients": 1}
    assert counts["clinic"]["non_mass_benign"] == {"images": 2, "patients": 1}
    assert counts["clinic"]["steps"]["4_no_pathology"]["excluded"] == {"images": 1, "patients": 1}
    assert counts["all"]["images"] == 4
    patients = pd.read_csv("data/patients.csv", keep_default_na=False, dtype=str)
    assert sorted(patients["age_years"]) == ["", "", "", "41", "60"]
    assert set(manifest["patient_id"]) <= set(patients["patient_id"])
    written = "".join(path.read_text() for path in Path("data").rglob("*.*"))
    assert "Ms" not in written


def test_a_second_run_gives_the_same_bytes(workplace):
    outputs = []
    for out in (Path("one"), Path("two")):
        run_both(["BUSI", "clinic"], out)
        outputs.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")})
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("cohort", "message"),
    [
        ("lost", "raw/lost: not found; link or copy the data there, see docs/data.md"),
        ("empty", "raw/empty: no images found by adapter 'busi'"),
        ("other", "sources.other: .*'zip'.*'phantom', 'busi', 'busbra', 'folder'"),
        ("absent", "section 'sources.absent' is missing"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(workplace, cohort, message):
    with pytest.raises(InputError, match=message):
        stage("ingest")(cohort, Path("raw"), Path("out"))
    assert not Path("out").exists()


def test_a_corrupt_image_is_listed_and_stops_the_manifest(workplace):
    Path("raw/clinic/5.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(
        InputError, match=r"1 problem\(s\) in clinic: file is no readable image \(1\); see data/ingest_p"
    ):
        run_both(["BUSI", "clinic"], Path("data"))
    assert len(pd.read_csv("data/ingest_problems.csv")) == 1
    Path("params.yaml").write_text(PARAMS.replace("stop", "exclude"))
    run_both(["BUSI", "clinic"], Path("data"))
    counts = json.loads(Path("data/data.json").read_text())["clinic"]
    assert counts["problems"] == {"file_is_no_readable_image": 1}
    assert counts["read"] == {"images": 2, "patients": 2}


@pytest.fixture
def real_data(workplace):
    """BUSI and BUS-BRA, linked into the raw folder; the environment variable NONMASS_DATA says where they lie."""
    place = Path(os.environ.get("NONMASS_DATA", "/nowhere"))
    if not (place / "BUSI").is_dir() or not (place / "BUSBRA").is_dir():
        pytest.skip("NOT RUN: set NONMASS_DATA to the folder that holds BUSI and BUSBRA")
    (workplace / "raw/BUSI").unlink()
    for name in ("BUSI", "BUSBRA"):
        (workplace / "raw" / name).symlink_to(place / name, target_is_directory=True)
    Path("params.yaml").write_text(PARAMS.replace("[BUSI, clinic]", "[BUSBRA, BUSI]"))
    return workplace


@pytest.mark.real_data
def test_the_public_sets_are_as_described(real_data):
    """The known double stands out, and no other; patients, labels and masks agree with the sets' own tables."""
    run_both(["BUSI", "BUSBRA"], Path("data"))
    manifest = pd.read_csv("data/manifest.csv", keep_default_na=False)
    excluded = manifest[manifest["excluded"] != ""]
    assert list(excluded["path"]) == ["BUSI/Dataset_BUSI_with_GT/benign/benign (433).png"]
    table = pd.read_csv("raw/BUSBRA/bus_data.csv")
    counts = json.loads(Path("data/data.json").read_text())["BUSBRA"]
    assert (counts["images"], counts["patients"]) == (len(table), table["Case"].nunique())
    for pathology, rows in table.groupby("Pathology"):
        assert counts[f"mass_{pathology}"] == {"images": len(rows), "patients": rows["Case"].nunique()}
    lesions = manifest["finding"] == "mass"
    assert (lesions == (manifest["mask_path"] != "")).all()
    masks = {mask for masks in manifest["mask_path"] for mask in masks.split("|") if mask.startswith("BUSI")}
    files = {path.name for path in Path("raw/BUSI").rglob("*_mask*.png") if path.parent.name != "normal"}
    assert files - {Path(mask).name for mask in masks} == {"malignant (145)_mask.png"}
