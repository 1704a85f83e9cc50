"""The stage `environment`: one file of what the models and the statistics were computed with."""

import json

import pytest

from nonmass.errors import InputError


def write(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_records_that_agree_give_one_value_and_others_all(tmp_path, run_stage):
    for task, threads in (("detect", 1), ("classify", 2)):
        record = {"torch_version": "2.12.1", "threads": threads, "val_auc": 0.9}
        write(tmp_path / "models" / task / "net" / "1" / "model.json", **record)
        write(tmp_path / "measures" / f"{task}_software.json", R="4.2.2")
    folders = [tmp_path / "models" / "detect", tmp_path / "models" / "classify", tmp_path / "measures"]
    run_stage("environment", *folders, tmp_path / "environment.json")
    found = json.loads((tmp_path / "environment.json").read_text(encoding="utf-8"))
    assert found["statistics"] == {"R": "4.2.2"}
    assert found["training"]["torch_version"] == "2.12.1"
    assert found["training"]["threads"] == "1 | 2"
    assert found["training"]["timm_version"] == "not recorded"
    assert "val_auc" not in found["training"]


def test_nothing_to_join_is_said(tmp_path, run_stage):
    with pytest.raises(InputError, match="no record"):
        run_stage("environment", *[tmp_path / name for name in "abc"], tmp_path / "environment.json")
