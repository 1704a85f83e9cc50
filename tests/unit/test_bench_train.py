"""The training benchmark on a tiny network: what it measures and says. How fast anything is is not tested."""

import cv2
import numpy as np
import pytest
import torch

from nonmass.bench import train as module
from nonmass.bench.data import Cost
from nonmass.bench.train import Plan, bench_train, machine
from nonmass.errors import InputError
from nonmass.params import load
from nonmass.tables import SPLIT

pytestmark = [
    pytest.mark.usefixtures("torch_globals"),
    # Workers of a plain loop are forked, about which Python 3.12 warns.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning"),
]

SPEEDS = ["plain", "ours", "limit"]


@pytest.fixture
def plan(write_params):
    changes = {
        "backbones": ["tiny"],
        "networks": {"tiny": {"timm": "test_efficientnet", "weights": "none"}},
        "runtime": {"threads": 1, "precision": 32},
    }
    return Plan(load(write_params(**changes)), side_px=32, batch_size=4, steps=2, rounds=1)


def check(table):
    assert list(table["backbone"]) == ["tiny"]
    assert (table[SPEEDS] > 0).all(axis=None)
    np.testing.assert_allclose(table["ours_limit"], table["ours"] / table["limit"])
    np.testing.assert_allclose(table["ours_plain"], table["ours"] / table["plain"])


def test_each_backbone_is_measured_three_ways_and_started_once(plan, project, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(module, "measure", lambda command, place: started.append((command, place)) or Cost(3.0, 500.0))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bench"
    folder.mkdir()
    table = bench_train(project, folder, plan)
    check(table)
    assert table[["start_s", "peak_mib"]].to_numpy().tolist() == [[3.0, 500.0]]
    [(command, place)] = started
    assert command[2:] == ["detect", "tiny", "1", "split.csv", "images", "models/detect/tiny/1"]
    assert place == folder
    assert not (tmp_path / ".train").exists(), "states of a benchmark are no one's to resume"
    split = SPLIT.read(folder / "split.csv")
    assert split["part"].tolist() == ["train"] * 4 + ["val"] * 2
    for part in ("train", "val"):
        assert set(split.loc[split["part"] == part, "truth"]) == {0, 1}


@pytest.mark.slow
def test_the_real_train_stage_is_timed(plan, project, tmp_path):
    table = bench_train(project, tmp_path, plan)
    check(table)
    assert table["start_s"].item() > 0.5
    assert table["peak_mib"].item() > 100
    assert (tmp_path / "models" / "detect" / "tiny" / "1" / "model.safetensors").is_file()


def test_images_are_those_of_a_cropped_set(plan, tmp_path):
    rows = module._draw_set(tmp_path / "images", plan)
    assert len(rows) == 2 * 4 + 2
    image = cv2.imread(str(tmp_path / "images" / f"{rows['image_id'][3]}.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (32, 32)
    assert image.dtype == np.uint8
    assert image[:8].mean() > image[-8:].mean() > 10
    assert image.std() > 10


def test_settings_of_the_plain_loop_end_with_it():
    torch.use_deterministic_algorithms(True)
    with module._as_torch_comes():
        assert not torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("precision", "expected"),
    [(32, "32-true, batch 4, side 32 px"), ("bf16", "bf16-mixed, batch 4, side 32 px")],
)
def test_the_machine_and_the_targets_are_named(plan, precision, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    content = {**plan.params, "runtime": {**plan.params["runtime"], "precision": precision}}
    line = machine(Plan(content, 32, 4, 2, 1))
    assert expected in line
    assert "1 threads" in line
    assert "ours_limit >= 0.95" in line
    assert ("ours_plain >= 3.00" in line) == (precision == "bf16")


def test_a_faulty_param_is_one_line(plan):
    content = {**plan.params, "augment": {**plan.params["augment"], "mirror": 2.0}}
    with pytest.raises(InputError, match=r"augment\.mirror"):
        _ = Plan(content, 32, 4, 2, 1).recipe
