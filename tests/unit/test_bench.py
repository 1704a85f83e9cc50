"""The benchmark on a handful of screens: what it counts, and what it refuses. How long things take is not tested."""

import numpy as np
import pytest

from nonmass.bench.crop import bench_crop
from nonmass.bench.data import STAGES, bench_data, measure
from nonmass.bench.predict import Plan, bench_predict
from nonmass.errors import InputError
from nonmass.fov.finder import FindParams


@pytest.mark.slow
def test_every_stage_of_every_size_has_its_cost(project, tmp_path):
    table = bench_data(project, tmp_path, (160, 200))
    assert list(table["stage"]) == ["decoding alone", *STAGES] * 2
    assert list(table["screens"]) == [160] * (1 + len(STAGES)) + [200] * (1 + len(STAGES))
    assert (table["seconds"] > 0).all() and (table.loc[table["stage"] == "crop", "peak_mib"] > 50).all()
    assert (table.loc[table["screens"] == 160, "times_smallest"] == 1).all()
    for size in (160, 200):
        assert len(list((tmp_path / str(size) / "data" / "fov" / "images").iterdir())) == size


def test_every_way_to_crop_has_its_time():
    params = FindParams(agreement_iou=0.95, layout_min_images=5, layout_max_images=30)
    table = bench_crop(2, params).set_index("way")
    assert list(table.index) == ["decode, resize, encode", "known layout box", "box found", "box found, marks listed"]
    assert (table["median_ms"] > 0).all() and (table["p95_ms"] >= table["median_ms"]).all()
    assert table.loc["decode, resize, encode", "times_limit"] == 1


def test_another_cohort_is_refused(write_params, tmp_path):
    params = write_params(cohorts=["BUSI"])
    with pytest.raises(InputError, match=r"cohorts must be \[phantom\]"):
        bench_data(params.parent, tmp_path / "bench", (10,))
    assert not (tmp_path / "bench").exists()


def test_a_command_that_fails_says_why(tmp_path):
    (tmp_path / "fails.py").write_text(
        "import sys\nsys.stderr.write('error: no data\\n\u2570\u2500\u2500\u256f\\n')\nsys.exit(1)\n"
    )
    with pytest.raises(InputError, match=r"^fails\.py: failed: error: no data$"):
        measure(["python", str(tmp_path / "fails.py")], tmp_path)


def test_every_backbone_has_its_cost_of_answers(write_params, tmp_path, monkeypatch, torch_globals):
    networks = {name: {"timm": "test_resnet", "weights": "none"} for name in ("one", "two")}
    write_params(backbones=list(networks), networks=networks, runtime={"threads": 1})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "screens").mkdir()
    table = bench_predict(tmp_path / "screens", Plan(screens=5, batch=2, side_px=64))
    assert list(table["backbone"]) == ["one", "two"]
    assert list(table["screens"]) == [5, 5]
    assert (table[["networks_ms", "screens_ms", "networks_cpu_ms", "preparing_cpu_ms"]] > 0).all(axis=None)
    assert np.allclose(table["times_networks"], table["screens_ms"] / table["networks_ms"])
    assert np.allclose(table["least_times"] - 1, table["preparing_cpu_ms"] / table["networks_cpu_ms"])
