"""Stage `phantom`: params in, a cohort's folder out."""

import pytest

from nonmass.errors import InputError
from nonmass.phantom.generate import IMAGES, PATIENTS


def test_writes_the_patients_that_params_ask_for(run_stage, tmp_path):
    phantom = {"patients": {"normal": 1, "mass": 2, "non_mass": 1}, "ineligible": 0}
    run_stage("phantom", tmp_path / "out", params={"phantom": phantom})
    images, patients = IMAGES.read(tmp_path / "out/images.csv"), PATIENTS.read(tmp_path / "out/patients.csv")
    assert len(patients) == 4
    assert images.groupby("finding")["patient"].nunique().to_dict() == {"mass": 2, "non_mass": 1, "normal": 1}
    assert all((tmp_path / "out" / file).is_file() for file in images["file"])


def test_nobody_asked_for_gives_empty_tables(run_stage, tmp_path):
    phantom = {"patients": {"normal": 0, "mass": 0, "non_mass": 0}, "ineligible": 0}
    run_stage("phantom", tmp_path / "out", params={"phantom": phantom})
    assert len(IMAGES.read(tmp_path / "out/images.csv")) == 0


def test_a_wrong_key_is_named(run_stage, tmp_path):
    with pytest.raises(InputError, match=r"phantom\.patients\.cyst: unknown key; allowed: mass, non_mass, normal"):
        run_stage("phantom", tmp_path / "out", params={"phantom": {"patients": {"cyst": 3}}})
