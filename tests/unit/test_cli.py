"""What a person types, and what comes back."""

import pytest
from typer.testing import CliRunner

from nonmass.cli import app
from nonmass.errors import InputError
from nonmass.params import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "fast.yaml").write_text("train.epochs: 2\ntasks.detect.positive: {cohort: BUSI}\n")
    (tmp_path / "params.yaml").write_text(
        "train: {epochs: 12, lr: 1e-3}  # short\ntasks:\n  detect:\n    positive: {finding: non_mass}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def profile(*words):
    return CliRunner().invoke(app, ["profile", *words], catch_exceptions=False)


def test_a_profile_is_applied_and_shown(folder):
    result = profile("fast")
    assert result.output.splitlines() == [
        "train.epochs: 12 -> 2",
        "tasks.detect.positive: {finding: non_mass} -> {cohort: BUSI}",
    ]
    assert load() == {"train": {"epochs": 2, "lr": 0.001}, "tasks": {"detect": {"positive": {"cohort": "BUSI"}}}}
    assert "# short" in (folder / "params.yaml").read_text()
    assert profile("fast").output == "params.yaml has the values of profile fast already\n"


def test_a_dry_run_changes_nothing(folder):
    before = (folder / "params.yaml").read_bytes()
    assert "train.epochs: 12 -> 2" in profile("fast", "--dry-run").output
    assert (folder / "params.yaml").read_bytes() == before


def test_an_unknown_profile_names_the_known_ones(folder):
    with pytest.raises(InputError, match="profile slow: not found; there are: fast"):
        profile("slow")
