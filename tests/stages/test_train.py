"""stages/train.py on a few drawn images."""

import errno
import json
import os
import signal
from importlib.metadata import version

import pandas as pd
import pytest
from safetensors import safe_open

from nonmass import tables
from nonmass.errors import InputError
from nonmass.resume import MODULES

pytestmark = pytest.mark.usefixtures("torch_globals")

PARAMS = {
    "networks": {"tiny": {"timm": "test_efficientnet", "weights": "none"}},
    "train": {"epochs": 2, "batch_size": 8},
    "runtime": {"threads": 1, "deterministic": True, "precision": 32},
}


@pytest.fixture
def train(run_stage, tiny_world, tmp_path):
    def run(folder="model", task="classify", params=PARAMS, backbone="tiny", seed=1):
        model_dir = tmp_path / folder
        arguments = (task, backbone, seed, tiny_world.split_csv, tiny_world.images_dir, model_dir)
        run_stage("train", *arguments, params=params)
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
    assert record["seed"] == 1
    assert record["precision"] == "32-true"
    assert (record["devices"], record["nodes"], record["threads"]) == (1, 1, 1)
    assert record["device"] in ("cpu", "cuda")
    assert record["weights_sha256"] == ""
    assert record["timm"] == "test_efficientnet"
    assert record["timm_version"] == version("timm")
    assert record["side_px"] == 32
    assert record["epochs"] == len(history) == 2
    assert record["kept_epoch"] == len(history) - 1
    assert record["val_loss"] == pytest.approx(history["val_loss"].iloc[-1], abs=1e-6)
    with safe_open(first / "model.safetensors", "pt") as weights:
        assert weights.metadata() is None, "no host, time or path in the file"
        sizes = [weights.get_tensor(name).numel() for name in weights.keys()]  # noqa: SIM118
    assert record["parameters"] < sum(sizes), "batch statistics are stored but not trained"


def test_tasks_and_seeds_start_from_weights_of_their_own(train):
    base = bytes_of(train("classify"))["model.safetensors"]
    assert bytes_of(train("detect", task="detect"))["model.safetensors"] != base
    assert bytes_of(train("seeded", seed=99))["model.safetensors"] != base
    listed = {**PARAMS, "train": {**PARAMS["train"], "seeds": [5, 1]}}
    assert bytes_of(train("listed", params=listed))["model.safetensors"] == base, "the other seeds do not matter"


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
        ({"runtime": {"precision": 16}}, "params.yaml: runtime.precision: "),
        ({"networks": {"tiny": {"timm": "test_resnett"}}}, "near: test_resnet"),
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
    image = min(tiny_world.images_dir.glob("*.png"))
    image.write_bytes(b"")
    with pytest.raises(InputError, match=rf"{image.name}: missing or not an 8-bit gray PNG"):
        train()
    image.unlink()
    with pytest.raises(InputError, match=rf"{image.name}: missing"):
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


def test_nothing_is_left_of_the_state_when_all_is_done(train, tmp_path):
    train()
    assert [path for path in (tmp_path / ".train").rglob("*")] == []


def test_stopped_and_started_again_it_writes_the_same_bytes(train, tmp_path, monkeypatch, capsys):
    params = {**PARAMS, "train": {**PARAMS["train"], "epochs": 4}}
    whole = bytes_of(train("whole", params=params))
    write = tables.Table.write

    def write_and_stop(table, frame, path):
        write(table, frame, path)
        if len(frame) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(tables.Table, "write", write_and_stop)
        with pytest.raises(SystemExit) as left:
            train("stopped", params=params)
    assert left.value.code == 130
    assert list(bytes_of(tmp_path / "stopped")) == ["history.csv"]
    for path in (tmp_path / "stopped").iterdir():  # as DVC does before it runs a stage again
        path.unlink()
    capsys.readouterr()
    assert bytes_of(train("stopped", params=params)) == whole
    assert "epoch 3/4" in capsys.readouterr().err, "it went on with the third epoch"


def test_another_recipe_does_not_go_on_from_a_stale_state(train, tmp_path, monkeypatch):
    params = {**PARAMS, "train": {**PARAMS["train"], "lr": 0.01}}
    whole = bytes_of(train("whole", params=params))
    with monkeypatch.context() as patch:
        patch.setattr("nonmass.network.save_file", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train("changed")
    (stale,) = (tmp_path / ".train").rglob("*.safetensors")
    assert bytes_of(train("changed", params=params)) == whole
    assert not stale.exists()


@pytest.mark.parametrize("place", ["history.csv", "model.safetensors", "model.json"])
def test_a_full_disk_is_one_line_and_the_next_run_ends_the_same(train, tmp_path, monkeypatch, place):
    whole = bytes_of(train("whole"))
    replace = os.replace

    def full(source, target, **options):
        if os.fspath(target).endswith(place):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(InputError, match=r"not written: No space left on device; make room") as error:
            train("full")
    assert len(str(error.value).splitlines()) == 1
    assert place not in bytes_of(tmp_path / "full")
    assert bytes_of(train("full")) == whole


def test_it_runs_by_hand_with_nothing_but_the_torch_side(tiny_world, write_params, python, project):
    """Only params.yaml, crops and split are there, as on a GPU node; R, DVC and what draws are not asked for."""
    write_params(**{**PARAMS, "train": {"epochs": 1, "batch_size": 8}})
    arguments = ["classify", "tiny", "1", str(tiny_world.split_csv), str(tiny_world.images_dir), "model"]
    program = f"""
import runpy, sys
sys.argv = {["train.py", *arguments]!r}
try:
    runpy.run_path({str(project / "stages" / "train.py")!r}, run_name="__main__")
except SystemExit as left:
    assert left.code == 0, left.code
loaded = {{name.split(".")[0] for name in sys.modules}}
print(sorted(loaded & {{"rpy2", "dvc", "matplotlib", "pytorch_lightning", "lightning", "torchmetrics", "pydicom"}}))
print(sorted(name.removeprefix("nonmass.") for name in sys.modules if name.startswith("nonmass.")))
"""
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
    foreign, ours = done.stdout.splitlines()
    assert foreign == "[]"
    assert ours == str(sorted(MODULES)), "the fingerprint counts all the code that a training runs, and no other"


def test_as_a_program_it_fails_in_one_line(run_program, write_params, capsys):
    write_params(**{**PARAMS, "train": {**PARAMS["train"], "lr": -1}})
    assert run_program("train", "detect", "tiny", "1", "split.csv", "images", "model") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: params.yaml: train.lr: input should be greater than 0 (got -1)\n"
