"""The stage as DVC calls it: manifest and patients in, tests of characteristics out."""

import json

import pandas as pd
import pytest
from scipy import stats

from nonmass import tables
from nonmass.errors import InputError

HEADINGS = (
    "image_id,cohort,path,frame,patient_id,patient_group,finding,pathology,device,us_regions,width_px,height_px,"
    "mask_path,mask_id,excluded\n"
)
AGES = [41, 52, 38, 47, 60, 55, 49, 71]


@pytest.fixture
def inputs(tmp_path):
    rows = [f"c-{n},c,{n}.png,0,p{n},p{n},non_mass,{'benign' if n < 4 else 'malignant'},,,9,9,,,\n" for n in range(9)]
    (tmp_path / "manifest.csv").write_text(HEADINGS + "".join(rows))
    found = dict.fromkeys(tables.FOV_INDEX.columns, "") | dict.fromkeys(tables.BOX_COLUMNS, 0) | {"confidence": 1.0}
    index = pd.DataFrame({**found, "image_id": [f"c-{n}" for n in range(9)], "accepted": 1})
    index.loc[8, ["reject", "accepted"]] = ["m-mode", 0]  # the ninth patient has no image of the breast
    tables.FOV_INDEX.write(index, tmp_path / "fov.csv")
    people = [f"p{n},c,{age}\n" for n, age in enumerate([*AGES, 99])]
    (tmp_path / "patients.csv").write_text("patient_id,cohort,age_years\n" + "".join(people))
    return tmp_path


def test_stage_writes_tests_and_the_software_that_made_them(inputs, run_stage):
    out = inputs / "reports"
    places = [
        inputs / "manifest.csv",
        inputs / "fov.csv",
        inputs / "patients.csv",
        out / "tests.csv",
        out / "software.json",
    ]
    run_stage("describe", *places)
    (row,) = tables.CHARACTERISTICS.read(out / "tests.csv").to_dict("records")
    assert (row["finding"], row["characteristic"], row["test"]) == ("non_mass", "age_years", "Welch's t-test")
    assert float(row["p"]) == pytest.approx(stats.ttest_ind(AGES[:4], AGES[4:], equal_var=False).pvalue, abs=1e-12)
    assert json.loads((out / "software.json").read_text())["R"]
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    run_stage("describe", *places)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_stage_names_the_file_that_is_missing(inputs, run_stage):
    (inputs / "patients.csv").unlink()
    with pytest.raises(InputError, match=r"patients\.csv: patients not found"):
        run_stage(
            "describe",
            inputs / "manifest.csv",
            inputs / "fov.csv",
            inputs / "patients.csv",
            inputs / "t.csv",
            inputs / "s.json",
        )
