"""stages/check.py: what params no longer name is cleared, and nothing else."""

import pytest

from nonmass.errors import InputError

PARAMS = {"backbones": ["mobilenet_448"], "cohorts": ["phantom"], "train": {"seeds": [1, 20]}}
KEPT = (
    "cohorts/phantom/manifest.csv",
    "models/detect/mobilenet_448/1/model.json",
    "models/detect/mobilenet_448/20/model.json",
    "predictions/detect/mobilenet_448.csv",
    "predictions/seeds/detect/mobilenet_448.csv",
)
CLEARED = (
    "cohorts/elsewhere/manifest.csv",
    "models/detect/densenet121_448/1/model.json",
    "models/detect/mobilenet_448/2/model.json",
    "models/detect/mobilenet_448/model.json",
    "predictions/detect/densenet121_448.csv",
    "predictions/seeds/detect/densenet121_448.csv",
)


@pytest.fixture
def check(run_stage, tmp_path):
    for name in (*KEPT, *CLEARED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def run(**changes):
        backbones = [tmp_path / name for name in ("models/detect", "predictions/detect", "predictions/seeds/detect")]
        arguments = (tmp_path / "raw", tmp_path / "checked.txt", [tmp_path / "cohorts"], backbones, backbones[:1])
        run_stage("check", *arguments, params={**PARAMS, **changes})

    return run


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_results_of_gone_cohorts_backbones_and_seeds_are_cleared(check, tmp_path):
    check()
    assert files(tmp_path) == {*KEPT, "checked.txt", "params.yaml"}
    assert (tmp_path / "checked.txt").read_text() == "params.yaml is valid\n"


def test_nothing_is_cleared_by_params_that_are_wrong(check, tmp_path):
    with pytest.raises(InputError, match=r"params\.yaml: train\.seeds: names a seed twice"):
        check(train={"seeds": [1, 1]})
    assert files(tmp_path) == {*KEPT, *CLEARED, "params.yaml"}
