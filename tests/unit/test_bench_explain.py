"""The benchmark on a tiny network: what it measures. How fast anything is is not tested."""

import pytest

from nonmass.bench.explain import bench_explain
from nonmass.params import load

pytestmark = pytest.mark.usefixtures("torch_globals")


def test_each_backbone_is_measured_beside_its_limit(write_params, tmp_path):
    networks = {"tiny": {"timm": "test_resnet", "weights": "none"}}
    params = load(write_params(backbones=["tiny"], networks=networks, runtime={"threads": 1}))
    table = bench_explain(params, tmp_path / "bench", 3, 64)
    [row] = table.to_dict("records")
    assert (row["backbone"], row["images"]) == ("tiny", 3)
    assert row["ratio"] == pytest.approx(row["explain_s"] / row["forward_backward_s"])
    assert row["peak_mib"] > 50
    assert len(list((tmp_path / "bench").glob("image*.png"))) == 3
