"""What a network is made of, against torch's own counter of operations and a net counted by hand."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nonmass.architecture import describe_network
from nonmass.network import build_network


def test_a_small_network_is_counted_by_hand():
    body = torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3, padding=1, groups=2), torch.nn.ReLU())
    network = torch.nn.Sequential()
    network.add_module("stem", torch.nn.Conv2d(1, 4, 3, stride=2, padding=1))
    network.add_module("norm", torch.nn.BatchNorm2d(4))
    network.add_module("body", body)
    network.add_module("pool", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    network.add_module("head", torch.nn.Linear(6, 1))
    found = describe_network(network, 8)
    stem, conv, head = 4 * 16 * 9, 6 * 16 * 2 * 9, 6
    assert (found["multiply_adds"], found["layers"]) == (stem + conv + head, 3)
    assert found["parameters"] == (4 * 9 + 4) + 8 + (6 * 2 * 9 + 6) + 7
    first = found["blocks"]["01_stem"]
    assert first == {
        "name": "stem",
        "kind": "Conv2d",
        "channels": 4,
        "height_px": 4,
        "width_px": 4,
        "layers": 1,
        "parameters": 4 * 9 + 4 + 8,  # with the norm behind it
        "multiply_adds": stem,
    }
    assert list(found["blocks"]) == ["01_stem", "02_body_0", "03_pool_0", "04_pool_1", "05_head"]


@pytest.mark.parametrize("architecture", ["mobilenetv1_100", "test_vit"])
def test_sums_are_those_of_torchs_own_counter(architecture):
    side_px = 64 if architecture == "mobilenetv1_100" else 160
    network = build_network(architecture, side_px=side_px)
    found = describe_network(network, side_px)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, side_px, side_px))
    counts = counter.get_flop_counts()["Global"]
    assert sum(n for kind, n in counts.items() if "attention" not in str(kind)) == 2 * found["multiply_adds"]
    assert found["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert sum(block["multiply_adds"] for block in found["blocks"].values()) == found["multiply_adds"]
