"""The stage on a network that timm makes for tests."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from nonmass.entry import run_stage
from nonmass.report.records import Network

ROOT = Path(__file__).parents[2]
STAGE = runpy.run_path(str(ROOT / "stages" / "networks.py"))


def test_networks_are_described_twice_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {
        "crop": {"side_px": 64},
        "backbones": ["small"],
        "networks": {
            "small": {"timm": "test_resnet", "weights": "none"},
            "unused": {"timm": "vgg11", "weights": "none"},
        },
    }
    (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("first.json", "second.json"):
        monkeypatch.setattr(sys, "argv", ["networks.py", name])
        with pytest.raises(SystemExit) as left:
            run_stage(STAGE["main"])
        assert left.value.code == 0
    assert Path("first.json").read_bytes() == Path("second.json").read_bytes()
    described = json.loads(Path("first.json").read_text(encoding="utf-8"))
    assert list(described) == ["small"]
    assert Network.model_validate(described["small"]).side_px == 64
