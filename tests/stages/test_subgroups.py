"""The stage `subgroups`: which group an image is in, what is too few, and no identities."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eval_inputs import IMAGES, write_images

from nonmass.entry import run_stage
from nonmass.subgroups import SubgroupParams, characteristics
from nonmass.tables import MANIFEST, MARKS, PATIENTS, PREDICTIONS, SUBGROUPS

STAGE = runpy.run_path(str(Path(__file__).parents[2] / "stages" / "subgroups.py"))
ARGUMENTS = ("detect", "predictions", "split.json", "manifest.csv", "patients.csv", "fov.csv", "marks.csv", "out.csv")
PARAMS = SubgroupParams(min_patients=5, age_years=(40, 50), lesion_size_mm=(10,))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_images(tmp_path)
    truth = np.arange(90) // 3 % 2
    rows = pd.DataFrame({"image_id": IMAGES, "patient_id": [f"p{n // 3}" for n in range(90)], "truth": truth})
    rows = rows.assign(part="test", logit=truth + np.sin(np.arange(90)), score=0.5, assignment="0123456789abcdef")
    PREDICTIONS.write(rows, tmp_path / "predictions" / "net.csv")
    seal = {"assignment": "0123456789abcdef", "disjoint": 1, "unit": "patient", "parts": {"test": {"images": 90}}}
    (tmp_path / "split.json").write_text(json.dumps({"detect": seal}))
    (tmp_path / "params.yaml").write_text(
        "backbones: [net]\nroc: {confidence_level: 0.95, cutoff_rule: youden, sensitivity: 0.95}\n"
        "subgroups: {min_patients: 5, age_years: [40, 50], lesion_size_mm: [10]}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["subgroups.py", *ARGUMENTS])
    return tmp_path


def run():
    with pytest.raises(SystemExit) as left:
        run_stage(STAGE["main"])
    return left.value.code


def test_writes_areas_by_group_and_no_patient(folder):
    assert run() == 0
    found = SUBGROUPS.read(folder / "out.csv").set_index(["characteristic", "level"])
    assert set(found.loc["device"].index) == {"Phantom A", "Phantom B"}
    assert set(found.loc["age_years"].index) == {"0 to < 40", "40 to < 50", "50 or more"}
    assert found.loc[("age_years", "0 to < 40"), "images"] == 30
    assert (found.loc["device"]["auc"] != "").all()
    assert found.loc[("lesion_size_mm", ""), "note"] == found.loc[("birads", ""), "note"] != ""
    assert set(found.loc["caliper"].index) == {"found", "none found"}
    assert "p1" not in (folder / "out.csv").read_text().replace("positive", "")


def test_predictions_of_another_split_are_one_line(folder, capsys):
    text = (folder / "split.json").read_text()
    (folder / "split.json").write_text(text.replace("0123456789abcdef", "fedcba9876543210"))
    assert run() == 1
    assert capsys.readouterr().err.startswith("error: predictions/net.csv: stale predictions")


def test_bands_begin_where_params_say_and_words_are_unknown(folder):
    patients = PATIENTS.read(folder / "patients.csv")
    ages = ["39.9", "40", "45-50", "", "50", *["60"] * 25]
    groups = characteristics(
        MANIFEST.read(folder / "manifest.csv"),
        patients.sort_values("patient_id", key=lambda ids: ids.str[1:].astype(int)).assign(age_years=ages),
        MARKS.read(folder / "marks.csv"),
        PARAMS,
    )
    bands = groups["age_years"].iloc[::3].tolist()
    assert bands[:5] == ["0 to < 40", "40 to < 50", "", "", "50 or more"]
    assert groups["caliper"].iloc[:2].tolist() == ["found", "none found"]


def test_bands_that_fall_are_refused():
    with pytest.raises(ValueError, match="bands must rise"):
        SubgroupParams(min_patients=5, age_years=(50, 40), lesion_size_mm=(10,))
