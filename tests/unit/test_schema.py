import copy

import pytest

from nonmass.errors import InputError
from nonmass.params import load
from nonmass.schema import check_params, strangers


@pytest.fixture
def content(project):
    return copy.deepcopy(load(project / "params.yaml"))


def test_the_committed_params_pass(content, tmp_path):
    check_params(content, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.lr", "1e-3x", r"params.yaml: train.lr: input should be a valid number \(got '1e-3x'\)"),
        ("train.rate", 1, "params.yaml: train.rate: unknown key; allowed: batch_size, dropout, early_stopping_epochs"),
        ("train.batch_size", 1, "train.batch_size: input should be greater than or equal to 2"),
        ("backbones", [], "params.yaml: backbones: .* at least 1 item"),
        ("backbones", ["mobilenet_448", "mobilenet_448"], "backbones names 'mobilenet_448' twice"),
        ("backbones", ["resnet"], "backbones names 'resnet', but section networks has no such key"),
        ("backbones", ["a/../b"], "params.yaml: backbones.0: string should match pattern"),
        ("cohorts", ["elsewhere"], "cohorts names 'elsewhere', but section sources has no such key"),
        ("networks.mobilenet_448.timm", "mobilenetv1_10", "no such architecture; near: mobilenetv1_100"),
        ("sources.phantom.colour", "red", "params.yaml: sources.phantom.colour: unknown key; allowed: adapter"),
        ("tasks.detect.ratio", [7, 1], "params.yaml: tasks.detect.ratio"),
        (
            "lr_decay",
            {"detect": {"after_epochs": 0, "factor": 0.1}},
            "the graph names 'classify', but section lr_decay",
        ),
        ("splits", {"seed": 1}, "params.yaml: splits: unknown section; allowed: augment, backbones"),
        ("phantom.patients.normal", -1, "params.yaml: phantom.patients.normal: input should be greater than or equal"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(content, tmp_path, key, value, message):
    *sections, last = key.split(".")
    at = content
    for section in sections:
        at = at[section]
    at[last] = value
    with pytest.raises(InputError, match=message) as error:
        check_params(content, tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_missing_section_is_named(content, tmp_path):
    del content["runtime"]
    with pytest.raises(InputError, match=r"params\.yaml: runtime: required section is missing"):
        check_params(content, tmp_path)


def test_the_folder_of_a_cohort_must_be_there(content, tmp_path):
    content["cohorts"] = ["BUSI"]
    content["sources"] = {"BUSI": {"adapter": "busi"}}
    with pytest.raises(InputError, match=r"BUSI: not found; link or copy the data there, see docs/data\.md"):
        check_params(content, tmp_path)
    (tmp_path / "BUSI").mkdir()
    check_params(content, tmp_path)


def test_only_results_of_unknown_members_are_strangers(tmp_path):
    for name in ("a.csv", "b.csv", "old.csv"):
        (tmp_path / name).touch()
    (tmp_path / "older").mkdir()
    assert strangers([tmp_path, tmp_path / "absent"], ["a", "b"]) == [tmp_path / "old.csv", tmp_path / "older"]


def test_a_file_of_weights_must_be_there(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content["networks"]["mobilenet_448"]["weights"] = "data/weights/some.safetensors"
    with pytest.raises(InputError, match=r"data/weights/some\.safetensors: no such file of initial weights"):
        check_params(content, tmp_path)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "some.safetensors").write_bytes(b"weights")
    check_params(content, tmp_path)
    content["networks"]["mobilenet_448"]["weights_sha256"] = "0" * 64
    with pytest.raises(InputError, match="not the weights that params name"):
        check_params(content, tmp_path)


def test_a_warm_up_ends_before_the_training_does(content, tmp_path):
    content["train"] |= {"epochs": 5, "warmup_epochs": 5}
    check_params(content, tmp_path)
    content["train"]["warmup_epochs"] = 6
    with pytest.raises(InputError, match=r"train\.warmup_epochs is 6, but all of train\.epochs are 5"):
        check_params(content, tmp_path)
