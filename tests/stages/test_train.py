"""stages/train.py on a few drawn images."""

import json
from importlib.metadata import version

import pandas as pd
import pytest
from safetensors import safe_open

from nonmass import tables
from nonmass.errors import InputError

pytestmark = pytest.mark.usefixtures("torch_globals")

PARAMS = {
    "networks": {"tiny": {"timm": "test_efficientnet", "weights": "none"}},
    "train": {"epochs": 2, "batch_size": 8},
    "runtime": {"threads": 1, "deterministic": True, "precision": "32-true"},
}


@pytest.fixture
def train(run_stage, tiny_world, tmp_path):
    def run(folder="model", task="classify", params=PARAMS, backbone="tiny"):
        model_dir = tmp_path / folder
        run_stage("train", task, backbone, tiny_world.split_csv, tiny_world.images_dir, model_dir, params=params)
        return model_dir

    return run


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_it_writes_weights_history_and_record_and_the_same_bytes_twice(train):
    first = train("one")
    assert list(bytes_of(first)) == ["history.csv", "model.json", "model.safetensors"]
    assert bytes_of(train("two")) == bytes_of(first)

    history = tables.HISTORY.read(first / "history.csv")
    record = json.loads((first / "model.json").read_text())
    assert record["task"] == "classify"
    assert record["backbone"] == "tiny"
    assert record["timm"] == "test_efficientnet"
    assert record["timm_version"] == version("timm")
    assert record["side_px"] == 32
    assert record["epochs"] == len(history) == 2
    assert record["best_epoch"] == history["val_loss"].idxmin()
    assert record["val_loss"] == pytest.approx(history["val_loss"].min(), abs=1e-6)
    with safe_open(first / "model.safetensors", "pt") as weights:
        assert weights.metadata() is None, "no host, time or path in the file"
        sizes = [weights.get_tensor(name).numel() for name in weights.keys()]  # noqa: SIM118
    assert record["parameters"] < sum(sizes), "batch statistics are stored but not trained"


def test_tasks_and_seeds_start_from_weights_of_their_own(train):
    base = bytes_of(train("classify"))["model.safetensors"]
    assert bytes_of(train("detect", task="detect"))["model.safetensors"] != base
    seeded = {**PARAMS, "train": {**PARAMS["train"], "seed": 99}}
    assert bytes_of(train("seeded", params=seeded))["model.safetensors"] != base


def test_the_history_is_whole_while_training_goes_on(train, tmp_path, monkeypatch):
    lengths = []
    write = tables.Table.write

    def watch(table, frame, path):
        write(table, frame, path)
        lengths.append(len(tables.HISTORY.read(path)))
        assert [entry.name for entry in path.parent.iterdir()] == ["history.csv"]

    monkeypatch.setattr(tables.Table, "write", watch)
    train()
    assert lengths == [1, 2]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"train": {"epochs": 0}}, "params.yaml: train.epochs: "),
        ({"train": {"epoch": 1}}, "params.yaml: train.epoch: unknown key"),
        ({"runtime": {"precision": "16"}}, "params.yaml: runtime.precision: "),
        ({"networks": {"tiny": {"timm": "test_resnett"}}}, "near: test_resnet"),
        ({"networks": {"tiny": {"timm": "dpn48b"}}}, "needs a linear classifier"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_leaves_no_model(train, tmp_path, change, part):
    params = {section: {**PARAMS[section], **change.get(section, {})} for section in PARAMS}
    if "networks" in change:
        params["networks"] = {"tiny": {**PARAMS["networks"]["tiny"], **change["networks"]["tiny"]}}
    with pytest.raises(InputError) as error:
        train(params=params)
    assert part in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "model").exists()


def test_an_unknown_task_or_backbone_lists_the_known_ones(train):
    with pytest.raises(InputError, match=r"'lr_decay\.detection' is missing; there is: classify, detect"):
        train(task="detection")
    with pytest.raises(InputError, match=r"'networks\.huge' is missing; there is: .*tiny"):
        train(backbone="huge")


def test_parts_without_two_classes_and_missing_images_are_one_line(train, tiny_world):
    tables.SPLIT.write(tiny_world.split.assign(truth=1), tiny_world.split_csv)
    with pytest.raises(InputError, match="part 'train' holds one class only"):
        train()
    tables.SPLIT.write(tiny_world.split[tiny_world.split["part"] != "val"], tiny_world.split_csv)
    with pytest.raises(InputError, match="split"):
        train()
    tables.SPLIT.write(tiny_world.split, tiny_world.split_csv)
    next(tiny_world.images_dir.glob("*.png")).unlink()
    with pytest.raises(InputError, match=r"\.png: missing"):
        train()


def test_what_is_not_for_training_does_not_reach_it(train, tiny_world):
    first = bytes_of(train("one"))
    split = tiny_world.split
    hidden = split["part"].isin(["test", "external"])
    for image_id in split.loc[hidden, "image_id"]:
        (tiny_world.images_dir / f"{image_id}.png").unlink()
    turned = split.assign(truth=split["truth"].where(~hidden, 1 - split["truth"]))
    tables.SPLIT.write(pd.DataFrame(turned), tiny_world.split_csv)
    assert bytes_of(train("two")) == first


def test_as_a_program_it_fails_in_one_line(run_program, write_params, capsys):
    write_params(**{**PARAMS, "train": {**PARAMS["train"], "lr": -1}})
    assert run_program("train", "detect", "tiny", "split.csv", "images", "model") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: params.yaml: train.lr: input should be greater than 0 (got -1)\n"
