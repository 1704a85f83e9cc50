"""Profiles: each names the same keys, each gives valid params, and the default is `demo`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nonmass.cli import app
from nonmass.params import load
from nonmass.profile import apply_profile
from nonmass.schema import check_params

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def profile(name):
    return load(ROOT / "profiles" / f"{name}.yaml")


@pytest.mark.parametrize("name", PROFILES)
def test_all_profiles_name_the_same_keys(name):
    """Otherwise what is in force would depend on which profile was applied before."""
    assert list(profile(name)) == list(profile("demo"))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_gives_valid_params(name, tmp_path):
    params = load(ROOT / "params.yaml")
    apply_profile(params, profile(name), name)
    for cohort in params["cohorts"]:
        (tmp_path / cohort).mkdir()
    check_params(params, tmp_path)


def test_the_committed_params_are_the_demo():
    assert apply_profile(load(ROOT / "params.yaml"), profile("demo"), "demo") == {}


def spoilt(content):
    """Every number of the sections of the recipe, changed, so that only a profile can put it right."""
    for name in ("train", "lr_decay", "tasks", "phantom"):
        content[name] = _changed(content[name])
    content["crop"]["side_px"] = 64
    return content


def _changed(value):
    if isinstance(value, dict):
        return {key: _changed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner) for inner in value]
    return value + 1 if isinstance(value, int | float) else value


def test_the_paper_profile_holds_the_numbers_of_the_paper():
    """BMC Med Inform Decis Mak 2023;23:174, section Methods."""
    params = spoilt(load(ROOT / "params.yaml"))
    apply_profile(params, profile("paper"), "paper")
    assert params["crop"]["side_px"] == 448
    train = params["train"]
    assert (train["epochs"], train["early_stopping_epochs"], train["batch_size"], train["lr"]) == (300, 15, 16, 0.001)
    assert params["lr_decay"]["classify"] == {"after_epochs": 5, "factor": 0.1}
    assert params["lr_decay"]["detect"]["after_epochs"] == 0
    assert params["tasks"]["detect"]["ratio"] == [7, 1, 2]
    assert params["tasks"]["classify"]["ratio"] == [8, 1, 1]
    assert params["phantom"]["patients"] == {"normal": 596, "mass": 3447, "non_mass": 228}


def test_there_and_back_leaves_params_as_they_were(tmp_path, monkeypatch):
    """Comments and layout included."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    monkeypatch.chdir(tmp_path)
    for name in ("public", "paper", "demo"):
        assert CliRunner().invoke(app, ["profile", name], catch_exceptions=False).exit_code == 0
    assert (tmp_path / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()
